"""Argo CD's notifications on a real cluster, unchanged: each is told once, also across a restart."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest_asyncio
import yaml

from support.e2e import APPLICATION, World, application, synced, world
from support.hooks import Hook, hook
from trueup.core.model.objects import Body
from trueup.devtools.gitserver import Repository
from trueup.devtools.localcluster import Cluster

WHERE = "argocd"
PREFIX = "notifications.argoproj.io/subscribe."
TOLD = "notified.notifications.argoproj.io"

CONFIGURATION = """apiVersion: v1
kind: ConfigMap
metadata: {name: argocd-notifications-cm, namespace: argocd}
data:
  context: |
    region: east
  service.webhook.hook: |
    url: URL
    headers:
    - name: Authorization
      value: Bearer $hook-token
  trigger.on-deployed: |
    - when: app.status.operationState?.phase in ['Succeeded'] and app.status.health.status == 'Healthy'
      oncePer: app.status.operationState?.syncResult?.revision
      send: [deployed]
  trigger.broken: |
    - when: app.status..
      send: [deployed]
  template.deployed: |
    webhook:
      hook:
        method: POST
        path: /deployed
        body: |
          {"said": "WORD", "app": "{{.app.metadata.name}}", "revision": "{{.app.status.sync.revision}}",
           "message": {{(call .repo.GetCommitMetadata .app.status.sync.revision).Message | trim | toJson}},
           "region": "{{.context.region}}"}
  template.app-health-degraded: |
    webhook: {hook: {method: POST, path: /degraded, body: '{"said": "degraded", "app": "{{.app.metadata.name}}"}'}}
  template.app-sync-failed: |
    webhook: {hook: {method: POST, path: /failed, body: '{"said": "failed", "app": "{{.app.metadata.name}}"}'}}
  template.app-drifted: |
    webhook: {hook: {method: POST, path: /drift, body: '{"said": "drift", "app": "{{.app.metadata.name}}"}'}}
"""
SECRET = """apiVersion: v1
kind: Secret
metadata: {name: argocd-notifications-secret, namespace: argocd}
stringData: {hook-token: s3cret-token}
"""


def web(tag: str) -> str:
    return f"""apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{containers: [{{name: web, image: 'web:{tag}'}}]}}
"""


def said(server: Hook, app: str) -> list[str]:
    """Give what was said of an Application, in order."""
    found = [json.loads(body) for body in server.bodies]
    return [each["said"] for each in found if each["app"] == app]


def configured(server: Hook, word: str = "deployed") -> str:
    return CONFIGURATION.replace("URL", server.url).replace("WORD", word)


async def start(made: World, name: str, **annotations: str) -> Repository:
    repo = made.repository(f"team/{name}", {"web.yaml": web("1")})
    body = yaml.safe_load(application(name, f"https://github.com/team/{name}", ".", name))
    wishes = {f"{PREFIX}{key.replace('_', '-')}.hook": "" for key in annotations}
    body["metadata"]["annotations"] = {"trueup.dev/rollback": "report", **wishes}
    await made.apply(yaml.safe_dump(body))
    await made.until(APPLICATION, WHERE, name, synced)
    return repo


def remembers(words: str) -> Callable[[Body | None], bool]:
    return lambda body: words in ((body or {})["metadata"].get("annotations") or {}).get(TOLD, "")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server() -> AsyncIterator[Hook]:
    async with hook() as made:
        yield made


async def test_each_change_is_told_once_also_across_a_restart(tmp_path: Path, server: Hook) -> None:
    async with Cluster.start(ephemeral=True, nodes=1) as cluster:
        async with world(cluster, tmp_path, poll=1.0, jitter=0.0) as made:
            await made.apply(configured(server) + "---\n" + SECRET)
            repo = await start(made, "web", on_deployed="", on_health_degraded="", on_sync_failed="", broken="")
            await server.until(lambda _: said(server, "web") == ["deployed"])
            first = server.received[0]
            assert first.headers["Authorization"] == "Bearer s3cret-token" and first.path == "/deployed"
            told = json.loads(first.body)
            assert told == {
                "said": "deployed",
                "app": "web",
                "revision": repo.head(),
                "message": "first",
                "region": "east",
            }
            repo.commit({"web.yaml": web("2")}, "a second")
            await server.until(lambda _: said(server, "web") == ["deployed"] * 2)
            repo.commit({"web.yaml": web("broken")}, "one that crashes")
            await server.until(lambda _: said(server, "web")[2:] == ["degraded"])
            repo.commit({"web.yaml": web("broken").replace("replicas: 1", "replicas: -1")}, "one that is refused")
            await server.until(lambda _: said(server, "web")[3:] == ["failed"])
            await made.until(APPLICATION, WHERE, "web", remembers("on-sync-failed"))
            events = await complaints(made)
            assert any("broken" in message for message in events)
            assert not any("s3cret" in message for message in events)
        async with world(cluster, tmp_path, poll=1.0, jitter=0.0) as made:
            before = len(server.received)
            other = await start(made, "later", on_deployed="", on_drift="")
            await server.until(lambda _: said(server, "later") == ["deployed"])
            assert server.bodies[before:] == server.bodies[-1:], "a restart repeats nothing"
            await made.patch(("apps", "Deployment"), "later", "web", {"spec": {"replicas": 2}})
            await server.until(lambda _: said(server, "later") == ["deployed", "drift"])
            await made.apply(configured(server, "changed"))
            other.commit({"web.yaml": web("2")}, "told in new words")
            await server.until(lambda _: len(said(server, "later")) == 3)
            repo.commit({"web.yaml": web("3")}, "mended")
            await server.until(lambda _: len(said(server, "web")) == 5)
            assert said(server, "web")[4] == "changed"


async def complaints(made: World) -> list[str]:
    """Give what was complained of as events, once there is any."""
    resource = await made.mapper.find("", "Event")
    assert resource is not None
    async with asyncio.timeout(120):
        while True:
            listing = await made.client.list_all(resource, WHERE)
            found = [body["message"] for body in listing.items if body.get("reason") == "NotificationFailed"]
            if found:
                return found
            await asyncio.sleep(0.05)
