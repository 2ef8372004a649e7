"""Puts the telling of Argo CD's notifications together: where it reads, who evaluates, delivers, and remembers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from trueup.core.events import Event
from trueup.core.expressions import Expressions
from trueup.core.ports import Clock
from trueup.core.telling import Complaints, Courier
from trueup.dialects.argo.notifications.telling import Notifications
from trueup.kube.client import KubeClient
from trueup.kube.discovery import Mapper
from trueup.store.declarations import Declarations
from trueup.store.marks import Marks
from trueup.store.values import ReferencedValues

MANAGER = "argocd-notifications-controller"
"""The field manager of what is remembered: upstream's, which wrote it before."""


class ArgoNotifications:
    """The journal that tells Applications' users, with all that it needs. Implements the `Journal` port."""

    def __init__(
        self,
        client: KubeClient,
        mapper: Mapper,
        declarations: Declarations,
        values: ReferencedValues,
        expressions: Expressions,
        clock: Clock,
        home: str,
        courier: Courier,
        complaints: Complaints,
    ) -> None:
        """Take a client whose writes are fenced, and the parts that are there already."""
        self._home = home
        self._values = values
        self._notifications = Notifications(
            home=home,
            body_of=declarations.body,
            values=values,
            expressions=expressions,
            courier=courier,
            marks=Marks(client, mapper, MANAGER),
            complaints=complaints,
            clock=clock,
        )
        declarations.on_change(self._notifications.object_changed)
        values.on_change(self._notifications.value_changed)

    def note(self, event: Event) -> None:
        """Take note of what happens to Applications."""
        self._notifications.note(event)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Follow the configuration, and tell until the end."""
        await self._values.follow("ConfigMap", self._home)
        self._notifications.start()
        try:
            yield
        finally:
            await self._notifications.stop()
