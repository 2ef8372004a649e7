"""From rendered objects to desired ones: namespaces, marks, hooks set aside, doubles told."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.core.model.objects import DEFAULT_OPTIONS, Body, ObjectOptions, ObjectRef
from trueup.core.model.recipe import DirectoryRecipe, HelmHook, Origin, RenderedObject, RenderResult, RenderWarning
from trueup.core.model.unit import Target, TrackingLabels, Unit, UnitSource
from trueup.core.plan.desired import Prepared, prepare

UNIT = Unit(
    ref=ObjectRef("argoproj.io", "Application", "argocd", "shop"),
    uid="u",
    generation=1,
    sources=(UnitSource(ObjectRef("source.toolkit.fluxcd.io", "GitRepository", "argocd", "shop"), DirectoryRecipe()),),
    spec_digest="s",
    target=Target(namespace="shop"),
)

SCOPES = {("", "ConfigMap"): True, ("", "Namespace"): False, ("apps", "Deployment"): True}


def scope(group: str, kind: str) -> bool | None:
    return SCOPES.get((group, kind))


def thing(kind: str = "ConfigMap", name: str = "web", api: str = "v1", namespace: str = "", **more: Any) -> Body:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {}), **more.pop("metadata", {})}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **more}


def prepared(*bodies: Body | RenderedObject, unit: Unit = UNIT, **more: Any) -> Prepared:
    objects = tuple(
        body if isinstance(body, RenderedObject) else RenderedObject(body, Origin(f"f{number}.yaml", line=1))
        for number, body in enumerate(bodies)
    )
    options = more.pop("options", lambda _: DEFAULT_OPTIONS)
    return prepare(RenderResult(objects, {}, "directory", "test", **more), unit, options, scope)


def homeless(unit: Unit = UNIT) -> Unit:
    return msgspec.structs.replace(unit, target=Target())


@pytest.mark.parametrize(
    ("body", "namespace"),
    [
        (thing(), "shop"),
        (thing(namespace="other"), "other"),
        (thing("Namespace"), ""),
        (thing("Namespace", namespace="wrong"), ""),
        (thing("Widget", api="example.org/v1"), "shop"),
    ],
)
def test_the_namespace_an_object_goes_to(body: Body, namespace: str) -> None:
    found = prepared(body)
    assert not found.problems
    assert found.desired[0].ref.namespace == namespace
    assert found.desired[0].body()["metadata"].get("namespace", "") == namespace


def test_a_namespaced_object_without_any_namespace_is_a_problem_that_names_object_and_file() -> None:
    found = prepared(thing(), thing("Namespace"), unit=homeless())
    assert [item.ref.kind for item in found.desired] == ["Namespace"]
    assert "ConfigMap/web names no namespace" in found.problems[0].message
    assert str(found.problems[0].origin) == "f0.yaml:1"


@pytest.mark.parametrize(("where", "namespace"), [("Cluster", ""), ("Namespaced", "shop")])
def test_a_definition_in_the_same_render_says_where_its_objects_live(where: str, namespace: str) -> None:
    definition = thing(
        "CustomResourceDefinition",
        "widgets.example.org",
        "apiextensions.k8s.io/v1",
        spec={"group": "example.org", "names": {"kind": "Widget"}, "scope": where},
    )
    widget = prepared(definition, thing("Widget", api="example.org/v1")).desired[1]
    assert widget.ref.namespace == namespace


def test_marks_name_the_owner_and_share_content() -> None:
    marks = TrackingLabels(
        labels={"app.kubernetes.io/instance": "shop"},
        annotations={"argocd.argoproj.io/tracking-id": "shop:{group}/{kind}:{home}/{name}"},
    )
    body = thing("Deployment", api="apps/v1", metadata={"labels": {"mine": "yes"}, "annotations": None})
    plain, marked = prepared(body), prepared(body, unit=msgspec.structs.replace(UNIT, marks=marks))
    metadata = marked.desired[0].body()["metadata"]
    assert metadata["labels"] == {"mine": "yes", "app.kubernetes.io/instance": "shop"}
    assert metadata["annotations"] == {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/web"}
    assert marked.desired[0].content == plain.desired[0].content
    assert marked.desired[0].digest != plain.desired[0].digest


def test_a_cluster_scoped_object_is_tracked_by_the_home_of_its_unit() -> None:
    marks = TrackingLabels(annotations={"id": "{kind}:{namespace}:{home}"})
    found = prepared(thing("Namespace"), unit=msgspec.structs.replace(UNIT, marks=marks))
    assert found.desired[0].body()["metadata"]["annotations"] == {"id": "Namespace::shop"}


def test_what_only_a_server_writes_is_dropped() -> None:
    server = {"creationTimestamp": None, "managedFields": [], "resourceVersion": "5", "uid": "x", "generation": 3}
    body = prepared(thing(metadata=server, status={"phase": "x"}, data={"a": "b"})).desired[0].body()
    assert body == thing(namespace="shop", data={"a": "b"})


def test_the_rendered_object_itself_is_not_changed() -> None:
    body = thing(metadata={"uid": "x"}, status={})
    before = msgspec.json.encode(body)
    prepared(body, unit=msgspec.structs.replace(UNIT, marks=TrackingLabels(labels={"a": "b"})))
    assert msgspec.json.encode(body) == before


def test_hooks_are_set_aside_and_never_desired() -> None:
    helm = RenderedObject(thing("Job", "migrate", "batch/v1"), None, HelmHook(("pre-install",)))
    argo = thing(name="argo")
    found = prepared(helm, argo, thing(), options=lambda body: ObjectOptions(hook=body["metadata"]["name"] == "argo"))
    assert [ref.name for ref in found.hooks] == ["migrate", "argo"]
    assert [item.ref.name for item in found.desired] == ["web"]


def test_of_an_object_rendered_twice_the_last_is_used_and_both_places_are_told() -> None:
    found = prepared(thing(data={"v": "1"}), thing(data={"v": "2"}))
    assert [item.body()["data"] for item in found.desired] == [{"v": "2"}]
    assert [item.code for item in found.warnings] == ["duplicate-object"]
    assert "f0.yaml:1" in found.warnings[0].message
    assert "f1.yaml:1" in found.warnings[0].message
    same = prepared(thing(), thing()).warnings
    assert [item.code for item in same] == ["duplicate-object"] and "twice the same" in same[0].message


def test_warnings_of_the_renderer_are_passed_on() -> None:
    found = prepared(thing(), warnings=(RenderWarning("deprecated", "old field", Origin("k.yaml")),))
    assert [(item.code, item.message) for item in found.warnings] == [("deprecated", "old field")]


def test_images_of_all_workloads_are_gathered() -> None:
    def template(*images: str) -> Body:
        return {"template": {"spec": {"containers": [{"image": image} for image in images]}}}

    found = prepared(
        thing("Deployment", "a", "apps/v1", spec=template("web:1", "side:1")),
        thing("CronJob", "b", "batch/v1", spec={"jobTemplate": {"spec": template("job:1")}}),
        thing("Pod", "c", spec={"containers": [{"image": "pod:1"}], "initContainers": [{"image": "init:1"}]}),
        thing("Widget", "d", "example.org/v1", spec={"containers": "nonsense"}),
    )
    assert found.images == ("init:1", "job:1", "pod:1", "side:1", "web:1")


NAMES = st.lists(st.sampled_from("abcdef"), unique=True)


@given(NAMES, st.randoms(use_true_random=False))
def test_the_digest_names_the_objects_whatever_their_order(names: list[str], random: Any) -> None:
    bodies = [thing(name=name) for name in names]
    digest = prepared(*bodies).digest
    random.shuffle(bodies)
    assert prepared(*bodies).digest == digest
    assert prepared(*bodies, thing(name="more")).digest != digest
