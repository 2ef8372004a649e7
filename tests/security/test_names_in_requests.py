"""The wall of names: nobody asks for anything in another person's name."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from support.e2e import APPLICATION, KUSTOMIZATION, World, application, kustomization, ready, repository, synced
from trueup.core.model.objects import ObjectRef
from trueup.core.model.state import STATE_GROUP, STATE_KIND, state_name

STATES = (STATE_GROUP, STATE_KIND)
MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: own}}\ndata: {{v: '{}'}}\n"
BY, ASKS, AT = "trueup.dev/requested-by", "trueup.dev/request", "reconcile.fluxcd.io/requestedAt"
NAME = state_name(ObjectRef(*KUSTOMIZATION, "flux-system", "own"))
MALLORY = ("--as=mallory", "--as-group=system:masters")


@pytest.fixture(name="kubectl_as_mallory")
def as_mallory(kubectl: Callable[..., str]) -> Callable[..., str]:
    """Write annotations as Mallory, who may do all that the cluster's roles can give; gives what is said."""

    def annotate(what: str, *marks: str) -> str:
        return kubectl("-n", "flux-system", "annotate", "--overwrite", what, *marks, *MALLORY, check=False)

    return annotate


async def two_deployments(world: World) -> None:
    """Deliver a unit twice, once for all tests of this module."""
    if await world.get(KUSTOMIZATION, "flux-system", "own") is not None:
        return
    made = world.repository("team/own", {"app/map.yaml": MAP.format(1)})
    await world.apply(repository("own", "https://github.com/team/own"))
    await world.apply(kustomization("own", "./app", "own", targetNamespace="default"))
    await world.until(KUSTOMIZATION, "flux-system", "own", ready)
    second = made.commit({"app/map.yaml": MAP.format(2)}, "two")
    await world.until(KUSTOMIZATION, "flux-system", "own", lambda body: ready(body, second))
    await world.settled()


def request(token: str, wish: str = "pin", by: str = "") -> str:
    return f"{ASKS}={json.dumps({'wish': wish, 'token': token, 'by': by})}"


async def test_a_pin_in_the_name_of_an_administrator(world: World, kubectl_as_mallory: Callable[..., str]) -> None:
    await two_deployments(world)
    said = kubectl_as_mallory(f"unitstate/{NAME}", request("t1"), f"{BY}=t1 cluster-admin@example.org")
    assert "must name who makes the request" in said
    state = await world.get(STATES, "flux-system", NAME)
    assert state is not None and ASKS not in state["metadata"]["annotations"]


async def test_a_name_hidden_in_the_request_itself(
    world: World, kubectl: Callable[..., str], kubectl_as_mallory: Callable[..., str]
) -> None:
    await two_deployments(world)
    kubectl_as_mallory(f"unitstate/{NAME}", request("t2", by="cluster-admin@example.org"))
    kubectl("-n", "flux-system", "label", "--overwrite", f"unitstate/{NAME}", f"{ASKS}=pin", *MALLORY)
    seen = await world.until(STATES, "flux-system", NAME, lambda body: (body or {})["state"].get("asked") == "t2")
    assert "cluster-admin" not in json.dumps(seen["state"])


async def test_ones_own_name_is_told(
    world: World, kubectl: Callable[..., str], kubectl_as_mallory: Callable[..., str]
) -> None:
    await two_deployments(world)
    said = kubectl_as_mallory(f"unitstate/{NAME}", request("t3"), f"{BY}=t3 mallory")
    assert "must name" not in said
    kubectl("-n", "flux-system", "label", "--overwrite", f"unitstate/{NAME}", f"{ASKS}=pin", *MALLORY)
    seen = await world.until(STATES, "flux-system", NAME, lambda body: (body or {})["state"].get("asked") == "t3")
    assert seen["state"]["pin"]["by"] == "mallory"


