"""The lease that says which controller may write, by the rules of client-go's leader election.

A holder renews well before others may take over; whoever waits watches the Lease and takes it when it was released, or
when it has not changed for its whole duration on the waiter's own clock (clocks of different machines are never
compared). `open` is a question to the local clock alone: a process that was frozen and wakes finds it closed before it
can send anything, because the clock went on.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import structlog

from trueup.core.model.objects import Body
from trueup.kube.client import KubeClient
from trueup.kube.errors import AlreadyExists, Conflict, Fenced, KubeError, NotFound
from trueup.kube.resource import Resource
from trueup.kube.writes import Write

HISTORY = "trueup.dev/history"
"""The annotation that says where the holder keeps the history of syncs."""

LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease", True)

log = structlog.get_logger(__name__)


def awake_clock() -> float:
    """Give seconds that also pass while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class LeaseTimes(msgspec.Struct, frozen=True):
    """Seconds: others may take over after `duration`; we stop writing after `renew` without having renewed; `retry` is
    the pause between renewals. The gap between `duration` and `renew` is for writes that are still under way.
    """

    duration: float = 15.0
    renew: float = 10.0
    retry: float = 2.0

    def __post_init__(self) -> None:
        """Refuse times that let two controllers write. Raises ValueError."""
        if not 0 < self.retry < self.renew < self.duration:
            raise ValueError("a lease needs retry < renew < duration")


