"""Keeps every declared source current: polls remotes, remembers what was last had, tells who depends on it.

A remote that fails never takes away what was fetched before: units go on with the last artifact, and the source's
report says what is wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime

import msgspec
import structlog

from trueup.core.model.artifact import Artifact, Fault, Resolved, Revision, SourceError, SourceSpec
from trueup.core.model.events import SourceChanged, SourceGone, SourcePolled
from trueup.core.model.objects import ObjectRef
from trueup.core.model.reports import Notice, SourceReport
from trueup.core.model.unit import SourceDeclaration
from trueup.core.ports import Clock, Credentials, EventSink, Reports, Sources
from trueup.core.remedies import source_error
from trueup.engine.coordination.units import Index
from trueup.workqueue import WorkQueue

log = structlog.get_logger(__name__)

FIRST_RETRY = 2.0
POLLERS = 256
"""Sources polled at once. A remote that hangs holds one of them until its timeout; the others must not wait for it."""

ANEW_EVERY = 0.5
"""Seconds between two polls of a source that outsiders ask for."""


class SourceState(msgspec.Struct, frozen=True):
    """What is known of one source. `failures` counts failed polls in a row; `error` is the last one's."""

    declaration: SourceDeclaration
    resolved: Resolved | None = None
    artifact: Artifact | None = None
    error: SourceError | None = None
    failures: int = 0
    handled: str = ""
    checked_at: datetime | None = None

    @property
    def polled(self) -> bool:
        """Whether it was polled since this process began."""
        return self.checked_at is not None


