"""Fakes that implement the engine's real ports in memory, and a clock that stands still until it is told to go on.

They are for tests of the engine and of plug-ins. A fake cluster keeps objects and says what changed; a fake repository
gives commits as mappings from a path to the objects in it.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from os import PathLike
from typing import Any

import msgspec

from trueup.core.artifact import (
    Artifact,
    CommitInfo,
    Fault,
    GitCredentials,
    GitSpec,
    IgnoreRules,
    Resolved,
    Revision,
    Signature,
    SourceError,
)
from trueup.core.changes import field_changes
from trueup.core.deployment import DeploymentRecord
from trueup.core.events import Event, SyncEnded
from trueup.core.health import Health, HealthStatus
from trueup.core.live import Live, Presence
from trueup.core.objects import Body, ObjectRef, digest_of
from trueup.core.plan import Action, Step
from trueup.core.ports import Acting, Applied, ApplyError, Fenced, StaleState
from trueup.core.proposal import Proposal, ProposalError, Proposed
from trueup.core.recipe import (
    Capabilities,
    DirectoryRecipe,
    LookedAt,
    Recipe,
    RenderContext,
    RenderedObject,
    RenderResult,
    TreeIds,
)
from trueup.core.reports import SourceReport, UnitReport
from trueup.core.state import EMPTY_STATE, UnitState
from trueup.core.unit import SourceDeclaration, Target, Unit

HEALTHY = Health(HealthStatus.HEALTHY)


class FakeClock:
    """A clock that moves only by `advance`."""

    def __init__(self) -> None:
        """Start at second 1000 of a Monday."""
        self.seconds = 1000.0

    def now(self) -> float:
        """Give monotonic seconds."""
        return self.seconds

    def wall(self) -> datetime:
        """Give the time of day."""
        return datetime(2026, 1, 5, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds


class FakeFence:
    """A lease that is held until it is told otherwise."""

    def __init__(self) -> None:
        """Start with the lease held."""
        self.open = True

    def check(self) -> None:
        """Raise `Fenced` where the lease is not held."""
        if not self.open:
            raise Fenced("the lease is not held")


class FakeTree:
    """A commit's content by id: a folder has the digest of its objects."""

    def __init__(self, folders: Mapping[str, Sequence[Body]]) -> None:
        """Take folder → objects."""
        self.folders = folders

    def entry(self, path: str) -> str | None:
        """Give a folder's id."""
        return digest_of(list(self.folders[path])) if path in self.folders else None

    def names(self, path: str) -> tuple[str, ...] | None:
        """Give no names: nothing lists folders here."""
        return ()


class FakeCheckout:
    """A tree that is held; its path names the commit."""

    def __init__(self, path: PathLike[str], ids: TreeIds) -> None:
        """Take both."""
        self.path = path
        self.ids = ids


class _Path:
    def __init__(self, commit: str) -> None:
        self.commit = commit

    def __fspath__(self) -> str:
        return self.commit


