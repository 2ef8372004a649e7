"""One deployment in lines for people: who, when, why, what changed field by field, how long it took, how it ended."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from trueup.cli.tables import visible
from trueup.core.fields.changes import FieldChange, ObjectChange
from trueup.core.model.artifact import Provenance
from trueup.core.model.deployment_record import DeploymentRecord
from trueup.history import Entry, Told

WIDTH = 14


def lines_of(told: Told) -> Iterator[str]:
    """Give the lines, without control characters in what others wrote."""
    yield from map(visible, _lines(told))


def _lines(told: Told) -> Iterator[str]:
    entry, record = told.entry, told.entry.record
    if record is None:
        gap = entry.gap
        if gap is not None:
            yield f"{gap.count} deployments between {_time(gap.since)} and {_time(gap.until)} were not recorded:"
            yield f"  {gap.reason}"
        return
    yield f"{record.unit}: {record.ending.value}" + (f", {record.message}" if record.message else "")
    yield from _standing(entry, record)
    if record.commit is not None:
        yield from _commit(record.commit, entry.pull_request)
    if told.cause is not None or record.related:
        yield _pair("caused by", _named(told.cause) if told.cause else f"{record.related} (not in the history)")
    for effect in told.effects:
        yield _pair("led to", _named(effect))
    yield from _delivered(record)
    yield from _changes(record)
    if record.steps:
        yield "steps"
        for step in record.steps:
            yield f"  {step.name:<22} {step.seconds:>9.3f} s" + (f"  {step.error}" if step.error else "")
    yield _pair("chain", f"link {told.link} of {told.writer}, {told.digest[:16]}")


def _standing(entry: Entry, record: DeploymentRecord) -> Iterator[str]:
    yield _pair("id", record.id)
    yield _pair("when", f"{_time(record.started)} to {_time(record.finished)} ({record.seconds:.1f} s)")
    if entry.recovered:
        yield _pair("recovered", "its record was lost; this is what the unit's short history still tells")
    else:
        who = f"{record.initiator} asked" if record.initiator else "by itself"
        yield _pair("why", f"{record.cause.value}, {who}")
    yield _pair("revision", record.revision)
    if record.previous and record.previous != record.revision:
        yield _pair("before", record.previous)
    if record.source:
        yield _pair("source", f"{record.source} {record.path}".rstrip())
    if place := " ".join(part for part in (record.cluster, record.namespace) if part):
        yield _pair("target", place)
    if record.tries > 1:
        yield _pair("tries", f"{record.tries} in a row with the same outcome")
    if record.resumed:
        yield _pair("resumed", "a restart came in the middle: what was changed before it is not listed")


def _commit(commit: Provenance, url: str) -> Iterator[str]:
    for role, who in (("author", commit.author), ("committer", commit.committer)):
        if who is not None:
            yield _pair(role, f"{who}, {_time(who.when)}")
    if commit.pull_request is not None:
        request = commit.pull_request
        yield _pair("pull request", " ".join(part for part in (f"#{request.number}", request.title, url) if part))
    for key, value in commit.trailers:
        yield _pair("trailer", f"{key}: {value}")
    first, *rest = commit.message.strip().splitlines() or [""]
    yield _pair("message", first)
    yield from (" " * WIDTH + line for line in rest)


def _delivered(record: DeploymentRecord) -> Iterator[str]:
    if record.images:
        yield _pair("images", ", ".join(record.images))
    if record.versions:
        yield _pair("versions", ", ".join(record.versions))


def _changes(record: DeploymentRecord) -> Iterator[str]:
    if record.changes or record.more:
        yield "changes"
    for change in record.changes:
        yield from _change(change)
    if record.more:
        yield f"  and {record.more} more objects"


def _change(change: ObjectChange) -> Iterator[str]:
    yield f"  {change.action} {change.ref}" + (f": {change.error}" if change.error else "")
    for field in change.fields:
        yield f"    {field.path}: {_words(field)}"
    if change.more:
        yield f"    and {change.more} more fields"


def _words(field: FieldChange) -> str:
    if field.hidden:
        return "changed (hidden)"
    return f"{field.before or '(absent)'} → {field.after or '(absent)'}"


def _named(entry: Entry) -> str:
    record = entry.record
    if record is None:
        return entry.id
    return f"{entry.id}: {record.cause.value} at {_time(record.started)}, {record.ending.value}, {record.revision}"


def _pair(name: str, value: str) -> str:
    return f"{name:<{WIDTH}}{value}"


def _time(when: datetime) -> str:
    return when.isoformat(sep=" ", timespec="seconds")
