"""What one tenure of the lease stands on: the clock, the fence, and who is told of events once it is there."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from trueup.core.model.objects import LOCAL, ClusterRef, ObjectRef
from trueup.core.model.unit import SourceDeclaration
from trueup.core.ports import Fenced
from trueup.engine.engine import Engine
from trueup.kube.lease import Lease
from trueup.webhooks.handler import WebhookDispatcher


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """Give monotonic seconds."""
        return time.monotonic()

    def wall(self) -> datetime:
        """Give the time of day, in UTC."""
        return datetime.now(UTC)


class LeaseFence:
    """Lets writes through only while the lease is held."""

    def __init__(self, lease: Lease) -> None:
        """Take the lease."""
        self._lease = lease

    @property
    def open(self) -> bool:
        """Whether the lease is held at this moment."""
        return self._lease.open

    def check(self) -> None:
        """Raise `Fenced` unless it is."""
        if not self._lease.open:
            raise Fenced("this controller does not hold its lease (any more)")


class EventRelay:
    """Hands events on to the engine, which is made after the parts that give them."""

    def __init__(self) -> None:
        """Start with nobody who could be told."""
        self.engine: Engine | None = None
        self.webhook_handler: WebhookDispatcher | None = None

    def object_changed(self, ref: ObjectRef, cluster: ClusterRef = LOCAL) -> None:
        """A live object has changed."""
        if self.engine is not None:
            self.engine.object_changed(ref, cluster)

    def cluster_changed(self, cluster: ClusterRef) -> None:
        """What another cluster serves has changed, or whether it can be reached."""
        if self.engine is not None:
            self.engine.cluster_changed(cluster)

    def value_changed(self, ref: ObjectRef) -> None:
        """A Secret or ConfigMap has changed."""
        if self.engine is not None:
            self.engine.value_changed(ref)
        if self.webhook_handler is not None:
            self.webhook_handler.receivers.value_changed(ref)

    def declaration_of(self, ref: ObjectRef) -> SourceDeclaration | None:
        """Give a source's declaration, `None` where there is none (yet)."""
        state = self.engine.source_controller.state(ref) if self.engine is not None else None
        return state.declaration if state is not None else None

    def upstream_controllers_changed(self) -> None:
        """Another controller has come or gone."""
        if self.engine is not None:
            self.engine.upstream_changed()
