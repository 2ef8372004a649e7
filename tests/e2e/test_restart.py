"""A controller that starts where everything is true already: it reads, and that is all."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from pathlib import Path

import pytest

from support.e2e import KUSTOMIZATION, PATIENCE, World, kustomization, ready, repository, working, world
from trueup.core.model.objects import ObjectRef
from trueup.devtools.localcluster import Cluster
from trueup.devtools.localcluster.process.ports import Ports, choose_ports
from trueup.kube.transport import RequestDone
from trueup.runtime.controller import Controller
from trueup.runtime.settings import Settings

MAPS = ("", "ConfigMap")
UNITS = 1000
READS = {"get", "list", "watch"}
OWN = {"leases.coordination.k8s.io", "selfsubjectaccessreviews.authorization.k8s.io"}
"""What a controller writes for itself, whatever its units do; a review asks what it may do, and changes nothing."""


class Counted:
    """An observer of a client that counts its requests."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str]] = Counter()
        self.last_write = time.monotonic()

    def __call__(self, done: RequestDone) -> None:
        """Take note of a request."""
        self.requests[done.verb, done.resource] += 1
        if done.verb not in READS and done.resource not in OWN:
            self.last_write = time.monotonic()

    @property
    def writes(self) -> dict[tuple[str, str], int]:
        """What was written, but for the controller's own lease."""
        return {key: n for key, n in self.requests.items() if key[0] not in READS and key[1] not in OWN}

    async def quiet(self, seconds: float, patience: float = PATIENCE) -> None:
        """Wait until nothing has been written for a while."""
        async with asyncio.timeout(patience):
            while (left := self.last_write + seconds - time.monotonic()) > 0:
                await asyncio.sleep(left)


@pytest.mark.timeout(1800)
async def test_a_restart_with_a_thousand_settled_units_writes_and_renders_nothing(tmp_path: Path) -> None:
    first, again = Counted(), Counted()
    # At another address its artifacts would have other URLs, which sources' statuses show.
    listen = f"127.0.0.1:{choose_ports(Ports()).api}"
    async with (
        Cluster.start(ephemeral=True, nodes=1) as cluster,
        world(cluster, tmp_path, observer=first, poll=1.0, jitter=0.0, listen=listen) as made,
    ):
        files = {
            f"{n}/map.yaml": f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: map-{n}}}\ndata: {{a: b}}\n"
            for n in range(UNITS)
        }
        made.repository("team/many", files)
        began = time.monotonic()
        await made.apply(repository("many", "https://github.com/team/many"))
        await asyncio.gather(*(made.apply(kustomization(f"many-{n}", f"./{n}", "many")) for n in range(UNITS)))
        await all_ready(made)
        cold = time.monotonic() - began
        # A state that was not stored with its verdict is stored some time later.
        await first.quiet(35.0)
        await made.stop()
        settings = Settings(
            kubeconfig=str(cluster.kubeconfig), data=tmp_path / "data", poll=1.0, jitter=0.0, listen=listen
        )
        began = time.monotonic()
        async with working(Controller(settings, again)) as controller:
            session = controller.session
            assert session is not None
            async with asyncio.timeout(PATIENCE):
                while len(session.engine.registry.all()) < UNITS:
                    await asyncio.sleep(0.01)
                await session.engine.queue.idle()
            seconds = time.monotonic() - began
            await again.quiet(5.0)
            assert session.renderer.renders == 0
            assert again.writes == {}
            # It is no blindness: each object is watched.
            await made.patch(MAPS, "flux-system", "map-7", {"data": {"a": "by hand"}})
            await made.until(MAPS, "flux-system", "map-7", lambda body: body is not None and body["data"]["a"] == "b")
        print(f"{UNITS} units: cold {cold:.1f} s; restarted {seconds:.1f} s, {again.requests.total()} requests")
        assert again.requests.total() < 200, again.requests


async def all_ready(made: World) -> None:
    resource = await made.mapper.of(ObjectRef(*KUSTOMIZATION, "flux-system", "any"))
    async with asyncio.timeout(600):
        while True:
            listed = await made.client.list_all(resource, "flux-system")
            if len(listed.items) == UNITS and all(map(ready, listed.items)):
                return
            await asyncio.sleep(0.5)