class FakeRepository:
    """Sources: every URL has the same commits. `fault` is raised while set. Implements `Sources`."""

    def __init__(self) -> None:
        """Start without commits."""
        self.commits: dict[str, FakeTree] = {}
        self.head = ""
        self.fault: SourceError | None = None
        self._numbers = itertools.count(1)

    def commit(self, folders: Mapping[str, Sequence[Body]]) -> str:
        """Make a commit the branch's head; gives its id."""
        self.head = f"{next(self._numbers):040x}"
        self.commits[self.head] = FakeTree(folders)
        return self.head

    async def poll(self, spec: GitSpec, creds: GitCredentials | None, fresh: bool = False) -> Revision:
        """Give the head."""
        if self.fault:
            raise self.fault
        if not self.head:
            raise SourceError(Fault.REF, "branch main does not exist")
        return Revision(self.head, "main")

    async def resolve(
        self, spec: GitSpec, creds: GitCredentials | None, ignore: IgnoreRules, fresh: bool = False
    ) -> Resolved:
        """Give the head, or the commit that is asked for."""
        wanted = spec.ref.commit or spec.ref.revision
        if wanted in self.commits:
            return self._resolved(spec, Revision(wanted))
        return self._resolved(spec, await self.poll(spec, creds))

    async def recall(
        self, spec: GitSpec, revision: Revision, creds: GitCredentials | None, ignore: IgnoreRules
    ) -> Resolved | None:
        """Give an earlier commit."""
        return self._resolved(spec, revision) if revision.commit in self.commits else None

    def _resolved(self, spec: GitSpec, revision: Revision) -> Resolved:
        tree = digest_of({path: list(found) for path, found in self.commits[revision.commit].folders.items()})
        who = Signature("A", "a@example.com", datetime(2026, 1, 5, tzinfo=UTC))
        return Resolved(spec.url, revision, CommitInfo(revision.commit, tree, who, who, "change"), tree, "mirror")

    async def ids(self, resolved: Resolved) -> TreeIds:
        """Give the commit's tree."""
        return self.commits[resolved.revision.commit]

    @asynccontextmanager
    async def checkout(self, resolved: Resolved) -> AsyncIterator[FakeCheckout]:
        """Hold the commit."""
        yield FakeCheckout(_Path(resolved.revision.commit), self.commits[resolved.revision.commit])

    async def publish(self, declaration: SourceDeclaration, resolved: Resolved) -> Artifact:
        """Give an artifact that lies nowhere."""
        return Artifact(resolved.revision, "a.tar.gz", "http://a", "sha256:00", 1, datetime(2026, 1, 5, tzinfo=UTC))

    def withdraw(self, ref: ObjectRef) -> None:
        """Do nothing."""


class FakeRenderer:
    """Gives the objects that stand at the recipe's path in the commit. Implements `Renderer`."""

    version = "fake"

    def __init__(self, repository: FakeRepository) -> None:
        """Take the repository whose commits are rendered."""
        self._repository = repository
        self.renders = 0

    async def render(self, recipe: Recipe, tree: PathLike[str], context: RenderContext) -> RenderResult:
        """Give the objects at the path."""
        self.renders += 1
        return self._result(recipe, self._repository.commits[tree.__fspath__()], cached=False)

    def lookup(self, recipe: Recipe, context: RenderContext) -> RenderResult | None:
        """Give nothing: every look at new inputs is a render."""
        return None

    def recognise(self, recipe: Recipe, context: RenderContext) -> str | None:
        """Recognise nothing."""
        return None

    def _result(self, recipe: Recipe, tree: FakeTree, *, cached: bool) -> RenderResult:
        objects = tuple(RenderedObject(body) for body in tree.folders.get(recipe.path, ()))
        looked = {"": LookedAt(directories=(recipe.path,))}
        inputs = tree.entry(recipe.path) or "-"
        return RenderResult(objects, looked, "directory", self.version, inputs=inputs, cached=cached)

    async def evaluate(self, expression: str, variables: dict[str, Any]) -> Any:
        """Give what is written: `true` or `false`."""
        return expression == "true"


