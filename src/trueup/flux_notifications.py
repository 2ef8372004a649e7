"""Puts the telling of Flux' users together: who declares, chooses, delivers and remembers; and writes events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from trueup.core.dialect import labels_of
from trueup.core.events import Event, SyncEnded
from trueup.core.objects import Body, ObjectRef
from trueup.core.ports import Values
from trueup.core.telling import Courier
from trueup.dialects.flux import alert as flux
from trueup.dialects.flux.happenings import happening_of
from trueup.kube.client import KubeClient
from trueup.kube.discovery import Mapper
from trueup.notify.alerting import Alerting
from trueup.notify.memory import Memory
from trueup.notify.registry import Service
from trueup.store.alerts import Alerts
from trueup.store.telling import EventTelling


class FluxNotifications:
    """The journal that tells Flux' users, with all that it needs. Implements the `Journal` port."""

    def __init__(
        self,
        client: KubeClient,
        mapper: Mapper,
        body_of: Callable[[ObjectRef], Body | None],
        values: Values,
        courier: Courier,
        events: EventTelling,
        services: dict[str, Service],
        data: Path,
        occupied: Callable[[ObjectRef], str],
        cross_namespace: bool,
    ) -> None:
        """Take a client whose writes are fenced, and the parts that are there already."""
        supported = frozenset(services) & flux.TYPES
        self._alerts = Alerts(
            client,
            mapper,
            flux.GROUP,
            (flux.PROVIDER, flux.ALERT),
            partial(flux.translate_provider, supported=supported),
            partial(flux.translate_alert, cross_namespace=cross_namespace),
            flux.notice_status,
            events,
        )
        self._events = events
        self._alerting = Alerting(
            declared=self._alerts,
            read=happening_of,
            labels_of=lambda ref: labels_of(body_of(ref) or {}),
            values=values,
            courier=courier,
            complaints=events,
            memory=Memory(data / "notifications" / "told.json"),
            gathered=frozenset(name for name, service in services.items() if service.gathered),
            occupied=occupied,
        )

    def note(self, event: Event) -> None:
        """Take note of what happens to Flux' objects."""
        self._alerting.note(event)
        self._write_event(event)

    async def flush(self) -> None:
        """Wait until what was told is written down; to be called when the courier has ended."""
        await self._alerting.flush()

    def _write_event(self, event: Event) -> None:
        """Have an event written on the object itself, as `kubectl describe` and `flux events` show it."""
        if not isinstance(event, SyncEnded) and getattr(event, "before", None) is None:
            # The first report after a start is no news by itself.
            return
        happening = happening_of(event)
        if happening is None or happening.recovered:
            return
        self._events.tell(happening)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Follow what is declared, and tell until the end."""
        await self._alerts.start()
        self._alerting.start()
        try:
            yield
        finally:
            await self._alerting.stop()
            await self._alerts.stop()