async def test_an_earlier_request_of_somebody_else_is_not_used_again(
    world: World, kubectl: Callable[..., str], kubectl_as_mallory: Callable[..., str]
) -> None:
    await two_deployments(world)
    user = json.loads(kubectl("auth", "whoami", "-o", "json"))["status"]["userInfo"]["username"]
    what = "kustomization/own"
    first: Any = kubectl("-n", "flux-system", "annotate", "--overwrite", what, f"{AT}=first", f"{BY}=first {user}")
    assert "annotated" in first
    assert "annotated" in kubectl_as_mallory(what, f"{AT}=second"), "what Flux' own command writes is admitted"
    assert "must name who makes the request" in kubectl_as_mallory(what, f"{AT}=first")
    assert "must name who makes the request" in kubectl_as_mallory(what, f"{AT}=third", f"{BY}=third {user}")
    assert "annotated" in kubectl_as_mallory(what, f"{BY}-"), "a name may be taken off"


async def an_application(world: World) -> None:
    """Deliver an Application, once for all tests of this module."""
    if await world.get(APPLICATION, "argocd", "shown") is None:
        world.repository("team/shown", {"app/map.yaml": MAP.format(1).replace("own", "shown")})
        await world.apply(application("shown", "https://github.com/team/shown", "app", "shown"))
    await world.until(APPLICATION, "argocd", "shown", synced)
    await world.settled()


def operation(who: str, token: str = "", **marks: str | None) -> dict[str, Any]:
    info = {"info": [{"name": BY, "value": token}]} if token else {}
    wanted: dict[str, Any] = {"operation": {"initiatedBy": {"username": who}, "sync": {}, **info}}
    return {**wanted, "metadata": {"annotations": marks}} if marks else wanted


async def initiated(world: World, who: str) -> None:
    """Wait until an operation has ended that is told to be somebody's."""

    def ended(body: Any) -> bool:
        state = ((body or {}).get("status") or {}).get("operationState") or {}
        by = (state.get("operation") or {}).get("initiatedBy") or {}
        return "operation" not in body and state.get("phase") == "Succeeded" and by.get("username") == who

    await world.until(APPLICATION, "argocd", "shown", ended)


async def test_an_operation_in_the_name_of_an_administrator(world: World, kubectl: Callable[..., str]) -> None:
    """Argo CD's own server writes names so as well: such a sync is carried out, and its name is told as a claim."""
    await an_application(world)
    patch = json.dumps(operation("cluster-admin@example.org"))
    kubectl("-n", "argocd", "patch", "application/shown", "--type=merge", "-p", patch, *MALLORY)
    await initiated(world, "cluster-admin@example.org (not proven)")


async def test_an_operation_with_the_mark_of_an_administrator(world: World, kubectl: Callable[..., str]) -> None:
    await an_application(world)
    for patch in (
        operation("mallory", "o1", **{BY: "o1 cluster-admin@example.org"}),
        operation("cluster-admin@example.org", "o1", **{BY: "o1 cluster-admin@example.org"}),
    ):
        text = json.dumps(patch)
        said = kubectl("-n", "argocd", "patch", "application/shown", "--type=merge", "-p", text, *MALLORY, check=False)
        assert "must name who makes the request" in said


async def test_an_operation_that_takes_up_the_mark_of_an_earlier_one(world: World, kubectl: Callable[..., str]) -> None:
    await an_application(world)
    user = json.loads(kubectl("auth", "whoami", "-o", "json"))["status"]["userInfo"]["username"]
    ours = json.dumps(operation("whoever", "o2", **{BY: f"o2 {user}"}))
    kubectl("-n", "argocd", "patch", "application/shown", "--type=merge", "-p", ours)
    await initiated(world, user)
    text = json.dumps(operation(user, "o2"))
    said = kubectl("-n", "argocd", "patch", "application/shown", "--type=merge", "-p", text, *MALLORY, check=False)
    assert "must name who makes the request" in said
    own = json.dumps(operation("cluster-admin@example.org", "o3", **{BY: "o3 mallory"}))
    kubectl("-n", "argocd", "patch", "application/shown", "--type=merge", "-p", own, *MALLORY)
    await initiated(world, "mallory")