class FakeCluster:
    """Keeps objects in memory, with a seal per object. Implements `Target`.

    `health` may be set per object; `refuse` makes a write fail; `unreadable` makes kinds unknown. `writes` lists what
    was written, in order. `crash_at` raises `KeyboardInterrupt`-like `Crash` before (or, negative, after) a write.
    """

    def __init__(self) -> None:
        """Start empty."""
        self.objects: dict[ObjectRef, Body] = {}
        self.health: dict[ObjectRef, Health] = {}
        self.refuse: dict[ObjectRef, ApplyError] = {}
        self.unreadable: set[tuple[str, str]] = set()
        self.writes: list[tuple[Action, ObjectRef]] = []
        self.tried: list[ObjectRef] = []
        self.changed: Callable[[ObjectRef], None] = lambda ref: None
        self.fence = FakeFence()
        self.before_write: Callable[[], None] = lambda: None
        self.after_write: Callable[[], None] = lambda: None

    async def watch(self, kinds: frozenset[tuple[str, str]]) -> None:
        """Do nothing: everything is seen."""

    def live(self, ref: ObjectRef, manager: str) -> Live | Presence:
        """Give what lives."""
        if (ref.group, ref.kind) in self.unreadable:
            return Presence.UNKNOWN
        body = self.objects.get(ref)
        if body is None:
            return Presence.ABSENT
        return Live(ref, f"uid-{ref}", "1", digest_of(body), self.health.get(ref, HEALTHY))

    def scope(self, group: str, kind: str) -> bool | None:
        """Namespaces have none."""
        return kind not in ("Namespace", "CustomResourceDefinition", "ClusterRole")

    async def learn(self, kinds: frozenset[tuple[str, str]]) -> None:
        """Do nothing: every kind is served."""

    def capabilities(self) -> Capabilities:
        """Give none."""
        return Capabilities()

    async def try_out(self, step: Step, acting: Acting) -> None:
        """Refuse what a write would refuse."""
        self.tried.append(step.ref)
        if step.ref in self.refuse:
            raise self.refuse[step.ref]

    async def write(self, step: Step, acting: Acting) -> Applied:
        """Keep or remove the object."""
        self.fence.check()
        self.before_write()
        if step.ref in self.refuse:
            raise self.refuse[step.ref]
        self.writes.append((step.action, step.ref))
        if step.action is Action.PRUNE:
            self.objects.pop(step.ref, None)
            self.after_write()
            return Applied(None, True)
        assert step.desired is not None
        before, after = self.objects.get(step.ref), step.desired.body()
        self.objects[step.ref] = after
        self.after_write()
        live = self.live(step.ref, acting.manager)
        fields = field_changes(before, after) if before is not None else ()
        return Applied(live if isinstance(live, Live) else None, True, fields=fields)

    async def ensure_namespace(
        self, name: str, labels: dict[str, str], annotations: dict[str, str], acting: Acting
    ) -> None:
        """Make the namespace."""
        self.objects.setdefault(ObjectRef("", "Namespace", "", name), {"metadata": {"name": name}})

    async def settled(self, refs: Sequence[ObjectRef], timeout: float) -> tuple[ObjectRef, ...]:
        """Everything settles at once."""
        return ()

    async def holding(self, ref: ObjectRef, own: frozenset[ObjectRef]) -> str:
        """Say whether a namespace holds objects of others."""
        if ref.kind != "Namespace":
            return ""
        others = [other for other in self.objects if other.namespace == ref.name and other not in own]
        return f"{len(others)} objects of others" if others else ""

    async def explain(self, ref: ObjectRef) -> str:
        """Know nothing more."""
        return ""

    def set_health(self, ref: ObjectRef, status: HealthStatus, message: str = "") -> None:
        """Change an object's health, and tell."""
        self.health[ref] = Health(status, message)
        self.changed(ref)

    def edit(self, ref: ObjectRef, **fields: Any) -> None:
        """Change an object by hand, and tell."""
        self.objects[ref] = {**self.objects[ref], **fields}
        self.changed(ref)

    def remove(self, ref: ObjectRef) -> None:
        """Remove an object by hand, and tell."""
        del self.objects[ref]
        self.changed(ref)


class FakeStates:
    """Keeps unit states in memory, by compare-and-swap. Implements `States`."""

    def __init__(self) -> None:
        """Start empty."""
        self.stored: dict[ObjectRef, UnitState] = {}
        self.puts = 0
        self.conflicts = 0
        self.before_write: Callable[[], None] = lambda: None
        self.after_write: Callable[[], None] = lambda: None

    def get(self, unit: Unit) -> UnitState:
        """Give what is stored."""
        return self.stored.get(unit.ref, EMPTY_STATE)

    async def put(self, unit: Unit, state: UnitState) -> None:
        """Store it, by way of its JSON as the real one does."""
        if self.conflicts:
            self.conflicts -= 1
            raise StaleState("somebody else wrote")
        self.before_write()
        self.puts += 1
        self.stored[unit.ref] = msgspec.json.decode(msgspec.json.encode(state), type=UnitState)
        self.after_write()

    async def drop(self, unit: Unit) -> None:
        """Forget it."""
        self.stored.pop(unit.ref, None)