class Lease:
    """One candidate for a lease. `run` it as a task, and end that by cancelling: the lease is then released."""

    def __init__(
        self,
        client: KubeClient,
        namespace: str,
        name: str,
        identity: str,
        times: LeaseTimes = LeaseTimes(),
        clock: Callable[[], float] = awake_clock,
    ) -> None:
        """Take the Lease's place and who we are (unique to this process)."""
        self._client = client
        self._namespace, self._name, self.identity = namespace, name, identity
        self._duration, self._renew, self._retry = times.duration, times.renew, times.retry
        self._clock = clock
        self._until = float("-inf")
        self._live: Body | None = None
        self._observed: tuple[str, float] = ("", 0.0)
        self.annotations: dict[str, str] = {}
        """Set on the Lease while it is ours: what others may want to know of its holder."""
        self.token = 0
        """How often the lease has changed hands: grows with every holder."""
        self.holder = ""
        """Who holds it, as last seen."""
        self.uid = ""
        """The Lease's uid, as soon as it was seen: it names the cluster, and the deployment of Trueup in it."""
        self.seen = asyncio.Event()
        """Set once the Lease was seen."""
        self.held = asyncio.Event()
        """Set while we hold it."""
        self.lost = asyncio.Event()
        """Set when we held it and do so no longer; cleared when it is ours again."""

    @property
    def open(self) -> bool:
        """Whether we hold the lease at this moment."""
        return self._clock() < self._until

    def check(self) -> None:
        """Raise `Fenced` unless we hold the lease at this moment."""
        if not self.open:
            raise Fenced(f"this controller does not hold the lease {self._namespace}/{self._name} (any more)")

    async def run(self) -> None:
        """Acquire the lease, keep it, try again when it was lost; release it when cancelled."""
        said = ""
        try:
            while True:
                try:
                    await self._turn()
                    said = ""
                except KubeError as error:
                    # The same again and again tells nobody more.
                    if said != (said := str(error)):
                        log.warning(
                            "the lease could not be renewed or read; trying again", lease=self._name, error=said
                        )
                    self._live = None
                if self.held.is_set():
                    if not self.open:
                        self._lose()
                    await asyncio.sleep(self._retry * random.uniform(0.9, 1.1))
                else:
                    await self._wait_change()
        finally:
            await self._release()

    async def _turn(self) -> None:
        """Look once, and take or renew the lease where that is ours to do."""
        live = self._live
        if live is None or not self.held.is_set():
            found = await self._client.find(LEASES, self._name, self._namespace)
            live = self._live = found.body if found is not None else None
        sent = self._clock()
        write = Write(manager=self.identity[:128], timeout=self._renew / 2)
        try:
            if live is None:
                body = self._body({}, transitions=0)
                reply = await self._client.create(LEASES, body, self._namespace, write)
            else:
                self._see(live)
                spec = live.get("spec") or {}
                self.holder = spec.get("holderIdentity") or ""
                if self.holder != self.identity and not self._expired(live):
                    self._lose()
                    return
                changes = int(spec.get("leaseTransitions") or 0) + (self.holder != self.identity)
                reply = await self._client.replace(LEASES, self._body(live, changes), write)
        except (Conflict, AlreadyExists, NotFound):
            # Somebody was faster; what that means is seen at the next try.
            self._live = None
            found = await self._client.find(LEASES, self._name, self._namespace)
            if found is None or (found.body.get("spec") or {}).get("holderIdentity") != self.identity:
                self._lose()
            return
        self._live = reply.body
        self._see(reply.body)
        self.token = int(self._live["spec"].get("leaseTransitions") or 0)
        self.holder = self.identity
        self._until = sent + self._renew
        if not self.held.is_set():
            self.held.set()
            self.lost.clear()
            log.info("the lease is held", lease=self._name, token=self.token)

    def _see(self, live: Body) -> None:
        self.uid = str((live.get("metadata") or {}).get("uid") or "")
        self.seen.set()

    def _expired(self, live: Body) -> bool:
        """Say whether another's lease may be taken: released, or unchanged for its duration on our clock."""
        spec = live.get("spec") or {}
        now = self._clock()
        version = str(live["metadata"].get("resourceVersion"))
        if version != self._observed[0]:
            self._observed = (version, now)
        if not spec.get("holderIdentity"):
            return True
        return now - self._observed[1] >= float(spec.get("leaseDurationSeconds") or self._duration)

    def _body(self, live: Body, transitions: int, released: bool = False) -> Body:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = dict(live.get("spec") or {})
        if spec.get("holderIdentity") != self.identity:
            spec["acquireTime"] = now
        spec |= {
            "holderIdentity": "" if released else self.identity,
            "leaseDurationSeconds": 1 if released else max(1, round(self._duration)),
            "renewTime": now,
            "leaseTransitions": transitions,
        }
        metadata: dict[str, Any] = live.get("metadata") or {"name": self._name, "namespace": self._namespace}
        if self.annotations:
            metadata = {**metadata, "annotations": {**(metadata.get("annotations") or {}), **self.annotations}}
        return {"apiVersion": LEASES.api_version, "kind": LEASES.kind, "metadata": metadata, "spec": spec}

    def _lose(self) -> None:
        self._until = float("-inf")
        if self.held.is_set():
            self.held.clear()
            self.lost.set()
            log.warning("the lease is lost", lease=self._name, holder=self.holder)

    async def _wait_change(self) -> None:
        """Wait until the Lease changes, at most for the pause between two tries."""
        if self._live is None:
            await asyncio.sleep(self._retry * random.uniform(0.5, 1.0))
            return
        query = {
            "fieldSelector": f"metadata.name={self._name}",
            "resourceVersion": str(self._live["metadata"].get("resourceVersion") or ""),
        }
        stream = self._client.watch(LEASES, self._namespace, query=query)
        try:
            async with asyncio.timeout(self._retry):
                async for lines in stream:
                    if any(lines):
                        return
            await asyncio.sleep(self._retry * random.uniform(0.5, 1.0))
        except (TimeoutError, KubeError):
            await asyncio.sleep(0.1)
        finally:
            await stream.aclose()

    async def _release(self) -> None:
        live, held = self._live, self.held.is_set()
        self._until = float("-inf")
        self.held.clear()
        if live is None or not held:
            return
        transitions = int((live.get("spec") or {}).get("leaseTransitions") or 0)
        try:
            await self._client.replace(LEASES, self._body(live, transitions, released=True), Write(timeout=3.0))
        except KubeError as error:
            log.warning("the lease could not be released", lease=self._name, error=str(error))
