"""The seams of the engine: small Protocols that adapters implement, and `testing` fakes.

The engine knows these and the values of the core; it never sees a dialect, a client or a process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from os import PathLike
from typing import Any, Protocol, TypeAlias

import msgspec

from trueup.core.artifact import Artifact, GitCredentials, GitSpec, IgnoreRules, Resolved, Revision
from trueup.core.changes import FieldChange
from trueup.core.events import Event
from trueup.core.live import Live, Presence
from trueup.core.objects import Body, ObjectOptions, ObjectRef
from trueup.core.plan import Step
from trueup.core.proposal import Proposal, Proposed
from trueup.core.recipe import Capabilities, Recipe, RenderContext, RenderResult, TreeIds
from trueup.core.reports import SourceReport, UnitReport
from trueup.core.state import UnitState
from trueup.core.unit import SourceDeclaration, Unit


class Clock(Protocol):
    """Time, so that tests can hold it still."""

    def now(self) -> float:
        """Give monotonic seconds."""
        ...

    def wall(self) -> datetime:
        """Give the time of day, in UTC."""
        ...


class Checkout(Protocol):
    """A tree on disk, read-only, that stays while it is held."""

    @property
    def path(self) -> PathLike[str]: ...
    @property
    def ids(self) -> TreeIds: ...


class Sources(Protocol):
    """Where artifacts come from. Every failure is a `SourceError`."""

    async def poll(self, spec: GitSpec, creds: GitCredentials | None, fresh: bool = False) -> Revision:
        """Ask the remote for its refs only."""
        ...

    async def resolve(
        self, spec: GitSpec, creds: GitCredentials | None, ignore: IgnoreRules, fresh: bool = False
    ) -> Resolved:
        """Poll, and fetch the commit if it is not here."""
        ...

    async def recall(
        self, spec: GitSpec, revision: Revision, creds: GitCredentials | None, ignore: IgnoreRules
    ) -> Resolved | None:
        """Give a commit that was fetched before, without any network; `None` where it is not here."""
        ...

    async def ids(self, resolved: Resolved) -> TreeIds:
        """Give the tree's content by id, without writing files."""
        ...

    def checkout(self, resolved: Resolved) -> AbstractAsyncContextManager[Checkout]:
        """Hold the tree's files on disk."""
        ...

    async def publish(self, declaration: SourceDeclaration, resolved: Resolved) -> Artifact:
        """Store the tarball that others can fetch."""
        ...

    def withdraw(self, ref: ObjectRef) -> None:
        """Forget the tarballs of a source."""
        ...


class Renderer(Protocol):
    """Makes objects of an artifact."""

    @property
    def version(self) -> str:
        """The renderer's own version: another one may render the same inputs differently."""
        ...

    async def render(self, recipe: Recipe, tree: PathLike[str], context: RenderContext) -> RenderResult:
        """Render. Raises `RenderError`."""
        ...

    def lookup(self, recipe: Recipe, context: RenderContext) -> RenderResult | None:
        """Give what is already known for these inputs, without files and without a worker; `None`: render."""
        ...

    def recognise(self, recipe: Recipe, context: RenderContext) -> str | None:
        """Name the inputs whose answer is known, as `RenderResult.inputs` does, at less cost than `lookup`."""
        ...

    async def evaluate(self, expression: str, variables: dict[str, Any]) -> Any:
        """Evaluate a CEL expression. Raises `RenderError`."""
        ...


class Applied(msgspec.Struct, frozen=True):
    """What a write gave: the object as it now lives (`None`: removed), whether anything changed, and a message.

    `fields` are those that changed in an object that was there before.
    """

    live: Live | None
    changed: bool
    message: str = ""
    fields: tuple[FieldChange, ...] = ()


class ApplyError(Exception):
    """A write was refused. `code` is the API's reason, `retry` says whether time alone may help."""

    def __init__(self, ref: ObjectRef, code: str, message: str, retry: bool = False) -> None:
        super().__init__(message)
        self.ref = ref
        self.code = code
        self.message = message
        self.retry = retry


class Acting(msgspec.Struct, frozen=True):
    """As whom and how a unit's objects are written."""

    manager: str
    service_account: str = ""
    force: bool = False
    replace: bool = False
    propagation: str = "Background"


class Target(Protocol):
    """Where objects live."""

    async def watch(self, kinds: frozenset[tuple[str, str]]) -> None:
        """See to it that objects of these kinds are watched, and wait until each was listed or has failed."""
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
        self, name: str, labels: dict[str, str], annotations: dict[str, str], acting: Acting
    ) -> None:
        """Make a namespace that is not there, or set these labels and annotations on it. Raises `ApplyError`."""
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


class States(Protocol):
    """Where `UnitState` is kept, by compare-and-swap. Raises `StaleState` when somebody else wrote in between."""

    def get(self, unit: Unit) -> UnitState:
        """Give what is remembered; the empty state for a unit never seen."""
        ...

    async def put(self, unit: Unit, state: UnitState) -> None:
        """Write it, if nobody else did since it was read."""
        ...

    async def drop(self, unit: Unit) -> None:
        """Forget it."""
        ...


class StaleState(Exception):
    """Another controller has written this unit's state: whoever gets this must stop and look again."""


class Unreachable(Exception):
    """What is remembered or referred to could not be read or written just now; time may help."""


class Values(Protocol):
    """Secrets and ConfigMaps that units and sources refer to."""

    async def read(self, kind: str, namespace: str, name: str) -> dict[str, bytes] | None:
        """Give the decoded data, `None` where the object is not there."""
        ...


class Credentials(Protocol):
    """Finds how to be let in at a source: the Secret it names, or the one its dialect keeps for its URL."""

    async def of(self, declaration: SourceDeclaration) -> GitCredentials | None:
        """Give the credentials, `None` for anonymous access. Raises `SourceError`."""
        ...


class Fence(Protocol):
    """Whether this controller may write."""

    @property
    def open(self) -> bool:
        """Whether the lease is held at this moment."""
        ...

    def check(self) -> None:
        """Raise `Fenced` unless the lease is held at this moment."""
        ...


class Fenced(Exception):
    """This controller no longer holds the lease: it must write nothing more."""


class Reports(Protocol):
    """Where statuses are written. Writes are coalesced and never block the caller."""

    def unit(self, unit: Unit, report: UnitReport, *, urgent: bool) -> None:
        """Take note of a unit's latest report."""
        ...

    def source(self, declaration: SourceDeclaration, report: SourceReport) -> None:
        """Take note of a source's latest report."""
        ...


class Journal(Protocol):
    """Takes note of what happens: for the history, for notifications, for metrics and traces."""

    def note(self, event: Event) -> None:
        """Take note. Never blocks and never raises: nobody who remembers or tells may hold up the engine."""
        ...


class Proposals(Protocol):
    """Offers people a change that takes a bad commit back."""

    async def propose(self, proposal: Proposal) -> Proposed:
        """Make it once for a repository and its bad commit, and give what was made, also to all who ask again.

        What people have closed is not opened again. Raises `ProposalError`.
        """
        ...


class Claims(Protocol):
    """The claim that a finalizer is: the user's object stays until the engine has cleared up behind it."""

    async def claim(self, unit: Unit) -> None:
        """Add the unit's finalizer where it is not there yet."""
        ...

    async def release(self, unit: Unit) -> None:
        """Remove the finalizer, so that the object can go."""
        ...


OptionsOf: TypeAlias = Callable[[Unit, Body], ObjectOptions]
