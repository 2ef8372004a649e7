"""Where objects live, as a port."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from trueup.core.fields.changes import FieldChange
from trueup.core.model.live import Live, Presence
from trueup.core.model.objects import Body, ClusterRef, ObjectRef
from trueup.core.model.recipe import Capabilities
from trueup.core.plan.tasks import Step


class Applied(msgspec.Struct, frozen=True):
    """What a write gave: the object as it now lives (`None`: removed), whether anything changed, and a message.

    `fields` are those that changed in an object that was there before. `undone` says in words whose changes of our
    fields the write has undone.
    """

    live: Live | None
    changed: bool
    message: str = ""
    fields: tuple[FieldChange, ...] = ()
    undone: tuple[str, ...] = ()


class ApplyError(Exception):
    """A write was refused. `code` is the API's reason, `retry` says whether time alone may help."""

    def __init__(self, ref: ObjectRef, code: str, message: str, retry: bool = False) -> None:
        super().__init__(message)
        self.ref = ref
        self.code = code
        self.message = message
        self.retry = retry


class Acting(msgspec.Struct, frozen=True):
    """As whom and how a unit's objects are written. `undo_kubectl`: what was added by kubectl goes. Not
    `validate`: fields that a kind does not have are left out."""

    manager: str
    service_account: str = ""
    force: bool = False
    replace: bool = False
    propagation: str = "Background"
    undo_kubectl: bool = False
    validate: bool = True


class Target(Protocol):
    """Where objects live."""

    async def watch(self, kinds: frozenset[tuple[str, str]]) -> None:
        """See to it that objects of these kinds are watched, and wait until each was listed or has failed."""
        ...

    def keep_bodies(self, kinds: frozenset[tuple[str, str]]) -> None:
        """Keep whole objects of these kinds from now on: any change of one is seen, and `live` gives it."""
        ...

    async def read(self, ref: ObjectRef) -> Body | None:
        """Read an object as it lives, `None` where it does not. Raises `ClusterUnreachable`."""
        ...

    def live(self, ref: ObjectRef, manager: str) -> Live | Presence:
        """Say what is known of an object, as seen by its field manager. Asks nobody."""
        ...

    def scope(self, group: str, kind: str) -> bool | None:
        """Say whether a kind is namespaced; `None`: not served."""
        ...

    async def learn(self, kinds: frozenset[tuple[str, str]]) -> None:
        """Look again for kinds that were not served, if it was not done a moment ago."""
        ...

    def capabilities(self) -> Capabilities:
        """Say what templates may know of the cluster."""
        ...

    async def try_out(self, step: Step, acting: Acting) -> None:
        """Dry-run a write. Raises `ApplyError`."""
        ...

    async def write(self, step: Step, acting: Acting) -> Applied:
        """Carry out one step of a plan. Raises `ApplyError`."""
        ...

    async def ensure_namespace(
        self, name: str, labels: dict[str, str], annotations: dict[str, str], acting: Acting, forbidden: str = ""
    ) -> None:
        """Make a namespace that is not there, or set these labels and annotations on it. Raises `ApplyError`.

        `forbidden` says why the unit must do neither; one that is there and needs nothing is no fault.
        """
        ...

    async def settled(self, refs: Sequence[ObjectRef], timeout: float) -> tuple[ObjectRef, ...]:
        """Wait until definitions among `refs` are established and namespaces active; give those that are not."""
        ...

    async def holding(self, ref: ObjectRef, own: frozenset[ObjectRef]) -> str:
        """Say in words what of others a namespace, definition or volume claim holds; empty for nothing."""
        ...

    async def explain(self, ref: ObjectRef) -> str:
        """Say why an object is not healthy, from its pods and events; empty where nothing is known."""
        ...


class Targets(Protocol):
    """The targets of all clusters that units deliver to. One that cannot be reached harms no other."""

    def of(self, cluster: ClusterRef) -> Target:
        """Give a cluster's target. Raises `ClusterUnreachable` with the cause while it cannot be worked on."""
        ...

    def keep(self, clusters: frozenset[ClusterRef]) -> None:
        """Say which clusters are delivered to now: what is kept of others is given up."""
        ...