class SourceController:
    """Polls sources and gives their states. `changed` is called with a source's ref when units must be reconciled."""

    def __init__(
        self,
        sources: Sources,
        credentials: Credentials,
        reports: Reports,
        event_sink: EventSink,
        clock: Clock,
        changed: Callable[[ObjectRef], None],
    ) -> None:
        """Take the ports. Nothing is polled before `start`."""
        self._sources = sources
        self._credentials = credentials
        self._reports = reports
        self._event_sink = event_sink
        self._reported: dict[ObjectRef, SourceReport] = {}
        self._clock = clock
        self._changed = changed
        self._states: dict[ObjectRef, SourceState] = {}
        self._origins: Index[tuple[str, str]] = Index()
        self._tenants: dict[tuple[str, str], Counter[str]] = {}
        self._values: Index[ObjectRef] = Index()
        self._anew: set[ObjectRef] = set()
        self._polled_anew: dict[ObjectRef, float] = {}
        self.queue: WorkQueue[ObjectRef] = WorkQueue("sources", self._poll, POLLERS, tenant_of=self._tenant)

    def start(self) -> None:
        """Begin to poll."""
        self.queue.start()

    async def stop(self) -> None:
        """Stop polling."""
        await self.queue.stop()

    def _tenant(self, ref: ObjectRef) -> str:
        state = self._states.get(ref)
        return state.declaration.tenant if state is not None else f"{ref.namespace}/"

    def state(self, ref: ObjectRef) -> SourceState | None:
        """Give what is known of a source, `None` where nobody declares it."""
        return self._states.get(ref)

    def declare(self, declaration: SourceDeclaration) -> None:
        """Take a new or changed declaration; one that equals the known one costs nothing."""
        known = self._states.get(declaration.ref)
        self._origins.set(declaration.ref, [declaration.spec.origin])
        self._follows(declaration, 1)
        if known is not None:
            self._follows(known.declaration, -1)
            self._let_go(known.declaration.spec)
        used = (declaration.credentials, declaration.proxy, declaration.certificates, declaration.keys)
        self._values.set(declaration.ref, (value.ref for value in used if value is not None))
        if known is None:
            self._states[declaration.ref] = SourceState(declaration)
        else:
            old = known.declaration
            if _asks(old) == _asks(declaration):
                self._states[declaration.ref] = msgspec.structs.replace(known, declaration=declaration)
                return
            same_origin = old.spec.origin == declaration.spec.origin and old.ignore == declaration.ignore
            self._states[declaration.ref] = msgspec.structs.replace(
                known,
                declaration=declaration,
                resolved=known.resolved if same_origin else None,
                artifact=known.artifact if same_origin else None,
            )
        self.queue.add(declaration.ref)

    def remove(self, ref: ObjectRef) -> None:
        """Forget a source that nobody declares any more."""
        gone = self._states.pop(ref, None)
        if gone is not None:
            self._origins.set(ref, ())
            self._follows(gone.declaration, -1)
            self._let_go(gone.declaration.spec)
            self._values.set(ref, ())
            last = self._reported.pop(ref, None)
            self._event_sink.publish(SourceGone(gone.declaration, last, self._clock.wall()))
            self._anew.discard(ref)
            self._polled_anew.pop(ref, None)
            # What is asked or fetched for it at this moment is of no use to anybody.
            self.queue.end(ref)
            self._sources.withdraw(ref)
            self._changed(ref)

    def _follows(self, declaration: SourceDeclaration, more: int) -> None:
        """Count whose sources follow an origin, and tell where these are others than before."""
        spec, tenant = declaration.spec, declaration.tenant
        tenants = self._tenants.setdefault(spec.origin, Counter())
        before = tenants[tenant]
        tenants[tenant] = before + more
        if not tenants[tenant]:
            del tenants[tenant]
        if not before or tenant not in tenants:
            self._sources.followed(spec, frozenset(tenants))
        if not tenants:
            del self._tenants[spec.origin]

    def _let_go(self, spec: SourceSpec) -> None:
        """Have what is kept of an origin given up once no source follows it."""
        if not self._origins.units(spec.origin):
            self._sources.forget(spec)

    def value_changed(self, ref: ObjectRef) -> None:
        """Poll the sources that use a Secret."""
        for source in self._values.units(ref):
            self.queue.add(source)

    def poll_now(self, ref: ObjectRef) -> None:
        """Poll a source at once, as a changed credential asks."""
        if ref in self._states:
            self.queue.add(ref)

    def poll_anew(self, ref: ObjectRef) -> None:
        """Poll a source at once, past any shared answer, because somebody says that its remote has moved.

        Who says so may say it a thousand times a second: a source is polled for it at most each `ANEW_EVERY` seconds,
        and once more after the last time it was said.
        """
        if ref not in self._states:
            return
        self._anew.add(ref)
        wait = self._polled_anew.get(ref, -ANEW_EVERY) + ANEW_EVERY - self._clock.now()
        self.queue.add_after(ref, wait)

    def of_the_same_origin(self, ref: ObjectRef) -> frozenset[ObjectRef]:
        """Give the sources that follow the same repository as one does, itself included; none where it is unknown."""
        state = self._states.get(ref)
        return self._origins.units(state.declaration.spec.origin) if state is not None else frozenset()

    def declarations(self) -> tuple[SourceDeclaration, ...]:
        """Give all sources that are declared."""
        return tuple(state.declaration for state in self._states.values())

    async def resolve(self, ref: ObjectRef, at: str) -> Resolved:
        """Find another revision of a source, in its own words (a branch, a tag, a digest). Raises `SourceError`.

        Somebody asks for it now: what was answered earlier to others does not count.
        """
        declaration = self._states[ref].declaration
        credentials = await self._credentials.of(declaration)
        revision = await self._sources.resolve(declaration.spec, credentials, at, fresh=True)
        return await self._sources.fetch(declaration.spec, revision, credentials, declaration.ignore)

    async def recall(self, ref: ObjectRef, revision: str) -> Resolved:
        """Find a revision that was delivered before, from the cache if it is there. Raises `SourceError`."""
        state = self._states.get(ref)
        if state is None:
            raise SourceError(Fault.NOT_FOUND, f"{ref} is declared no more")
        declaration = state.declaration
        parsed = declaration.spec.remembered(revision)
        credentials = await self._credentials.of(declaration)
        found = await self._sources.recall(declaration.spec, parsed, credentials, declaration.ignore)
        if found is not None:
            return found
        return await self._sources.fetch(declaration.spec, parsed, credentials, declaration.ignore)

    async def _poll(self, ref: ObjectRef) -> None:
        state = self._states.get(ref)
        if state is None:
            return
        declaration = state.declaration
        if declaration.problems or declaration.suspended:
            # Units go on with what was fetched before, also after a restart.
            found = msgspec.structs.replace(
                state, resolved=state.resolved or await self._remembered(declaration), checked_at=self._clock.wall()
            )
            if self._states.get(ref) is not state:
                self.queue.add(ref)
                return
            self._states[ref] = found
            self._report(found)
            if not state.polled or _gives(found) != _gives(state):
                self._changed(ref)
            return
        fresh = declaration.requested != state.handled or ref in self._anew
        if ref in self._anew:
            self._anew.discard(ref)
            self._polled_anew[ref] = self._clock.now()
        began, started = self._clock.now(), self._clock.wall()
        creds, asked = None, False
        try:
            creds = await self._credentials.of(declaration)
            asked = True
            revision = await self._sources.resolve(declaration.spec, creds, fresh=fresh)
            resolved = await self._sources.fetch(declaration.spec, revision, creds, declaration.ignore)
            artifact = state.artifact
            if declaration.artifact and (artifact is None or _differs(artifact, state.resolved, resolved)):
                async with self._sources.checkout(resolved):
                    # Units need no tarball: once the files are on disk they begin, while it is made.
                    self._give(declaration, resolved)
                    artifact = await self._sources.publish(declaration, resolved)
            found = msgspec.structs.replace(state, resolved=resolved, artifact=artifact, error=None, failures=0)
        except SourceError as failed:
            error = source_error(failed, declaration, creds.secret if creds else "", asked)
            given = self._states.get(ref, state)
            resolved_before = given.resolved or await self._remembered(declaration)
            found = msgspec.structs.replace(state, resolved=resolved_before, error=error, failures=state.failures + 1)
            # That it fails is told once, by the report that follows.
            log.debug("source not reached", source=str(ref), fault=error.fault.value, error=str(error))
        current = self._states.get(ref)
        if current is None:
            return
        self._event_sink.publish(
            SourcePolled(
                declaration,
                started,
                self._clock.now() - began,
                str(found.resolved.revision) if found.resolved else "",
                found.error.fault.value if found.error else "",
            )
        )
        if _asks(current.declaration) != _asks(declaration):
            self.queue.add(ref)
            return
        found = msgspec.structs.replace(
            found, declaration=current.declaration, handled=declaration.requested, checked_at=self._clock.wall()
        )
        self._states[ref] = found
        self._report(found)
        if not current.polled or _gives(found) != _gives(current):
            self._changed(ref)
        if found.resolved is not None and (
            state.resolved is None or found.resolved.revision != state.resolved.revision
        ):
            self._spread(found.declaration)
        self.queue.add_after(ref, _next_poll(found), urgent=False)

    def _give(self, declaration: SourceDeclaration, resolved: Resolved) -> None:
        """Let the units have a revision already, unless the source was changed or removed meanwhile."""
        known = self._states.get(declaration.ref)
        if known is None or _asks(known.declaration) != _asks(declaration):
            return
        found = msgspec.structs.replace(
            known, resolved=resolved, error=None, handled=declaration.requested, checked_at=self._clock.wall()
        )
        self._states[declaration.ref] = found
        if not known.polled or _gives(found) != _gives(known):
            self._changed(declaration.ref)

    def _spread(self, moved: SourceDeclaration) -> None:
        """Poll the other sources of the same origin: they share what was asked and fetched, and need not wait."""
        for other in self._origins.units(moved.spec.origin) - {moved.ref}:
            if self._states[other].resolved is not None:
                self.queue.add(other, urgent=False)

    async def _remembered(self, declaration: SourceDeclaration) -> Resolved | None:
        """Find what the source last had before this process began, without the network."""
        if not declaration.remembered:
            return None
        try:
            revision = declaration.spec.remembered(declaration.remembered)
            credentials = await self._credentials.of(declaration)
            return await self._sources.recall(declaration.spec, revision, credentials, declaration.ignore)
        except (ValueError, SourceError):
            return None

    def _report(self, state: SourceState) -> None:
        declaration, resolved, error = state.declaration, state.resolved, state.error
        message = str(error) if error else ""
        stalled = bool(error and error.stalled)
        if declaration.problems:
            message, stalled = "; ".join(declaration.problems), True
        report = SourceReport(
            generation=declaration.generation,
            revision=str(resolved.revision) if resolved else "",
            artifact=state.artifact,
            commit=resolved.provenance if resolved else None,
            fault=error.fault if error else (Fault.URL if declaration.problems else None),
            message=message,
            stalled=stalled,
            storing=bool(error and error.fault in (Fault.DISK, Fault.CACHE)),
            suspended=declaration.suspended,
            handled=state.handled,
            notices=tuple(Notice("unsupported", text) for text in declaration.warnings),
            verified=resolved.verified if resolved else "",
        )
        self._reports.source(declaration, report)
        before = self._reported.get(declaration.ref)
        if report != before:
            self._reported[declaration.ref] = report
            self._event_sink.publish(SourceChanged(declaration, before, report, self._clock.wall()))


def _asks(declaration: SourceDeclaration) -> SourceDeclaration:
    """Give the declaration without what does not change what is asked for."""
    return msgspec.structs.replace(declaration, remembered="")


def _differs(artifact: Artifact, before: Resolved | None, resolved: Resolved) -> bool:
    """Say whether a tarball is of other content than what is there now: other files of a revision may be wanted."""
    return artifact.revision != resolved.revision or before is None or before.tree != resolved.tree


def _gives(state: SourceState) -> tuple[Revision | None, str, Fault | None, str]:
    """Give what dependents see of a source."""
    resolved = state.resolved
    return (
        resolved.revision if resolved else None,
        resolved.tree if resolved else "",
        state.error.fault if state.error else None,
        state.handled,
    )


def _next_poll(state: SourceState) -> float:
    """Give the seconds to the next poll: the interval, or sooner after a failure that time may heal."""
    interval = state.declaration.interval
    if state.error is None or state.error.stalled:
        return interval
    return min(interval, FIRST_RETRY * 2.0 ** min(state.failures - 1, 10))
