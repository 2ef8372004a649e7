"""Channels and alerts as users declare them: watched, translated, and told what is wrong with them.

What they are is a function that a dialect brings. Upstream's definitions give these kinds no status: where they are
installed, what is wrong stands in an event alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import structlog

from trueup.core.alerting import Alert, Channel
from trueup.core.objects import Body, ObjectRef
from trueup.core.ports import Fenced
from trueup.core.telling import Complaints
from trueup.kube.client import KubeClient
from trueup.kube.discovery import Mapper
from trueup.kube.errors import KubeError
from trueup.kube.feed import ObjectFeed
from trueup.kube.writes import PatchType, Write
from trueup.workqueue import WorkQueue

log = structlog.get_logger(__name__)

RETRY_AFTER = 5.0
MANAGER = "gotk-notification-controller"

TranslateChannel: TypeAlias = Callable[[Body], Channel]
TranslateAlert: TypeAlias = Callable[[Body], Alert]
Status: TypeAlias = Callable[[Body, tuple[str, ...], tuple[str, ...]], dict[str, Any] | None]


class Alerts:
    """All channels and alerts of the cluster."""

    def __init__(
        self,
        client: KubeClient,
        mapper: Mapper,
        group: str,
        kinds: tuple[str, str],
        channel_of: TranslateChannel,
        alert_of: TranslateAlert,
        status: Status,
        complaints: Complaints,
    ) -> None:
        """Take a client whose writes are fenced, the kinds (of channels, of alerts), and what the dialect brings."""
        self._client = client
        self._mapper = mapper
        self._channel_of = channel_of
        self._alert_of = alert_of
        self._status = status
        self._complaints = complaints
        self._channel_feed = ObjectFeed(client, mapper, group, kinds[0])
        self._alert_feed = ObjectFeed(client, mapper, group, kinds[1])
        self._channels: dict[ObjectRef, Channel] = {}
        self._alerts: dict[ObjectRef, Alert] = {}
        self._told: dict[ObjectRef, tuple[str, ...]] = {}
        self._queue: WorkQueue[ObjectRef] = WorkQueue("alerts", self._look, 1)
        self._channel_feed.subscribe(self._channel_changed)
        self._alert_feed.subscribe(self._alert_changed)

    async def start(self, timeout: float = 10.0) -> None:
        """Begin to watch, and wait until both kinds were listed, at most so many seconds."""
        self._queue.start()
        for feed in (self._channel_feed, self._alert_feed):
            feed.start()
        for feed in (self._channel_feed, self._alert_feed):
            await feed.wait_synced(timeout)

    async def stop(self) -> None:
        """Stop watching."""
        await self._channel_feed.stop()
        await self._alert_feed.stop()
        await self._queue.stop()

    def alerts(self) -> tuple[Alert, ...]:
        """Give all alerts."""
        return tuple(self._alerts.values())

    def channel(self, ref: ObjectRef) -> Channel | None:
        """Give a channel, `None` where there is none of that name."""
        return self._channels.get(ref)

    def _channel_changed(self, event: str, old: Body | None, new: Body | None) -> None:
        self._changed(self._channels, self._channel_of, old, new)

    def _alert_changed(self, event: str, old: Body | None, new: Body | None) -> None:
        self._changed(self._alerts, self._alert_of, old, new)

    def _changed(
        self, known: dict[ObjectRef, Any], translate: Callable[[Body], Any], old: Body | None, new: Body | None
    ) -> None:
        body = new or old
        if body is None:
            return
        ref = ObjectRef.of(body)
        if new is None:
            known.pop(ref, None)
            self._told.pop(ref, None)
            return
        known[ref] = translate(new)
        problems = known[ref].problems
        if self._told.get(ref, ()) != problems:
            self._told[ref] = problems
            for problem in problems:
                self._complaints.complain(ref, problem)
        self._queue.add(ref)

    async def _look(self, ref: ObjectRef) -> None:
        """Write the status of an object that has problems, or had some."""
        item: Channel | Alert | None = self._channels.get(ref) or self._alerts.get(ref)
        feed = self._channel_feed if ref in self._channels else self._alert_feed
        body = feed.get(ref.namespace, ref.name)
        if item is None or body is None:
            return
        status = self._status(body, item.problems, item.warnings)
        if status is None:
            return
        try:
            resource = await self._mapper.of(ref, str(body.get("apiVersion") or "").rpartition("/")[2])
            part = "status" if "status" in resource.subresources else ""
            write = Write(manager=MANAGER, subresource=part)
            await self._client.patch(resource, ref.name, ref.namespace, {"status": status}, PatchType.MERGE, write)
        except Fenced:
            return
        except KubeError as error:
            log.warning("the status of an alert was not written; trying again", object=str(ref), error=str(error))
            self._queue.add_after(ref, RETRY_AFTER)
