"""Kustomizations: as they stand, made for folders without one, and with the users' options laid over them."""

from collections.abc import Callable

import pytest

from trueup.core.model.recipe import (
    ImageOverride,
    KustomizeRecipe,
    Patch,
    PatchTarget,
    RenderResult,
    ReplicaOverride,
)

from .conftest import Bench

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 1
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
      - name: web
        image: example.org/web:1.0
      - name: side
        image: example.org/side
"""
BASE = {"base/kustomization.yaml": "resources: [deployment.yaml]\n", "base/deployment.yaml": DEPLOYMENT}
OVERLAY = {
    **BASE,
    "overlay/kustomization.yaml": (
        "resources: [../base, settings.yaml]\n"
        "images:\n- {name: example.org/web, newName: mirror.example.org/web, newTag: '1.1'}\n"
    ),
    "overlay/settings.yaml": (
        "# the settings\n---\n# nothing\n---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n"
    ),
}


def images(result: RenderResult) -> list[str]:
    return [one["image"] for one in result.objects[0].body["spec"]["template"]["spec"]["containers"]]


async def test_overlay_of_a_base(bench: Bench, objects: Callable[[RenderResult], list[str]]) -> None:
    bench.write(OVERLAY)
    result = await bench.render(KustomizeRecipe(path="overlay"))
    assert objects(result) == ["Deployment web", "ConfigMap settings"]
    assert images(result) == ["mirror.example.org/web:1.1", "example.org/side"]
    assert result.recipe == "kustomize" and not result.uncacheable and not result.cached


async def test_says_where_each_object_stands_and_leaves_no_trace_of_asking(bench: Bench) -> None:
    bench.write(OVERLAY)
    result = await bench.render(KustomizeRecipe(path="overlay"))
    assert [str(one.origin) for one in result.objects] == ["base/deployment.yaml:1", "overlay/settings.yaml:5"]
    assert all("annotations" not in one.body["metadata"] for one in result.objects)


async def test_says_all_that_was_looked_at(bench: Bench) -> None:
    bench.write({**OVERLAY, "unrelated/x.yaml": "a: 1\n"})
    looked = (await bench.render(KustomizeRecipe(path="overlay"))).input_paths[""]
    assert set(looked.files) == {*OVERLAY}
    assert all(not path.startswith("unrelated") for path in (*looked.absent, *looked.directories))


async def test_origin_annotations_stay_where_the_user_asks_for_them(bench: Bench) -> None:
    bench.write(BASE)
    result = await bench.render(KustomizeRecipe(path="base", build_metadata=("originAnnotations",)))
    assert "deployment.yaml" in result.objects[0].body["metadata"]["annotations"]["config.kubernetes.io/origin"]


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("example.org/web:2.0", "example.org/web:2.0"),
        ("example.org/web=other.example.org/web", "other.example.org/web:1.0"),
        ("example.org/web=other.example.org/web:2.0", "other.example.org/web:2.0"),
        (f"example.org/web@sha256:{'a' * 64}", f"example.org/web@sha256:{'a' * 64}"),
        ("example.org:5000/web:2.0", "example.org/web:1.0"),
    ],
)
async def test_image_overrides(bench: Bench, override: str, expected: str) -> None:
    bench.write(BASE)
    result = await bench.render(KustomizeRecipe(path="base", images=(ImageOverride.parse(override),)))
    assert images(result)[0] == expected


async def test_an_override_takes_the_place_of_the_kustomizations_own(bench: Bench) -> None:
    bench.write(OVERLAY)
    replaced = await bench.render(
        KustomizeRecipe(path="overlay", images=(ImageOverride("example.org/web", new_tag="3"),))
    )
    assert images(replaced)[0] == "example.org/web:3"
    kept = await bench.render(
        KustomizeRecipe(path="overlay", images=(ImageOverride("example.org/web", new_name="*", new_tag="3"),))
    )
    assert images(kept)[0] == "mirror.example.org/web:3"


async def test_options(bench: Bench, objects: Callable[[RenderResult], list[str]]) -> None:
    bench.write(BASE)
    result = await bench.render(
        KustomizeRecipe(
            path="base",
            namespace="shop",
            name_prefix="eu-",
            name_suffix="-v2",
            replicas=(ReplicaOverride("web", 3),),
            common_annotations={"team": "payments"},
            common_labels={"region": "eu"},
            metadata_labels={"owner": "ops"},
            metadata_annotations={"note": "set last"},
        )
    )
    body = result.objects[0].body
    assert objects(result) == ["Deployment shop/eu-web-v2"]
    assert body["spec"]["replicas"] == 3
    assert body["spec"]["selector"]["matchLabels"] == {"app": "web", "region": "eu"}
    assert body["metadata"]["labels"] == {"region": "eu", "owner": "ops"}
    assert body["metadata"]["annotations"] == {"team": "payments", "note": "set last"}
    assert "owner" not in body["spec"]["template"]["metadata"]["labels"]


async def test_labels_without_selectors(bench: Bench) -> None:
    bench.write(BASE)
    recipe = KustomizeRecipe(
        path="base", common_labels={"region": "eu"}, label_without_selector=True, label_include_templates=True
    )
    spec = (await bench.render(recipe)).objects[0].body["spec"]
    assert spec["selector"]["matchLabels"] == {"app": "web"}
    assert spec["template"]["metadata"]["labels"] == {"app": "web", "region": "eu"}


async def test_labels_that_are_there_already_are_replaced_only_by_force(bench: Bench) -> None:
    bench.write({**BASE, "base/kustomization.yaml": "resources: [deployment.yaml]\ncommonLabels: {region: us}\n"})
    refused = await bench.fails(KustomizeRecipe(path="base", common_labels={"region": "eu"}))
    assert refused.code == "build" and "region" in refused.message
    forced = await bench.render(KustomizeRecipe(path="base", common_labels={"region": "eu"}, force_common_labels=True))
    assert forced.objects[0].body["metadata"]["labels"] == {"region": "eu"}


async def test_patches_by_merge_by_operations_and_from_a_file(bench: Bench) -> None:
    bench.write(
        {
            **BASE,
            "base/more.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {paused: true}\n",
        }
    )
    target = PatchTarget(kind="Deployment", name="w.*")
    recipe = KustomizeRecipe(
        path="base",
        patches=(
            Patch("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {minReadySeconds: 7}\n"),
            Patch("- {op: replace, path: /spec/replicas, value: 5}\n", target=target),
            Patch("- {op: replace, path: /spec/replicas, value: 9}\n", target=PatchTarget(kind="StatefulSet")),
            Patch(path="more.yaml"),
        ),
    )
    spec = (await bench.render(recipe)).objects[0].body["spec"]
    assert (spec["minReadySeconds"], spec["replicas"], spec["paused"]) == (7, 5, True)


async def test_components(bench: Bench, manifest: Callable[..., str]) -> None:
    bench.write(
        {
            **BASE,
            "extra/kustomization.yaml": (
                "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [map.yaml]\n"
            ),
            "extra/map.yaml": manifest("extra"),
        }
    )
    result = await bench.render(KustomizeRecipe(path="base", components=("../extra",)))
    assert len(result.objects) == 2
    missing = await bench.fails(KustomizeRecipe(path="base", components=("../extra", "../gone")))
    assert "gone" in missing.message
    ignored = await bench.render(
        KustomizeRecipe(path="base", components=("../extra", "../gone"), ignore_missing_components=True)
    )
    assert len(ignored.objects) == 2
    assert "gone" in ignored.input_paths[""].absent


async def test_a_folder_without_kustomization_gets_one(
    bench: Bench, manifest: Callable[..., str], objects: Callable[[RenderResult], list[str]]
) -> None:
    bench.write(
        {
            "k8s/b.yaml": manifest("b"),
            "k8s/deep/a.yml": manifest("a"),
            "k8s/own/kustomization.yaml": "namePrefix: own-\nresources: [c.yaml]\n",
            "k8s/own/c.yaml": manifest("c"),
            "k8s/own/unused.yaml": manifest("unused"),
            "k8s/README.md": "no manifest",
            "k8s/settings.json": "{}",
        }
    )
    result = await bench.render(KustomizeRecipe(path="k8s", generate=True, namespace="prod"))
    assert sorted(objects(result)) == ["ConfigMap prod/a", "ConfigMap prod/b", "ConfigMap prod/own-c"]
    assert set(result.input_paths[""].directories) >= {"k8s", "k8s/deep"}
    refused = await bench.fails(KustomizeRecipe(path="k8s"))
    assert refused.code == "build" and "no kustomization.yaml" in refused.message


async def test_generated_config_maps_and_their_users(bench: Bench) -> None:
    using = DEPLOYMENT.replace("name: side", "name: side\n        envFrom: [{configMapRef: {name: settings}}]")
    bench.write(
        {
            "kustomization.yaml": (
                "resources: [deployment.yaml]\nconfigMapGenerator:\n- {name: settings, files: [settings.ini]}\n"
            ),
            "deployment.yaml": using,
            "settings.ini": "a = 1\n",
        }
    )
    result = await bench.render(KustomizeRecipe())
    deployment, settings = (one.body for one in result.objects)
    assert settings["metadata"]["name"].startswith("settings-") and settings["data"] == {"settings.ini": "a = 1\n"}
    used = deployment["spec"]["template"]["spec"]["containers"][1]["envFrom"][0]["configMapRef"]["name"]
    assert used == settings["metadata"]["name"]
    assert result.objects[1].origin is not None and result.objects[1].origin.path == "kustomization.yaml"


async def test_lists_are_taken_apart(bench: Bench, objects: Callable[[RenderResult], list[str]]) -> None:
    bench.write(
        {
            "kustomization.yaml": "resources: [list.yaml]\n",
            "list.yaml": (
                "apiVersion: v1\nkind: List\nitems:\n"
                "- {apiVersion: v1, kind: ConfigMap, metadata: {name: one}}\n"
                "- {apiVersion: v1, kind: ConfigMap, metadata: {name: two}}\n"
            ),
        }
    )
    assert objects(await bench.render(KustomizeRecipe())) == ["ConfigMap one", "ConfigMap two"]


async def test_large_numbers_and_texts_that_look_like_numbers_come_through(bench: Bench) -> None:
    bench.write(
        {
            "kustomization.yaml": "resources: [map.yaml]\n",
            "map.yaml": (
                "apiVersion: example.org/v1\nkind: Thing\nmetadata: {name: x}\n"
                "spec: {big: 9007199254740993, text: '0123', no: 'no', exponent: '1e3', float: 0.5}\n"
            ),
        }
    )
    spec = (await bench.render(KustomizeRecipe())).objects[0].body["spec"]
    assert spec == {"big": 9007199254740993, "text": "0123", "no": "no", "exponent": "1e3", "float": 0.5}


async def test_nothing_to_render_is_said(bench: Bench) -> None:
    bench.write({"k8s/README.md": "later"})
    result = await bench.render(KustomizeRecipe(path="k8s", generate=True))
    assert result.objects == () and [one.code for one in result.warnings] == ["empty"]


async def test_fields_that_kustomize_will_drop_are_said(bench: Bench) -> None:
    bench.write({**BASE, "base/kustomization.yaml": "resources: [deployment.yaml]\ncommonLabels: {a: b}\n"})
    (warning,) = (await bench.render(KustomizeRecipe(path="base"))).warnings
    assert warning.code == "deprecated" and "'commonLabels' is deprecated" in warning.message
    assert warning.origin is not None and warning.origin.path == "base/kustomization.yaml"


async def test_patches_of_older_versions_of_flux(bench: Bench, manifest: Callable[..., str]) -> None:
    bench.write({"app/map.yaml": manifest("map", key="old", other="stays")})
    recipe = KustomizeRecipe(
        path="app",
        generate=True,
        patches=(
            Patch(patch='{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"map"},"data":{"key":"new"}}'),
            Patch(
                patch='[{"op":"add","path":"/data/more","value":"x"}]',
                target=PatchTarget(kind="ConfigMap", name="map"),
            ),
        ),
    )
    (found,) = (await bench.render(recipe)).objects
    assert found.body["data"] == {"key": "new", "other": "stays", "more": "x"}
