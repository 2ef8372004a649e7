"""What happens to units and sources, as lines of the controller's log: one for each piece of news, with fields.

The fields are the same everywhere: `unit` or `source`, `revision`, `sync` (the id that the history shows), `duration`
in seconds. A field that would be empty is left out. What happens again and again is damped: a unit that is healed all
the time, and a failure that every try repeats, are told a few times and then counted.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import structlog

from trueup.core.fields.changes import ObjectChange
from trueup.core.model.deployment_record import Cause, DeploymentRecord, Ending
from trueup.core.model.events import (
    Event,
    ReconcileEnded,
    SourceChanged,
    SourceGone,
    SourcePolled,
    SyncEnded,
    SyncStarted,
    UnitChanged,
    UnitGone,
)
from trueup.core.model.objects import ObjectRef
from trueup.core.model.reports import Reason, UnitPhase, UnitReport
from trueup.core.redaction import redact
from trueup.core.wording import cut

LONGEST = 1024
"""Characters of a text in a line."""

OBJECTS_NAMED = 10
HEALS_AT_ONCE = 5
HEAL_PAUSE = 60.0
"""Seconds after which one more healing of a unit is told."""

KEPT = 20_000
"""Units and sources of which is remembered what was told."""

log = structlog.get_logger(__name__)


class _Heals(msgspec.Struct):
    """How many healings may still be told, since when they are counted, and how many were left out."""

    budget: float
    at: float
    left_out: int = 0


class EventLog:
    """Implements the `EventSink` port."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Take a clock (monotonic seconds), which healings are damped by."""
        self._clock = clock
        self._heals: OrderedDict[ObjectRef, _Heals] = OrderedDict()
        self._failing: OrderedDict[ObjectRef, tuple[str, str]] = OrderedDict()
        self._polls: OrderedDict[ObjectRef, float] = OrderedDict()
        self._told: set[ObjectRef] = set()

    def publish(self, event: Event) -> None:
        """Write what is news."""
        match event:
            case SyncStarted():
                _begun(event)
            case SyncEnded():
                self._ended(event.record)
            case UnitChanged():
                self._unit(event)
            case ReconcileEnded():
                self._told.discard(event.unit.ref)
            case SourcePolled():
                _keep(self._polls, event.declaration.ref, event.seconds)
            case SourceChanged():
                self._source(event)
            case UnitGone():
                self._forget(event.unit.ref)
                log.info("unit is gone", unit=str(event.unit.ref))
            case SourceGone():
                self._forget(event.declaration.ref)
                log.info("source is gone", source=str(event.declaration.ref))

    def _forget(self, ref: ObjectRef) -> None:
        self._told.discard(ref)
        for known in (self._heals, self._failing, self._polls):
            known.pop(ref, None)

    # --------------------------------------------------------------------------------------------------- syncs

    def _ended(self, record: DeploymentRecord) -> None:
        # The report that follows in the same reconciliation says the same once more.
        self._told.add(record.unit)
        facts = _facts(record)
        pruned = [change for change in record.changes if change.action == "prune" and not change.error]
        if record.cause is Cause.HEAL and record.ending is Ending.GOOD:
            self._healed(record, facts)
            return
        if pruned:
            log.info("objects pruned", **_fields(facts, duration=None, objects=_names(pruned), count=len(pruned)))
        match record.ending:
            case Ending.GOOD:
                log.info("sync ended", **_fields(facts, outcome="good", changed=_counted(record)))
            case Ending.SUPERSEDED:
                log.info("sync superseded", **_fields(facts, message=record.message, changed=_counted(record)))
            case Ending.REFUSED:
                log.warning("sync refused", **_fields(facts, error=record.message, tries=record.tries))
            case Ending.RETURNED:
                log.warning("rollback", **_fields(facts, error=record.message, changed=_counted(record)))
            case Ending.SICK:
                log.warning("sync left unhealthy", **_fields(facts, error=record.message, changed=_counted(record)))
            case Ending.FAILED if not record.inputs and record.cause is not Cause.DELETE:
                log.warning("render failed", **_fields(facts, error=record.message))
            case Ending.FAILED:
                changed = _counted(record)
                log.warning("sync failed", **_fields(facts, error=record.message, tries=record.tries, changed=changed))

    def _healed(self, record: DeploymentRecord, facts: dict[str, Any]) -> None:
        now = self._clock()
        heals = self._heals.get(record.unit) or _Heals(HEALS_AT_ONCE, now)
        heals.budget = min(HEALS_AT_ONCE, heals.budget + (now - heals.at) / HEAL_PAUSE)
        heals.at = now
        _keep(self._heals, record.unit, heals)
        if heals.budget < 1:
            heals.left_out += 1
            return
        heals.budget -= 1
        log.info("drift healed", **_fields(facts, objects=_names(record.changes), left_out=heals.left_out))
        heals.left_out = 0

    # --------------------------------------------------------------------------------------------------- units

    def _unit(self, event: UnitChanged) -> None:
        before, after, ref = event.before, event.after, event.unit.ref
        facts = {"unit": str(ref), "revision": after.attempted or after.current}
        self._hold(before, after, facts)
        if before is not None and before.phase is not after.phase:
            if after.phase is UnitPhase.SUSPENDED:
                log.info("unit suspended", **_fields(facts, message=after.message))
            elif after.phase is UnitPhase.OBSERVED:
                log.info("unit left to another controller", **_fields(facts, message=after.message))
        said = (after.reason.value, after.message)
        if after.phase is UnitPhase.FAILED:
            if self._failing.get(ref) != said and ref not in self._told:
                log.warning("unit failed", **_fields(facts, reason=said[0], error=said[1]))
            _keep(self._failing, ref, said)
        elif after.phase is UnitPhase.WAITING and after.reason is not Reason.PROGRESSING:
            if self._failing.get(ref) != said:
                log.info("unit waits", **_fields(facts, reason=said[0], message=said[1]))
            _keep(self._failing, ref, said)
        elif after.phase is UnitPhase.SETTLED and ref in self._failing:
            del self._failing[ref]
            if ref not in self._told:
                log.info("unit recovered", **_fields(facts, message=after.message))

    def _hold(self, before: UnitReport | None, after: UnitReport, facts: dict[str, Any]) -> None:
        was, held = before.held if before else None, after.held
        if before is None or was == held:
            return
        if held is None:
            log.info("hold ended", **_fields(facts, held=was.revision if was else ""))
        elif was is None or was.inputs != held.inputs:
            given = _fields(facts, revision=held.revision, sync=held.sync, error=held.reason, runs=held.returned_to)
            log.warning("revision held back", **given)
        elif held.stopped and held.stopped != was.stopped:
            given = _fields(facts, revision=held.revision, sync=held.sync, error=held.stopped)
            log.error("rollback failed", **given)

    # -------------------------------------------------------------------------------------------------- sources

    def _source(self, event: SourceChanged) -> None:
        before, after, ref = event.before, event.after, event.declaration.ref
        facts: dict[str, Any] = {"source": str(ref), "revision": after.revision, "duration": self._polls.get(ref)}
        if after.fault is not None:
            if before is None or (before.fault, before.message) != (after.fault, after.message):
                log.warning("source failed", **_fields(facts, fault=after.fault.value, error=after.message))
            return
        if before is not None and before.fault is not None:
            log.info("source recovered", **_fields(facts))
        # Before the first report after a start, the status says what the source had.
        previous = before.revision if before is not None else event.declaration.remembered
        if after.revision and after.revision != previous:
            given = _fields(facts, previous=previous)
            subject = after.commit.subject if after.commit else ""
            author = after.commit.author_name if after.commit else ""
            log.info("source changed", **_fields(given, subject=subject, author=author))


