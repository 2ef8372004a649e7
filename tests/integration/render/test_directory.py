"""Folders of plain files: YAML, JSON and Jsonnet, chosen by globs, taken apart into objects."""

import json
from collections.abc import Callable

import pytest

from trueup.core.model.recipe import (
    AutoRecipe,
    DirectoryRecipe,
    HelmRecipe,
    JsonnetVariable,
    KustomizeRecipe,
    RenderResult,
)

from .conftest import Bench

Names = Callable[[RenderResult], list[str]]
Manifest = Callable[..., str]


async def test_every_manifest_of_the_folder_in_order(bench: Bench, manifest: Manifest, objects: Names) -> None:
    bench.write(
        {
            "app/b.yml": manifest("b1") + "---\n---\n# only a remark\n---\n" + manifest("b2"),
            "app/a.yaml": "\ufeff" + manifest("a"),
            "app/c.json": json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}),
            "app/notes.txt": "apiVersion: none\n",
            "app/deep/d.yaml": manifest("d"),
            "app/skipped.yaml": "# +argocd:skip-file-rendering\n" + manifest("skipped"),
        }
    )
    flat = await bench.render(DirectoryRecipe(path="app"))
    assert objects(flat) == ["ConfigMap a", "ConfigMap b1", "ConfigMap b2", "ConfigMap c"]
    assert [str(one.origin) for one in flat.objects] == ["app/a.yaml:1", "app/b.yml:1", "app/b.yml:10", "app/c.json:1"]
    assert flat.input_paths[""].directories == ("app",)
    deep = await bench.render(DirectoryRecipe(path="app", recurse=True))
    assert objects(deep)[-1] == "ConfigMap d"


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        ("", "", ["a", "b", "c"]),
        ("a.yaml", "", ["a"]),
        ("{a,b}.yaml", "", ["a", "b"]),
        ("", "deep/*", ["a", "b"]),
        ("*", "{b.yaml,deep/**}", ["a"]),
        ("[ab].yaml", "a*", ["b"]),
        ("nothing", "", []),
    ],
)
async def test_include_and_exclude(
    bench: Bench, manifest: Manifest, objects: Names, include: str, exclude: str, expected: list[str]
) -> None:
    bench.write({"a.yaml": manifest("a"), "b.yaml": manifest("b"), "deep/c.yaml": manifest("c")})
    result = await bench.render(DirectoryRecipe(recurse=True, include=include, exclude=exclude))
    assert objects(result) == [f"ConfigMap {name}" for name in expected]


async def test_files_beside_manifests_are_left_out_and_said_so(bench: Bench, manifest: Manifest) -> None:
    bench.write({"a.yaml": manifest("a"), "values.yaml": "replicas: 3\n", "broken.yaml": "{{ not: [yaml\n"})
    bench.write({"package.json": '{"name": "no object"}'})
    result = await bench.render(DirectoryRecipe())
    assert len(result.objects) == 1
    assert sorted(one.message.split(" ")[0] for one in result.warnings) == [
        "broken.yaml",
        "package.json:1",
        "values.yaml:1",
    ]


async def test_lists_are_taken_apart(bench: Bench, objects: Names) -> None:
    bench.write(
        {
            "list.json": json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "ConfigMapList",
                    "items": [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}} for name in "ab"],
                }
            )
        }
    )
    assert objects(await bench.render(DirectoryRecipe())) == ["ConfigMap a", "ConfigMap b"]


async def test_the_same_object_twice_is_said(bench: Bench, manifest: Manifest) -> None:
    bench.write({"a.yaml": manifest("x", "ns"), "b.yaml": manifest("x", "ns"), "c.yaml": manifest("x", "other")})
    result = await bench.render(DirectoryRecipe())
    assert [one.code for one in result.warnings] == ["duplicate-object"]
    assert "ns/x" in result.warnings[0].message and "a.yaml:1 and b.yaml:1" in result.warnings[0].message


