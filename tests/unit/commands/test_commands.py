"""Commands change users' objects as their dialects' own clients do, and refuse in words what cannot be done."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from trueup.commands import PinRequest, ResumeRequest, SyncRequest, UnpinRequest, pin, resume, suspend, sync, unpin
from trueup.core.initiator import REQUESTED_BY
from trueup.core.model.dialect import Role
from trueup.core.model.objects import Body, ObjectRef
from trueup.core.model.state import EMPTY_STATE, GoodRevision, HistoryEntry, Inputs, Pin, UnitState
from trueup.core.problem import Kind, Problem
from trueup.kube.errors import Conflict, NotFound
from trueup.kube.resource import Resource
from trueup.kube.writes import PatchType, Write
from trueup.queries.objects import Objects

REPO: Body = {
    "apiVersion": "source.toolkit.fluxcd.io/v1",
    "kind": "GitRepository",
    "metadata": {"name": "repo", "namespace": "flux-system"},
    "spec": {"url": "https://example.com/r", "interval": "1m"},
}
WEB: Body = {
    "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
    "kind": "Kustomization",
    "metadata": {"name": "web", "namespace": "flux-system"},
    "spec": {"sourceRef": {"kind": "GitRepository", "name": "repo"}, "interval": "1m"},
}
APP: Body = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Application",
    "metadata": {"name": "shop", "namespace": "argocd"},
    "spec": {"syncPolicy": {"syncOptions": ["CreateNamespace=true"]}},
}


class FakeClient:
    """Takes note of patches; `refusal` is raised for the next one."""

    def __init__(self) -> None:
        self.patches: list[tuple[str, dict[str, Any]]] = []
        self.refusal: Exception | None = None

    async def patch(
        self,
        resource: Resource,
        name: str,
        namespace: str,
        patch: dict[str, Any],
        kind: PatchType = PatchType.MERGE,
        write: Write = Write(),
    ) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.patches.append((name, patch))


class FakeMapper:
    def known(self, group: str, kind: str) -> None:
        """Nothing is read by its whole name: all of a kind are listed."""

    async def of(self, ref: ObjectRef) -> Resource:
        return Resource(ref.group, "v1", f"{ref.kind.lower()}s", ref.kind, True)


class FakeObjects(Objects):
    """Some users' objects in memory."""

    def __init__(self, *bodies: Body, state: UnitState = EMPTY_STATE) -> None:
        self.fake = FakeClient()
        super().__init__(self.fake, FakeMapper())  # type: ignore[arg-type]
        self.bodies = bodies
        self.remembered = state

    async def objects(self, role: Role, namespace: str = "", kind: str = "") -> list[Body]:
        kinds = {"GitRepository": Role.SOURCE}
        return [
            body
            for body in self.bodies
            if kinds.get(body["kind"], Role.UNIT) is role
            and namespace in ("", body["metadata"]["namespace"])
            and kind in ("", body["kind"])
        ]

    async def user(self) -> str:
        return "jane"

    async def state(self, ref: ObjectRef) -> UnitState:
        return self.remembered


def suspended(body: Body) -> Body:
    if body["kind"] == "Application":
        marks = {"argocd.argoproj.io/skip-reconcile": "true"}
        return {**body, "metadata": {**body["metadata"], "annotations": marks}}
    return {**body, "spec": {**body["spec"], "suspend": True}}


QUIET = SyncRequest(wait=False)


async def test_a_sync_of_a_kustomization_is_requested_by_annotations_and_names_who_asks() -> None:
    cluster, told = FakeObjects(WEB, REPO), list[str]()
    assert await sync(cluster, "ks/web", "", QUIET, told.append) is None
    [(name, patch)] = cluster.fake.patches
    marks = patch["metadata"]["annotations"]
    token = marks["reconcile.fluxcd.io/requestedAt"]
    assert name == "web" and marks["reconcile.fluxcd.io/forceAt"] == token
    assert f"{token} jane" in marks.values()
    assert told == ["asked for a sync of Kustomization/flux-system/web"]


async def test_a_sync_of_an_application_is_an_operation_with_its_own_options() -> None:
    cluster = FakeObjects(APP)
    await sync(cluster, "shop", "", SyncRequest(revision="v2", prune=True, dry_run=True, wait=False))
    [(_, patch)] = cluster.fake.patches
    token, _, who = patch["metadata"]["annotations"][REQUESTED_BY].partition(" ")
    assert who == "jane"
    assert patch["operation"] == {
        "initiatedBy": {"username": "jane"},
        "info": [{"name": REQUESTED_BY, "value": token}],
        "sync": {"syncOptions": ["CreateNamespace=true"], "revision": "v2", "prune": True, "dryRun": True},
    }


