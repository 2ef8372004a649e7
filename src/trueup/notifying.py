"""Puts the telling of users together: one courier to all services, and the sources of messages of each dialect."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from trueup.argo_notifications import ArgoNotifications
from trueup.core.events import Event
from trueup.core.expressions import Expressions
from trueup.core.objects import ObjectRef
from trueup.core.ports import Clock
from trueup.flux_notifications import FluxNotifications
from trueup.kube.client import KubeClient
from trueup.kube.discovery import Mapper
from trueup.notify.courier import ServiceCourier
from trueup.notify.registry import services
from trueup.store.declarations import Declarations
from trueup.store.telling import EventTelling
from trueup.store.values import ReferencedValues


class TellingSettings(msgspec.Struct, frozen=True):
    """What telling needs to know: Argo CD's namespace, the folder for what was told, whether alerts may be about
    objects in other namespaces, and who names the other controller that works on an object."""

    home: str
    data: Path
    cross_namespace: bool
    occupied: Callable[[ObjectRef], str]


class Notifying:
    """The journal that tells users. Implements the `Journal` port."""

    def __init__(
        self,
        client: KubeClient,
        mapper: Mapper,
        declarations: Declarations,
        values: ReferencedValues,
        expressions: Expressions,
        clock: Clock,
        settings: TellingSettings,
    ) -> None:
        """Take a client whose writes are fenced, and the parts that are there already."""
        found = services()
        self._events = EventTelling(client, declarations.body)
        self.courier = ServiceCourier(found, self._events)
        self._flux = FluxNotifications(
            client,
            mapper,
            declarations.body,
            values,
            self.courier,
            self._events,
            found,
            settings.data,
            settings.occupied,
            settings.cross_namespace,
        )
        self._argo = ArgoNotifications(
            client, mapper, declarations, values, expressions, clock, settings.home, self.courier, self._events
        )

    def note(self, event: Event) -> None:
        """Take note of what happens."""
        self._flux.note(event)
        self._argo.note(event)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Tell until the end."""
        self._events.start()
        await self.courier.start()
        try:
            async with self._flux.working(), self._argo.working():
                yield
        finally:
            await self.courier.stop()
            await self._flux.flush()
            await self._events.stop()
