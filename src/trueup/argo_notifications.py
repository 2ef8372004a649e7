"""Puts the telling of Argo CD's notifications together: where it reads, who evaluates, delivers, and remembers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from trueup.core.events import Event
from trueup.core.expressions import Expressions
from trueup.core.objects import Body, ObjectRef
from trueup.core.ports import Clock
from trueup.dialects.argo.notifications.telling import Notifications
from trueup.kube.client import KubeClient
from trueup.kube.discovery import Mapper
from trueup.kube.events import EventWriter, Involved
from trueup.notify.webhook import WebhookCourier
from trueup.store.declarations import Declarations
from trueup.store.marks import Marks
from trueup.store.values import ReferencedValues

MANAGER = "argocd-notifications-controller"
"""The field manager of what is remembered: upstream's, which wrote it before."""


class EventComplaints:
    """Tells what is wrong with notifications as events on the object concerned."""

    def __init__(self, events: EventWriter, body_of: Callable[[ObjectRef], Body | None]) -> None:
        """Take who writes events, and where objects are found."""
        self._events = events
        self._body_of = body_of

    def complain(self, ref: ObjectRef, message: str) -> None:
        """Have an event written."""
        body = self._body_of(ref) or {}
        version = str(body.get("apiVersion") or ("argoproj.io/v1alpha1" if ref.group else "v1"))
        metadata = body.get("metadata") or {}
        about = Involved(ref, version, str(metadata.get("uid") or ""), str(metadata.get("resourceVersion") or ""))
        self._events.emit(about, "Warning", "NotificationFailed", message)


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
    ) -> None:
        """Take a client whose writes are fenced, and the parts that are there already."""
        self._home = home
        self._values = values
        self._events = EventWriter(client, MANAGER)
        complaints = EventComplaints(self._events, declarations.body)
        self._courier = WebhookCourier(complaints)
        self._notifications = Notifications(
            home=home,
            body_of=declarations.body,
            values=values,
            expressions=expressions,
            courier=self._courier,
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
        self._events.start()
        await self._courier.start()
        self._notifications.start()
        try:
            yield
        finally:
            await self._notifications.stop()
            await self._courier.stop()
            await self._events.stop()
