"""What the history keeps: a deployment record with what was found out about it, or a gap where records were lost.

Pure. An entry is stored as canonical JSON, which is what the chain's digests are over; times are aware, in UTC.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec

from trueup.core.fields.changes import ObjectChange
from trueup.core.model.deployment_record import Cause, DeploymentRecord, Ending
from trueup.core.model.objects import ObjectRef
from trueup.core.model.state import HistoryEntry
from trueup.core.repository.web_urls import pull_request_url

FIELDS_KEPT = 2000
"""Of one sync, this many changed fields are kept over all its objects; of the others only how many they are."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Gap(msgspec.Struct, frozen=True):
    """So many records could not be kept between two moments, and why."""

    count: int
    since: datetime
    until: datetime
    reason: str


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One entry of the history: exactly one of `record` and `gap` is there.

    `recovered`: the record itself was lost, and what stands in it was taken from the unit's short history: its cause,
    its commit and its changes are not known. `pull_request` is the URL of the pull request that the commit names.
    """

    id: str
    record: DeploymentRecord | None = None
    gap: Gap | None = None
    recovered: bool = False
    pull_request: str = ""

    @property
    def at(self) -> datetime:
        """When it ended: the history is ordered by this."""
        if self.record is not None:
            return self.record.finished
        return self.gap.until if self.gap is not None else EPOCH


_DECODER = msgspec.json.Decoder(Entry)


def entry_of(record: DeploymentRecord) -> Entry:
    """Make the entry of a record, with no more fields than are kept."""
    request = record.commit.pull_request if record.commit is not None else None
    url = pull_request_url(record.source, request.number) if request is not None else ""
    bounded = msgspec.structs.replace(record, changes=tuple(_bounded(record.changes)))
    return Entry(record.id, bounded, pull_request=url)


def recovered_entry(unit: ObjectRef, uid: str, deployment: HistoryEntry) -> Entry | None:
    """Make of a line of a unit's short history what can still be told of its record; `None` if its times are none."""
    started, finished = _time(deployment.started_at), _time(deployment.finished_at)
    if finished is None or not deployment.sync:
        return None
    try:
        ending = Ending(deployment.outcome)
    except ValueError:
        ending = Ending.FAILED
    asked = bool(deployment.initiator) and deployment.initiator != "rollback"
    record = DeploymentRecord(
        id=deployment.sync,
        unit=unit,
        unit_uid=uid,
        cause=Cause.RETURN if deployment.initiator == "rollback" else Cause.REQUEST if asked else Cause.CHANGE,
        ending=ending,
        started=started or finished,
        finished=finished,
        revision=deployment.revision,
        initiator=deployment.initiator if asked else "",
        objects=deployment.digest,
        revisions=deployment.revisions,
    )
    return Entry(record.id, record, recovered=True)


def decode_entry(raw: bytes | str) -> Entry:
    """Read an entry's JSON. Raises `msgspec.DecodeError`."""
    return _DECODER.decode(raw)


def microseconds(when: datetime) -> int:
    """Give a moment as whole microseconds since 1970, which is how the database orders."""
    return (when - EPOCH) // _MICROSECOND


def moment(value: int) -> datetime:
    """Give the moment of so many microseconds since 1970."""
    return EPOCH + value * _MICROSECOND


def _bounded(changes: tuple[ObjectChange, ...]) -> Iterator[ObjectChange]:
    left = FIELDS_KEPT
    for change in changes:
        kept = change.fields[:left]
        left -= len(kept)
        more = change.more + len(change.fields) - len(kept)
        yield change if len(kept) == len(change.fields) else msgspec.structs.replace(change, fields=kept, more=more)


def _time(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
