"""Puts the telling of Argo CD's notifications together: where it reads, who evaluates, delivers, and remembers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from trueup.core.model.events import Event
from trueup.core.notification.expressions import Expressions
from trueup.runtime.argo_notifier import Notifications, NotifierPorts
from trueup.runtime.notification_parts import NotificationParts
from trueup.storage.annotations import Annotations

MANAGER = "argocd-notifications-controller"
"""The field manager of what is remembered: upstream's, which wrote it before."""


class ArgoNotifications:
    """The event_sink that tells Applications' users, with all that it needs. Implements the `EventSink` port."""

    def __init__(self, parts: NotificationParts, expressions: Expressions) -> None:
        """Take the parts that are there already, and who evaluates templates."""
        reading = parts.reading
        self._home = reading.settings.home
        self._values = reading.values
        self._notifications = Notifications(
            NotifierPorts(
                home=self._home,
                body_of=reading.declarations.body,
                values=reading.values,
                expressions=expressions,
                dispatcher=parts.dispatcher,
                marks=Annotations(reading.client, reading.mapper, MANAGER),
                warnings=parts.events,
                clock=reading.clock,
            )
        )
        reading.declarations.on_change(self._notifications.object_changed)
        reading.values.on_change(self._notifications.value_changed)

    def publish(self, event: Event) -> None:
        """Take note of what happens to Applications."""
        self._notifications.publish(event)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Follow the configuration, and tell until the end."""
        await self._values.follow("ConfigMap", self._home)
        self._notifications.start()
        try:
            yield
        finally:
            await self._notifications.stop()