def _begun(event: SyncStarted) -> None:
    facts: dict[str, Any] = {
        "unit": str(event.unit.ref),
        "revision": event.revision,
        "previous": event.previous if event.previous != event.revision else "",
        "sync": event.sync,
        "cause": event.cause.value,
        "by": event.initiator,
    }
    if event.resumed:
        log.info("sync goes on after a restart", **_fields(facts))
    elif event.cause is Cause.RETURN:
        log.info("rollback begun", **_fields(facts))
    else:
        log.info("sync begun", **_fields(facts))


def _facts(record: DeploymentRecord) -> dict[str, Any]:
    return {
        "unit": str(record.unit),
        "revision": record.revision,
        "sync": record.id,
        "cause": record.cause.value,
        "by": record.initiator,
        "duration": record.seconds,
    }


def _fields(facts: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Leave out what is empty, and bound every text."""
    told: dict[str, Any] = {}
    for name, value in {**facts, **more}.items():
        if isinstance(value, float):
            told[name] = round(value, 3)
        elif isinstance(value, str) and value:
            told[name] = cut(redact(" ".join(value.split())), LONGEST)
        elif value:
            told[name] = value
    return told


def _names(changes: Iterable[ObjectChange]) -> str:
    refs = [str(change.ref) for change in changes if not change.error]
    more = len(refs) - OBJECTS_NAMED
    return ", ".join(refs[:OBJECTS_NAMED]) + (f" and {more} more" if more > 0 else "")


def _counted(record: DeploymentRecord) -> str:
    """Say how many objects were changed in which way."""
    words = {"create": "created", "change": "configured", "heal": "configured", "prune": "pruned"}
    count = Counter("failed" if one.error else words.get(one.action, one.action) for one in record.changes)
    told = [f"{number} {word}" for word, number in sorted(count.items())]
    return ", ".join([*told, f"{record.more} more"] if record.more else told)


def _keep(known: OrderedDict[ObjectRef, Any], ref: ObjectRef, value: Any) -> None:
    known[ref] = value
    known.move_to_end(ref)
    if len(known) > KEPT:
        known.popitem(last=False)
