"""Channels and alerts as users declare them, and what is wrong with them.

Upstream's definitions give these kinds no status: where they are installed, what is wrong stands in an event alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from trueup.controllers.kinds import Kind, KindController
from trueup.core.model.objects import Body, ObjectRef
from trueup.core.model.reports import StatusWrite
from trueup.core.notification.alerting import Alert, Channel
from trueup.core.notification.notification import Warnings
from trueup.kube.client import KubeClient
from trueup.kube.discovery import Mapper

Status: TypeAlias = Callable[[Body, tuple[str, ...], tuple[str, ...]], StatusWrite | None]


class _Problems:
    """Writes what is wrong with an object into an event and its status. Implements `Handler`."""

    def __init__(self, status: Status, warnings: Warnings) -> None:
        self._status = status
        self._warnings = warnings
        self._reported: dict[ObjectRef, tuple[str, ...]] = {}

    def changed(self, ref: ObjectRef, item: Channel | Alert) -> None:
        if self._reported.get(ref, ()) == item.problems:
            return
        self._reported[ref] = item.problems
        for problem in item.problems:
            self._warnings.warn(ref, problem)

    def gone(self, ref: ObjectRef) -> None:
        self._reported.pop(ref, None)

    async def reconcile(self, ref: ObjectRef, body: Body, item: Channel | Alert) -> StatusWrite | None:
        return self._status(body, item.problems, item.warnings)


class Alerts:
    """All channels and alerts of the cluster. Implements `notifications.alerting.Declared`."""

    def __init__(
        self,
        client: KubeClient,
        mapper: Mapper,
        kinds: tuple[Kind[Channel], Kind[Alert]],
        status: Status,
        warnings: Warnings,
    ) -> None:
        """Take a client whose writes are fenced, and what the dialect brings."""
        problems = _Problems(status, warnings)
        self._channels = KindController(client, mapper, kinds[0], problems)
        self._alerts = KindController(client, mapper, kinds[1], problems)

    async def start(self, timeout: float = 10.0) -> None:
        """Begin to watch, and wait until both kinds were listed, at most so many seconds."""
        await self._channels.start(timeout)
        await self._alerts.start(timeout)

    async def stop(self) -> None:
        """Stop watching."""
        await self._channels.stop()
        await self._alerts.stop()

    def alerts(self) -> tuple[Alert, ...]:
        """Give all alerts."""
        return self._alerts.all()

    def channel(self, ref: ObjectRef) -> Channel | None:
        """Give a channel, `None` where there is none of that name."""
        return self._channels.get(ref)
