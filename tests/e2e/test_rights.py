"""Each command does with exactly the rights of the roles in `deploy/rbac`, and says what is lacking with fewer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import pytest_asyncio
import structlog

from support.commands import Ended, run_trueup
from support.e2e import APPLICATION, KUSTOMIZATION, World, application, kustomization, ready, repository, synced
from trueup.kube.client import KubeClient
from trueup.kube.config.connect import default_connection
from trueup.runtime.rights import tell_missing_rights

ROLES = Path(__file__).parents[2] / "deploy" / "rbac"
URL = "https://github.com/team/rights"
WEB = """apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: 'web:1'}]}
"""
VIEWER = (
    "get",
    "get units -o wide",
    "get sources",
    "get gitrepo/rights -o json",
    "tree ks/rights",
    "tree gitrepo/rights",
    "tree app/rights",
    "why ks/rights",
    "why app/rights",
    "why gitrepo/rights",
    "blame deployment/web -n flux-system",
    "history ks/rights",
)
OPERATOR = (
    "sync ks/rights",
    "sync app/rights",
    "sync gitrepo/rights",
    "suspend ks/rights app/rights",
    "resume ks/rights app/rights",
)
NAMESPACED = (
    "get -n flux-system",
    "get ks/flux-system/rights -o wide",
    "tree ks/flux-system/rights",
    "why kustomization/flux-system/rights",
    "get sources -n flux-system",
)


@pytest_asyncio.fixture(scope="module", loop_scope="session", name="users")
async def people(
    world: World, kubectl: Callable[..., str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """A unit of each dialect, and a kubeconfig of each kind of user: of one for whom nothing is bound, too."""
    world.repository("team/rights", {"web/web.yaml": WEB})
    await world.apply(repository("rights", URL))
    await world.apply(kustomization("rights", "./web", "rights"))
    await world.apply(application("rights", URL, "web", "rights"))
    await world.until(KUSTOMIZATION, "flux-system", "rights", ready)
    await world.until(APPLICATION, "argocd", "rights", synced)
    kubectl("apply", "-f", str(ROLES))
    folder = tmp_path_factory.mktemp("users")
    made = {}
    for name in ("viewer", "operator", "namespaced", "nobody"):
        kubectl("create", "serviceaccount", name, "-n", "default")
        account = f"--serviceaccount=default:{name}"
        if name in ("viewer", "operator"):
            kubectl("create", "clusterrolebinding", f"{name}-viewer", "--clusterrole=trueup-viewer", account)
        if name == "operator":
            kubectl("create", "clusterrolebinding", "operator", "--clusterrole=trueup-operator", account)
        if name == "namespaced":
            kubectl("create", "rolebinding", name, "--clusterrole=trueup-viewer", account, "-n", "flux-system")
        config = json.loads(kubectl("config", "view", "--raw", "-o", "json"))
        config["users"] = [{"name": name, "user": {"token": kubectl("create", "token", name).strip()}}]
        for context in config["contexts"]:
            context["context"]["user"] = name
        made[name] = folder / name
        made[name].write_text(json.dumps(config))
    return made


async def as_user(world: World, config: Path, command: str) -> Ended:
    history = {} if command != "history ks/rights" else {"TRUEUP_HISTORY": "sqlite:////nonexistent/history.db"}
    return await run_trueup(world.cluster, *command.split(), "--kubeconfig", str(config), **history)


@pytest.mark.parametrize("command", VIEWER)
async def test_a_viewer_may_ask(command: str, world: World, users: dict[str, Path]) -> None:
    done = await as_user(world, users["viewer"], command)
    assert done.code == 0 and done.out.strip(), done.err
    assert "forbidden" not in done.out + done.err


@pytest.mark.parametrize("command", NAMESPACED)
async def test_whoever_has_a_namespace_may_ask_about_it(command: str, world: World, users: dict[str, Path]) -> None:
    done = await as_user(world, users["namespaced"], command)
    assert done.code == 0 and "rights" in done.out, done.err


async def test_an_operator_may_ask_for_work(world: World, users: dict[str, Path]) -> None:
    for command in OPERATOR:
        refused = await as_user(world, users["viewer"], command)
        assert refused.code == 6 and "forbidden" in refused.err, (command, refused)
        assert "docs/rights.md" in refused.err.splitlines()[-1]
        done = await as_user(world, users["operator"], command)
        assert done.code == 0, (command, done.err)


async def test_a_hint_knows_what_was_given(world: World, users: dict[str, Path]) -> None:
    done = await as_user(world, users["nobody"], "get")
    assert done.code == 6 and "-n NAMESPACE asks for less" in done.err
    context = json.loads(users["nobody"].read_text())["contexts"][0]["name"]
    done = await as_user(world, users["nobody"], f"get -n flux-system --context {context}")
    assert done.code == 6 and "asks for less" not in done.err and f"the user of context {context}" in done.err


async def test_a_controller_without_rights_says_once_what_it_lacks(users: dict[str, Path]) -> None:
    async with KubeClient(default_connection(str(users["nobody"]))) as client:
        with structlog.testing.capture_logs() as logged:
            await tell_missing_rights(client, "trueup-system")
    (line,) = logged
    assert line["log_level"] == "error" and "docs/rights.md" in line["hint"]
    for words in (
        "get, create, update on leases.coordination.k8s.io in trueup-system",
        "list, watch, patch on kustomiz",
    ):
        assert words in line["lacks"], line


async def test_a_controller_with_all_rights_says_nothing(world: World) -> None:
    with structlog.testing.capture_logs() as logged:
        await asyncio.wait_for(tell_missing_rights(world.client, "trueup-system"), 60)
    assert not logged