@pytest.mark.parametrize(
    ("bodies", "word", "request_", "kind", "words"),
    [
        ((suspended(WEB), REPO), "web", QUIET, Kind.FAILED, "is suspended"),
        ((WEB, suspended(REPO)), "web", SyncRequest(with_source=True, wait=False), Kind.FAILED, "repo is suspended"),
        ((suspended(APP),), "shop", QUIET, Kind.FAILED, "is suspended"),
        (({**APP, "operation": {}},), "shop", QUIET, Kind.FAILED, "an operation under way"),
        ((WEB, REPO), "web", SyncRequest(revision="v2"), Kind.BAD_USE, "for Applications"),
        ((WEB, REPO), "wep", QUIET, Kind.NOT_FOUND, "there is no unit or source 'wep'"),
        ((WEB, REPO), "pod/web", QUIET, Kind.BAD_USE, "no kind"),
        ((WEB, REPO), "a/b/c/d", QUIET, Kind.BAD_USE, "names nothing"),
        (
            (WEB, {**WEB, "metadata": {"name": "web", "namespace": "other"}}),
            "web",
            QUIET,
            Kind.BAD_USE,
            "may be any of: kustomization/flux-system/web, kustomization/other/web",
        ),
    ],
)
async def test_what_cannot_be_synced_is_refused_and_changes_nothing(
    bodies: tuple[Body, ...], word: str, request_: SyncRequest, kind: Kind, words: str
) -> None:
    cluster = FakeObjects(*bodies)
    with pytest.raises(Problem) as caught:
        await sync(cluster, word, "", request_)
    assert words in caught.value.message and caught.value.kind is kind
    assert cluster.fake.patches == []


async def test_what_the_cluster_refuses_is_told_as_it_is() -> None:
    cluster = FakeObjects(WEB, REPO)
    cluster.fake.refusal = Conflict("the object has been modified")
    with pytest.raises(Conflict):
        await sync(cluster, "web", "", QUIET)


async def test_each_dialect_is_suspended_and_resumed_in_its_own_way() -> None:
    cluster = FakeObjects(WEB, suspended(APP), REPO)
    found = [item async for item in suspend(cluster, ["web", "shop", "gitrepo/repo"], "")]
    assert [(item.ref.name, item.already) for item in found] == [("web", False), ("shop", True), ("repo", False)]
    assert cluster.fake.patches == [("web", {"spec": {"suspend": True}}), ("repo", {"spec": {"suspend": True}})]
    cluster = FakeObjects(suspended(WEB), suspended(APP), REPO)
    request = ResumeRequest(wait=False)
    again = [item async for item in resume(cluster, ["web", "shop", "repo"], "", request)]
    assert [(item.ref.name, item.already) for item in again] == [("web", False), ("shop", False), ("repo", True)]
    (_, web), (_, shop) = cluster.fake.patches
    assert web["spec"] == {"suspend": False} and "reconcile.fluxcd.io/requestedAt" in web["metadata"]["annotations"]
    assert shop["metadata"]["annotations"]["argocd.argoproj.io/skip-reconcile"] is None


async def test_nothing_is_suspended_where_one_name_is_wrong() -> None:
    cluster = FakeObjects(WEB, REPO)
    with pytest.raises(Problem, match="there is no unit or source 'nobody'"):
        _ = [item async for item in suspend(cluster, ["web", "nobody"], "")]
    assert cluster.fake.patches == []


def deployed() -> UnitState:
    inputs = [Inputs(f"digest-{number}", f"main@sha1:{number:040x}") for number in (1, 2)]
    history = tuple(
        HistoryEntry(number, inputs[number - 1].revision, "2026-01-05", "2026-01-05", "good", sync=f"record-{number}")
        for number in (1, 2)
    )
    past = (GoodRevision(1, inputs[0], since="2026-01-05", sync="record-1"),)
    return UnitState(good=inputs[1], applied=inputs[1], good_revisions=past, history=history, next_id=3)


@pytest.mark.parametrize("to", ["", "1", "record-1", f"{1:040x}", f"{1:040x}"[:12]])
async def test_a_unit_is_pinned_to_an_earlier_deployment_by_any_of_its_names(to: str) -> None:
    cluster = FakeObjects(WEB, REPO, state=deployed())
    await pin(cluster, "web", "", PinRequest(to, "it fails", wait=False))
    [(name, patch)] = cluster.fake.patches
    marks = patch["metadata"]["annotations"]
    wish = marks["trueup.dev/request"]
    assert marks["trueup.dev/requested-by"] == f"{json.loads(wish)['token']} jane"
    asked = msgspec.json.decode(wish)
    assert name.startswith("kustomization.web") and "record-1" in wish
    assert {"jane", "it fails"} <= set(asked.values())


async def test_what_cannot_be_pinned_or_released_is_refused() -> None:
    with pytest.raises(Problem) as caught:
        await pin(FakeObjects(WEB, REPO, state=deployed()), "web", "", PinRequest("77", wait=False))
    assert caught.value.kind is Kind.BAD_USE and "trueup history" in caught.value.hint
    with pytest.raises(Problem, match="is suspended"):
        await pin(FakeObjects(suspended(WEB), REPO, state=deployed()), "web", "", PinRequest(wait=False))
    with pytest.raises(Problem, match="is not pinned"):
        await unpin(FakeObjects(WEB, REPO), "web", "", UnpinRequest(wait=False))
    lost = FakeObjects(WEB, REPO, state=deployed())
    lost.fake.refusal = NotFound("unitstates not found")
    with pytest.raises(Problem, match="nothing is remembered"):
        await pin(lost, "web", "", PinRequest(wait=False))


async def test_a_pinned_unit_is_released() -> None:
    state = msgspec.structs.replace(deployed(), pin=Pin(deployed().good or Inputs("", ""), 1, "2026-01-05", "jane"))
    cluster = FakeObjects(WEB, REPO, state=state)
    assert await unpin(cluster, "web", "", UnpinRequest("mended", wait=False)) is None
    [(_, patch)] = cluster.fake.patches
    assert list(patch["metadata"]["labels"].values()) == ["unpin"]
