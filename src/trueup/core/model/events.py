"""What happens in the engine, as frozen events for those who remember, notify, count and trace.

The engine publishes each to its `EventSink` and goes on; it waits for none of them. An event holds only what a status
may show: no secret value is in one.
"""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

import msgspec

from trueup.core.model.deployment_record import Cause, DeploymentRecord, StepTiming
from trueup.core.model.reports import SourceReport, UnitReport
from trueup.core.model.unit import SourceDeclaration, Unit


class UnitChanged(msgspec.Struct, frozen=True):
    """A unit's report is another than before; `before` is `None` for the first after a start, which may be no news."""

    unit: Unit
    before: UnitReport | None
    after: UnitReport
    at: datetime


class UnitGone(msgspec.Struct, frozen=True):
    """A unit's object is gone, with what it had last been reported."""

    unit: Unit
    last: UnitReport | None
    at: datetime


class SourceChanged(msgspec.Struct, frozen=True):
    """A source's report is another than before; `before` is `None` for the first after a start."""

    declaration: SourceDeclaration
    before: SourceReport | None
    after: SourceReport
    at: datetime


class SourceGone(msgspec.Struct, frozen=True):
    """A source's declaration is gone, with what it had last been reported."""

    declaration: SourceDeclaration
    last: SourceReport | None
    at: datetime


class SourcePolled(msgspec.Struct, frozen=True):
    """A source's remote was asked, which took so many seconds; `fault` names what failed, empty for nothing."""

    declaration: SourceDeclaration
    started: datetime
    seconds: float
    revision: str = ""
    fault: str = ""


class ReconcileEnded(msgspec.Struct, frozen=True):
    """One look at a unit has ended: its steps in order and how long each took. `sync` is the sync under way, if any."""

    unit: Unit
    revision: str
    sync: str
    started: datetime
    steps: tuple[StepTiming, ...]
    report: UnitReport | None


class SyncStarted(msgspec.Struct, frozen=True):
    """A sync is about to write. `sync` is the id that its record will have, `initiator` the person who asked for it.

    Healing begins without one: it is told when it has ended. Of inputs that fail again and again, only those tries
    begin with one whose end is told. `resumed`: a process before this one had begun it.
    """

    unit: Unit
    sync: str
    cause: Cause
    revision: str
    at: datetime
    previous: str = ""
    initiator: str = ""
    resumed: bool = False


class SyncEnded(msgspec.Struct, frozen=True):
    """A sync has ended, well or not."""

    unit: Unit
    record: DeploymentRecord


Event: TypeAlias = (
    UnitChanged | UnitGone | SourceChanged | SourceGone | SourcePolled | ReconcileEnded | SyncStarted | SyncEnded
)
