"""Only who holds the lease may write: by the clock, at every moment."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from trueup.core import ports
from trueup.kube.client import KubeClient
from trueup.kube.config.connect import Connection
from trueup.kube.errors import Fenced
from trueup.kube.lease import Lease, LeaseTimes
from trueup.kube.resource import Resource
from trueup.kube.transport import Limits

MAPS = Resource("", "v1", "configmaps", "ConfigMap", True)


class LeaseServer:
    """Keeps one Lease with optimistic locking, and counts other writes."""

    def __init__(self) -> None:
        self.body: dict[str, Any] | None = None
        self.version = 0
        self.down = False
        self.others = 0
        self.changed = asyncio.Event()

    def keep(self, body: dict[str, Any]) -> web.Response:
        self.version += 1
        self.body = {**body, "metadata": {**body["metadata"], "resourceVersion": str(self.version)}}
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()
        return web.json_response(self.body)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if self.down:
            return refused(503, "ServiceUnavailable")
        if "leases" not in request.path:
            self.others += 1
            return web.json_response({"metadata": {"name": "x"}}, status=201)
        if request.query.get("watch"):
            response = web.StreamResponse()
            await response.prepare(request)
            await self.changed.wait()
            await response.write(json.dumps({"type": "MODIFIED", "object": self.body}).encode() + b"\n")
            return response
        if request.method == "GET":
            return web.json_response(self.body) if self.body else refused(404, "NotFound")
        body = json.loads(await request.read())
        if request.method == "POST":
            return refused(409, "AlreadyExists") if self.body else self.keep(body)
        if self.body is None or body["metadata"].get("resourceVersion") != str(self.version):
            return refused(409, "Conflict")
        return self.keep(body)


def refused(code: int, reason: str) -> web.Response:
    status = {"kind": "Status", "status": "Failure", "reason": reason, "code": code, "details": {"name": "l"}}
    return web.json_response(status, status=code)


@pytest.fixture
async def server() -> AsyncIterator[tuple[LeaseServer, KubeClient]]:
    kept = LeaseServer()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", kept.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    connection = Connection(f"http://127.0.0.1:{runner.addresses[0][1]}")
    async with KubeClient(connection, Limits(attempts=1)) as client:
        yield kept, client
    await runner.cleanup()


class Clock:
    """A clock that tests can move on."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return asyncio.get_running_loop().time() + self.ahead


QUICK, PATIENT = LeaseTimes(1.2, 0.8, 0.1), LeaseTimes(60, 40, 0.1)


def candidate(client: KubeClient, who: str, clock: Clock | None = None, times: LeaseTimes = QUICK) -> Lease:
    return Lease(client, "ns", "l", who, times, clock or Clock())


async def stop(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_one_of_two_holds_it_and_a_clean_stop_hands_it_over_at_once(server) -> None:
    _, client = server
    one, two = candidate(client, "one", times=PATIENT), candidate(client, "two", times=PATIENT)
    first = asyncio.create_task(one.run())
    await asyncio.wait_for(one.held.wait(), 20)
    second = asyncio.create_task(two.run())
    # The other asks several times meanwhile.
    await asyncio.sleep(1.5)
    assert one.open and not two.open
    await stop(first)
    assert not one.open
    # One that had not been handed over would be free after a minute.
    await asyncio.wait_for(two.held.wait(), 30)
    assert two.token == one.token + 1
    await stop(second)


async def test_who_wakes_after_its_time_finds_it_closed_before_writing(server) -> None:
    kept, client = server
    clock = Clock()
    one = candidate(client, "one", clock)
    task = asyncio.create_task(one.run())
    await asyncio.wait_for(one.held.wait(), 20)
    fenced = client.fenced(one.check)
    await fenced.create(MAPS, {"metadata": {"name": "x", "namespace": "ns"}})
    assert kept.others == 1
    # As after SIGSTOP: the clock went on and nothing else has run.
    clock.ahead += 100
    assert not one.open
    with pytest.raises(Fenced) as refusal:
        await fenced.create(MAPS, {"metadata": {"name": "x", "namespace": "ns"}})
    assert isinstance(refusal.value, ports.Fenced)
    assert kept.others == 1
    await stop(task)


async def test_a_lease_that_another_took_meanwhile_is_lost(server) -> None:
    kept, client = server
    one = candidate(client, "one")
    task = asyncio.create_task(one.run())
    await asyncio.wait_for(one.held.wait(), 20)
    taken = {**kept.body, "spec": {**kept.body["spec"], "holderIdentity": "two", "leaseDurationSeconds": 60}}
    kept.keep(taken)
    await asyncio.wait_for(one.lost.wait(), 20)
    assert not one.open
    await asyncio.sleep(0.5)
    assert kept.body["spec"]["holderIdentity"] == "two"
    await stop(task)
    assert kept.body["spec"]["holderIdentity"] == "two"


async def test_an_api_server_that_is_away_closes_it_in_time_and_it_comes_back(server) -> None:
    kept, client = server
    one = candidate(client, "one")
    task = asyncio.create_task(one.run())
    await asyncio.wait_for(one.held.wait(), 20)
    kept.down = True
    await asyncio.wait_for(one.lost.wait(), 3)
    assert not one.open
    kept.down = False
    await asyncio.wait_for(one.held.wait(), 20)
    assert one.open and not one.lost.is_set()
    await stop(task)


async def test_a_dead_holders_lease_is_taken_after_its_duration_and_not_before(server) -> None:
    kept, client = server
    kept.keep(
        {
            "metadata": {"name": "l", "namespace": "ns"},
            "spec": {"holderIdentity": "dead", "leaseDurationSeconds": 1, "leaseTransitions": 4},
        }
    )
    two = candidate(client, "two")
    task = asyncio.create_task(two.run())
    await asyncio.sleep(0.7)
    assert not two.open
    await asyncio.wait_for(two.held.wait(), 20)
    assert two.token == 5
    await stop(task)
