"""Puts the telling of users together: one dispatcher to all services, and the sources of messages of each dialect."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from trueup.core.model.events import Event
from trueup.core.notification.expressions import Expressions
from trueup.dialects.object_events import object_events
from trueup.notifications.dispatcher import ServiceDispatcher
from trueup.notifications.registry import services
from trueup.runtime.argo_notifications import ArgoNotifications
from trueup.runtime.flux_notifications import FluxNotifications
from trueup.runtime.notification_parts import NotificationParts, Reading
from trueup.runtime.object_events import ObjectEvents
from trueup.storage.kubernetes_events import KubernetesEvents


class Notifying:
    """The event sink that sends users messages, and writes events on their objects. Implements the `EventSink` port."""

    def __init__(self, reading: Reading, expressions: Expressions) -> None:
        """Take where users' objects are read, and who evaluates templates."""
        found = services()
        self._events = KubernetesEvents(reading.client, reading.declarations.body, reading.settings.identity)
        self._object_events = ObjectEvents(self._events, object_events, reading.settings.managed_by)
        self.dispatcher = ServiceDispatcher(found, self._events)
        parts = NotificationParts(reading, self.dispatcher, self._events, found)
        self._flux = FluxNotifications(parts)
        self._argo = ArgoNotifications(parts, expressions)

    def publish(self, event: Event) -> None:
        """Take note of what happens."""
        self._object_events.publish(event)
        self._flux.publish(event)
        self._argo.publish(event)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Send until the end."""
        self._events.start()
        await self.dispatcher.start()
        try:
            async with self._flux.working(), self._argo.working():
                yield
        finally:
            await self.dispatcher.stop()
            await self._flux.flush()
            await self._events.stop()
