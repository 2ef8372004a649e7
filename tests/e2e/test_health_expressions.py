"""A Kustomization's own rules for the health of a kind, on a real API server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from support.e2e import KUSTOMIZATION, World, condition, kustomization, ready, repository, says, told
from trueup.core.model.objects import ObjectRef
from trueup.devtools.gitserver import Repository
from trueup.kube.writes import Write

WIDGET = ("shop.example", "Widget")
WHERE = "flux-system"
DEFINITION = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.shop.example}
spec:
  group: shop.example
  scope: Namespaced
  names: {kind: Widget, plural: widgets, singular: widget}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""
RULES = {
    "apiVersion": "shop.example/v1beta1",
    "kind": "Widget",
    "inProgress": "has(status.phase) && status.phase == 'Working'",
    "failed": "has(status.phase) && status.phase == 'Broken'",
    "current": "status.phase == 'Done'",
}
OF_NOW = {
    **RULES,
    "inProgress": "!has(status.observedGeneration) || status.observedGeneration != metadata.generation",
}
"""Rules by which a status of before the last change says nothing, as controllers write it."""


def widget(name: str, colour: str = "red") -> str:
    return f"apiVersion: shop.example/v1\nkind: Widget\nmetadata: {{name: {name}}}\nspec: {{colour: {colour}}}\n"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def git(world: World) -> AsyncIterator[Repository]:
    await world.apply(DEFINITION)
    made = world.repository("team/widgets", {"README.md": "x"})
    await world.apply(repository("widgets", "https://github.com/team/widgets"))
    yield made


async def phase(world: World, name: str, word: str) -> None:
    resource = await world.mapper.of(ObjectRef(*WIDGET, WHERE, name))
    body = await world.get(WIDGET, WHERE, name)
    assert body is not None
    status = {"phase": word, "observedGeneration": body["metadata"]["generation"]}
    await world.client.patch(resource, name, WHERE, {"status": status}, write=Write(subresource="status"))


async def unit(world: World, name: str, **spec: Any) -> None:
    await world.apply(kustomization(name, f"./{name}", "widgets", **{"healthCheckExprs": [RULES], **spec}))


async def test_the_rules_decide_in_flux_order(world: World, git: Repository) -> None:
    commit = git.commit({"order/widget.yaml": widget("order")}, "a widget")
    await unit(world, "order", wait=True, timeout="5m")
    await world.until(WIDGET, WHERE, "order", lambda body: body is not None)
    await world.until(KUSTOMIZATION, WHERE, "order", lambda body: condition(body, "Ready").get("status") == "Unknown")
    await phase(world, "order", "Working")
    await world.settled()
    assert not ready(await world.get(KUSTOMIZATION, WHERE, "order"))
    await phase(world, "order", "Done")
    await world.until(KUSTOMIZATION, WHERE, "order", lambda body: ready(body, commit))
    await phase(world, "order", "Broken")
    await world.until(KUSTOMIZATION, WHERE, "order", says("Widget/flux-system/order", "expression failed is true"))
    await phase(world, "order", "Done")
    await world.until(KUSTOMIZATION, WHERE, "order", lambda body: ready(body, commit))


async def test_a_named_object_is_judged_by_them_too(world: World, git: Repository) -> None:
    commit = git.commit({"named/widget.yaml": widget("named")}, "a widget")
    checks = [{"apiVersion": "shop.example/v1", "kind": "Widget", "name": "named", "namespace": WHERE}]
    await unit(world, "named", healthChecks=checks)
    await world.until(WIDGET, WHERE, "named", lambda body: body is not None)
    await phase(world, "named", "Done")
    await world.until(KUSTOMIZATION, WHERE, "named", lambda body: ready(body, commit))


async def test_a_change_that_fails_by_them_is_taken_back(world: World, git: Repository) -> None:
    good = git.commit({"taken/widget.yaml": widget("taken")}, "a widget")
    await unit(world, "taken", wait=True, healthCheckExprs=[OF_NOW])
    await world.until(WIDGET, WHERE, "taken", lambda body: body is not None)
    await phase(world, "taken", "Done")
    await world.until(KUSTOMIZATION, WHERE, "taken", lambda body: ready(body, good))
    git.commit({"taken/widget.yaml": widget("taken", "blue")}, "a widget that breaks")
    await world.until(WIDGET, WHERE, "taken", lambda body: body is not None and body["spec"]["colour"] == "blue")
    await phase(world, "taken", "Broken")
    await world.until(WIDGET, WHERE, "taken", lambda body: body is not None and body["spec"]["colour"] == "red")


@pytest.mark.parametrize(
    ("rule", "words"),
    [({"current": "status."}, "Syntax error"), ({"failed": "1 +"}, "failed of Widget")],
)
async def test_a_rule_that_cannot_be_read_is_named_and_nothing_is_applied(
    world: World, git: Repository, rule: dict[str, str], words: str
) -> None:
    name = f"unread-{next(iter(rule))}"
    git.commit({f"{name}/widget.yaml": widget(name)}, "a widget")
    await unit(world, name, healthCheckExprs=[{**RULES, **rule}])
    body = await world.until(KUSTOMIZATION, WHERE, name, says("the health expression", words))
    assert condition(body, "Ready")["reason"] == "InvalidCELExpression", told(body)
    assert await world.get(WIDGET, WHERE, name) is None
