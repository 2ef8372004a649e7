"""The controller's log is read in both of its forms, through the API too, and followed while it is put aside."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest
import structlog
from aiohttp import web

from trueup.kube.client import KubeClient
from trueup.kube.config.connect import Connection
from trueup.kube.transport import Limits
from trueup.queries.controller_log import Holder, LogLine, line_of, lines_of_pod, new_lines, pods_of

EVENT = {
    "timestamp": "2026-11-29T10:00:00.000000Z",
    "level": "warning",
    "event": "sync failed",
    "unit": "Kustomization/flux-system/web",
    "error": 'Deployment/shop/web: it\'s "no" = no',
    "duration": 0.5,
}


def plain() -> str:
    return str(structlog.dev.ConsoleRenderer(colors=False)(None, "warning", dict(EVENT)))


@pytest.mark.parametrize("text", [json.dumps(EVENT), plain()], ids=["json", "text"])
def test_both_forms_are_read(text: str) -> None:
    line = line_of(text)
    assert (line.at, line.level, line.event) == (EVENT["timestamp"], "warning", "sync failed")
    assert line.fields["unit"] == EVENT["unit"] and float(line.fields["duration"]) == 0.5
    assert line.names(frozenset({"Kustomization/flux-system/web"}))
    assert not line.names(frozenset({"Kustomization/flux-system/we"}))


@pytest.mark.parametrize("text", ["", "Traceback (most recent call last):", "{", "[1, 2]", '{"event": 1}'])
def test_what_is_no_line_of_ours_is_shown_as_it_is(text: str) -> None:
    assert line_of(text).level == ""


def test_a_holder_names_its_host() -> None:
    assert Holder("trueup-7d9f-x2x-1-a1b2c3", "uid").host == "trueup-7d9f-x2x"


PODS = [
    {
        "metadata": {
            "name": name,
            "namespace": "trueup-system",
            "labels": {"app": "trueup", "pod-template-hash": hash_},
        },
        "spec": {"containers": [{"name": "proxy"}, {"name": "trueup"}]},
    }
    for name, hash_ in (("trueup-1", "a"), ("trueup-2", "b"))
]
for pod in PODS:
    pod["metadata"]["annotations"] = {"kubectl.kubernetes.io/default-container": "trueup"}  # type: ignore[index]


@pytest.fixture(name="client")
async def a_cluster_with_pods() -> AsyncIterator[tuple[KubeClient, list[str]]]:
    asked: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        asked.append(request.path_qs)
        if request.path.endswith("/log"):
            return web.Response(text=f"{json.dumps(EVENT)}\n{plain()}\n")
        if request.path.endswith("/pods"):
            return web.json_response({"kind": "PodList", "metadata": {"resourceVersion": "1"}, "items": PODS})
        name = request.path.rpartition("/")[2]
        found = next((pod for pod in PODS if pod["metadata"]["name"] == name), None)
        missing = {"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404, "details": {"name": name}}
        return web.json_response(found or missing, status=200 if found else 404)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with KubeClient(Connection(f"http://127.0.0.1:{runner.addresses[0][1]}"), Limits(attempts=1)) as client:
        yield client, asked
    await runner.cleanup()


async def test_the_log_of_a_pod_is_read_from_its_own_container(client: tuple[KubeClient, list[str]]) -> None:
    api, asked = client
    found = await pods_of(api, Holder("trueup-1-1-a1b2c3", "uid"), "trueup-system")
    assert [pod["metadata"]["name"] for pod in found] == ["trueup-1", "trueup-2"], "its replicas are asked too"
    assert any("labelSelector=app%3Dtrueup" in path and "hash" not in path for path in asked)
    lines = [line async for line in lines_of_pod(api, found[0], seconds=60, follow=True)]
    assert [line.event for line in lines] == ["sync failed", "sync failed"]
    assert "container=trueup&follow=true&sinceSeconds=60" in asked[-1]


async def test_a_process_on_some_machine_is_no_pod(client: tuple[KubeClient, list[str]]) -> None:
    assert await pods_of(client[0], Holder("laptop-1-a1b2c3", "uid"), "trueup-system") == []
    assert await pods_of(client[0], Holder("", "uid"), "trueup-system") == []


async def test_a_file_is_followed_while_it_is_put_aside_and_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "host-1-a.jsonl"
    path.write_text(json.dumps({**EVENT, "event": "known"}) + "\n")
    lines = new_lines(tmp_path, {path: path.stat().st_size})

    async def the_next() -> LogLine:
        async with asyncio.timeout(30):
            return await anext(lines)

    def add(event: str, end: str = "\n") -> None:
        with path.open("a") as file:
            file.write(json.dumps({**EVENT, "event": event}) + end)

    async with aclosing(lines):
        add("first")
        assert (await the_next()).event == "first"
        add("half", end="")
        waiting = asyncio.create_task(the_next())
        await asyncio.sleep(0)
        add("", end="")
        path.write_text(path.read_text().replace(json.dumps({**EVENT, "event": ""}), "") + "\n")
        assert (await waiting).event == "half", "a line is told when it is whole"
        add("last of the old")
        path.rename(tmp_path / "host-1-a.jsonl.1")
        add("first of the new")
        assert [(await the_next()).event for _ in range(2)] == ["last of the old", "first of the new"]
        (tmp_path / "other-1-b.jsonl").write_text(json.dumps({**EVENT, "event": "of another process"}) + "\n")
        assert (await the_next()).event == "of another process"