async def test_jsonnet_with_variables_imports_and_arguments(bench: Bench, objects: Names) -> None:
    bench.write(
        {
            "app/main.jsonnet": (
                "local lib = import 'lib.libsonnet'; local beside = import 'beside.libsonnet';\n"
                "function(name, count=1) [lib.map(name + '-' + i, {from: std.extVar('env'), beside: beside, "
                "text: importstr 'text.txt'}) for i in std.range(1, count)]\n"
            ),
            "app/beside.libsonnet": "'yes'",
            "app/text.txt": "words",
            "vendor/lib.libsonnet": (
                "{ map(name, data):: {apiVersion: 'v1', kind: 'ConfigMap', metadata: {name: name}, data: data} }"
            ),
        }
    )
    result = await bench.render(
        DirectoryRecipe(
            path="app",
            libs=("vendor",),
            ext_vars=(JsonnetVariable("env", "prod"),),
            tlas=(JsonnetVariable("name", "x"), JsonnetVariable("count", "1 + 1", code=True)),
        )
    )
    assert objects(result) == ["ConfigMap x-1", "ConfigMap x-2"]
    assert result.objects[0].body["data"] == {"from": "prod", "beside": "yes", "text": "words"}
    looked = result.input_paths[""]
    assert {"vendor/lib.libsonnet", "app/beside.libsonnet", "app/text.txt"} <= set(looked.files)
    assert "vendor/beside.libsonnet" in looked.absent  # Sought in the libraries first: if it appears, it counts.


async def test_the_folder_says_which_recipe_it_is_for(bench: Bench, manifest: Manifest) -> None:
    def auto(path: str) -> AutoRecipe:
        return AutoRecipe(HelmRecipe(path=path), KustomizeRecipe(path=path), DirectoryRecipe(path=path))

    bench.write(
        {
            "plain/a.yaml": manifest("a"),
            "custom/kustomization.yml": "resources: [a.yaml]\n",
            "custom/a.yaml": manifest("a"),
            "chart/Chart.yaml": "apiVersion: v2\nname: chart\nversion: 1.0.0\n",
            "chart/templates/a.yaml": manifest("a"),
            "both/Chart.yaml": "apiVersion: v2\nname: both\nversion: 1.0.0\n",
            "both/kustomization.yaml": "resources: [a.yaml]\n",
            "both/a.yaml": manifest("a"),
        }
    )
    kinds = {path: (await bench.render(auto(path))).recipe for path in ("plain", "custom", "chart", "both")}
    assert kinds == {"plain": "directory", "custom": "kustomize", "chart": "helm", "both": "kustomize"}
    plain = await bench.render(auto("plain"))
    assert {"plain/Chart.yaml", "plain/kustomization.yaml"} <= set(plain.input_paths[""].absent)


@pytest.mark.parametrize("path", ["app", "./app", "app/", "./app/", "link", "app/../app"])
async def test_a_path_may_be_written_in_many_ways(bench: Bench, manifest: Manifest, path: str) -> None:
    bench.write({"app/x.yaml": manifest("x"), "app/kustomization.yaml": "resources: [x.yaml]\n"})
    (bench.folder / "link").symlink_to("app", target_is_directory=True)
    for recipe in (DirectoryRecipe(path=path, exclude="kustomization.yaml"), KustomizeRecipe(path=path)):
        (only,) = (await bench.render(recipe)).objects
        assert str(only.origin) == "app/x.yaml:1"


@pytest.mark.parametrize("path", [".", "", "./"])
async def test_the_artifacts_root(bench: Bench, manifest: Manifest, path: str) -> None:
    bench.write({"x.yaml": manifest("x")})
    bench.write({"Chart.yaml": "apiVersion: v2\nname: x\nversion: 1.0.0\n", "templates/y.yaml": manifest("templated")})
    assert len((await bench.render(DirectoryRecipe(path=path))).objects) == 1
    (chart,) = (await bench.render(HelmRecipe(path=path))).objects
    assert chart.origin is not None and chart.origin.path == "templates/y.yaml"