class FakeValues:
    """Values by (kind, namespace, name). Implements `Values`."""

    def __init__(self) -> None:
        """Start empty."""
        self.data: dict[tuple[str, str, str], dict[str, bytes]] = {}

    async def read(self, kind: str, namespace: str, name: str) -> dict[str, bytes] | None:
        """Give the data."""
        return self.data.get((kind, namespace, name))


class FakeClaims:
    """Remembers which units hold a finalizer. Implements `Claims`."""

    def __init__(self) -> None:
        """Start empty."""
        self.held: set[ObjectRef] = set()

    async def claim(self, unit: Unit) -> None:
        """Hold it."""
        self.held.add(unit.ref)

    async def release(self, unit: Unit) -> None:
        """Let it go."""
        self.held.discard(unit.ref)


class FakeReports:
    """Keeps the latest report of each unit and source. Implements `Reports`."""

    def __init__(self) -> None:
        """Start empty."""
        self.units: dict[ObjectRef, UnitReport] = {}
        self.sources: dict[ObjectRef, SourceReport] = {}
        self.seen: list[tuple[ObjectRef, UnitReport]] = []

    def unit(self, unit: Unit, report: UnitReport, *, urgent: bool) -> None:
        """Keep it."""
        self.units[unit.ref] = report
        self.seen.append((unit.ref, report))

    def source(self, declaration: SourceDeclaration, report: SourceReport) -> None:
        """Keep it."""
        self.sources[declaration.ref] = report


class FakeJournal:
    """Keeps every event. Implements `Journal`."""

    def __init__(self) -> None:
        """Start empty."""
        self.events: list[Event] = []

    def note(self, event: Event) -> None:
        """Keep it."""
        self.events.append(event)

    @property
    def records(self) -> list[DeploymentRecord]:
        """The records of the syncs that have ended."""
        return [event.record for event in self.events if isinstance(event, SyncEnded)]


class FakeProposals:
    """Gives the same pull request for the same bad commit. Implements `Proposals`."""

    def __init__(self) -> None:
        """Start empty; `error` is raised while it is set."""
        self.asked: list[Proposal] = []
        self.made: dict[tuple[str, str], Proposed] = {}
        self.error: ProposalError | None = None

    async def propose(self, proposal: Proposal) -> Proposed:
        """Make it up."""
        self.asked.append(proposal)
        if self.error is not None:
            raise self.error
        number = len(self.made) + 1
        made = Proposed(f"trueup/revert-{proposal.bad[:12]}", f"https://example.com/pulls/{number}", number)
        return self.made.setdefault((proposal.repository, proposal.bad), made)


class NoCredentials:
    """Lets everybody in. Implements `Credentials`."""

    async def of(self, declaration: SourceDeclaration) -> GitCredentials | None:
        """Give none."""
        return None


def a_unit(name: str, source: ObjectRef, **fields: Any) -> Unit:
    """Make a unit that delivers the folder of its name to the namespace `default`."""
    values: dict[str, Any] = {
        "ref": ObjectRef("example.com", "Unit", "default", name),
        "uid": f"uid-{name}",
        "generation": 1,
        "source": source,
        "recipe": DirectoryRecipe(path=name),
        "spec_digest": digest_of(name),
        "target": Target(namespace="default"),
        **fields,
    }
    return Unit(**values)


async def quiesce(rounds: int = 50) -> None:
    """Let every task that can go on do so."""
    for _ in range(rounds):
        await asyncio.sleep(0)
