"""Puts the telling of Flux' users together: who declares, chooses, delivers and remembers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from trueup.controllers.alerts import Alerts
from trueup.controllers.kinds import Kind
from trueup.core.model.dialect import labels_of
from trueup.core.model.events import Event
from trueup.dialects.flux.alert import types as flux
from trueup.dialects.flux.events import alert_event_of
from trueup.notifications.alerting import Alerting, AlertingPorts
from trueup.notifications.memory import Memory
from trueup.runtime.notification_parts import NotificationParts


class FluxNotifications:
    """The event_sink that tells Flux' users, with all that it needs. Implements the `EventSink` port."""

    def __init__(self, parts: NotificationParts) -> None:
        """Take the parts that are there already."""
        reading, events, services = parts.reading, parts.events, parts.services
        settings, body_of = reading.settings, reading.declarations.body
        supported = frozenset(services) & flux.TYPES
        self._alerts = Alerts(
            reading.client,
            reading.mapper,
            (
                Kind(flux.GROUP, flux.PROVIDER, partial(flux.translate_provider, supported=supported)),
                Kind(flux.GROUP, flux.ALERT, partial(flux.translate_alert, cross_namespace=settings.cross_namespace)),
            ),
            flux.notice_status,
            events,
        )
        self._alerting = Alerting(
            AlertingPorts(
                declared=self._alerts,
                read=alert_event_of,
                labels_of=lambda ref: labels_of(body_of(ref) or {}),
                values=reading.values,
                dispatcher=parts.dispatcher,
                warnings=events,
                memory=Memory(settings.data / "notifications" / "told.json"),
                gathered=frozenset(name for name, service in services.items() if service.gathered),
                managed_by=settings.managed_by,
            )
        )

    def publish(self, engine_event: Event) -> None:
        """Take note of what happens to Flux' objects."""
        self._alerting.publish(engine_event)

    async def flush(self) -> None:
        """Wait until what was told is written down; to be called when the courier has ended."""
        await self._alerting.flush()

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
