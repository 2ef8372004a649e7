"""What happens is told once, with the same fields everywhere, bounded, damped and without secrets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from support.deployments import a_record
from trueup.core.fields.changes import ObjectChange
from trueup.core.model.artifact import Fault
from trueup.core.model.deployment_record import Cause, Ending
from trueup.core.model.events import ReconcileEnded, SourceChanged, SourcePolled, SyncEnded, SyncStarted, UnitChanged
from trueup.core.model.git import GitSpec
from trueup.core.model.objects import ObjectRef
from trueup.core.model.reports import Reason, SourceReport, UnitPhase, UnitReport
from trueup.core.model.state import Held
from trueup.core.model.unit import SourceDeclaration
from trueup.telemetry.event_log import HEAL_PAUSE, HEALS_AT_ONCE, LONGEST, EventLog
from trueup.testing.units import a_unit

REF = ObjectRef("argoproj.io", "Application", "argocd", "shop")
UNIT = a_unit("shop", REF, ref=REF)
NOW = datetime(2026, 11, 29, tzinfo=UTC)
SETTLED = UnitReport(UnitPhase.SETTLED, Reason.SUCCEEDED, "Applied")
FAILED = UnitReport(UnitPhase.FAILED, Reason.REFUSED, "Deployment/shop/web: no")


@pytest.fixture(name="lines")
def all_lines() -> Iterator[list[Any]]:
    with capture_logs() as found:
        yield found


def ended(ending: Ending = Ending.GOOD, **fields: Any) -> SyncEnded:
    return SyncEnded(UNIT, a_record(7, unit=REF, ending=ending, inputs="sha256:1", **fields))


def looked() -> ReconcileEnded:
    return ReconcileEnded(UNIT, "", "", NOW, (), None)


def test_a_sync_is_told_at_its_beginning_and_its_end_under_one_id(lines: list[Any]) -> None:
    log = EventLog(lambda: 0.0)
    record = ended().record
    log.publish(SyncStarted(UNIT, record.id, Cause.CHANGE, record.revision, NOW, "main@sha1:0"))
    log.publish(ended())
    begun, done = lines
    assert (begun["event"], done["event"]) == ("sync begun", "sync ended")
    assert begun["sync"] == done["sync"] == record.id and begun["unit"] == done["unit"] == str(REF)
    assert (done["duration"], done["outcome"], done["changed"]) == (0.5, "good", "1 configured")
    assert "by" not in begun, "what is empty is left out"


@pytest.mark.parametrize(
    ("ending", "fields", "name"),
    [
        (Ending.REFUSED, {}, "sync refused"),
        (Ending.FAILED, {}, "sync failed"),
        (Ending.FAILED, {"inputs": ""}, "render failed"),
        (Ending.SICK, {}, "sync left unhealthy"),
        (Ending.RETURNED, {}, "rollback"),
    ],
)
def test_a_bad_end_is_told_once_and_its_report_says_it_no_second_time(
    ending: Ending, fields: dict[str, Any], name: str, lines: list[Any]
) -> None:
    log = EventLog(lambda: 0.0)
    record = msgspec.structs.replace(ended(ending).record, message="Deployment/shop/web: no", **fields)
    log.publish(SyncEnded(UNIT, record))
    log.publish(UnitChanged(UNIT, SETTLED, FAILED, NOW))
    log.publish(looked())
    log.publish(UnitChanged(UNIT, UnitReport(UnitPhase.APPLYING, Reason.PROGRESSING), FAILED, NOW))
    assert [(line["event"], line["log_level"]) for line in lines] == [(name, "warning")]
    log.publish(UnitChanged(UNIT, FAILED, SETTLED, NOW))
    assert lines[-1]["event"] == "unit recovered"


def test_a_failure_that_no_sync_has_told_is_told_once(lines: list[Any]) -> None:
    log = EventLog(lambda: 0.0)
    for before in (SETTLED, UnitReport(UnitPhase.APPLYING, Reason.PROGRESSING), None):
        log.publish(UnitChanged(UNIT, before, FAILED, NOW))
    other = msgspec.structs.replace(FAILED, message="Deployment/shop/web: still no")
    log.publish(UnitChanged(UNIT, FAILED, other, NOW))
    assert [line["error"] for line in lines] == ["Deployment/shop/web: no", "Deployment/shop/web: still no"]


def test_heals_are_damped_and_those_left_out_are_counted(lines: list[Any]) -> None:
    now = [0.0]
    log = EventLog(lambda: now[0])
    for _ in range(100):
        log.publish(ended(cause=Cause.HEAL))
    assert [line["event"] for line in lines] == ["drift healed"] * HEALS_AT_ONCE
    now[0] += HEAL_PAUSE
    log.publish(ended(cause=Cause.HEAL))
    assert lines[-1]["left_out"] == 100 - HEALS_AT_ONCE and len(lines) == HEALS_AT_ONCE + 1


def test_what_was_pruned_is_a_line_of_its_own(lines: list[Any]) -> None:
    gone = tuple(ObjectChange("", "ConfigMap", "shop", f"map-{number}", "prune") for number in range(12))
    EventLog(lambda: 0.0).publish(ended(changes=gone))
    pruned, done = lines
    assert (pruned["event"], pruned["count"], done["changed"]) == ("objects pruned", 12, "12 pruned")
    assert pruned["objects"].endswith("and 2 more") and pruned["sync"] == done["sync"]


def test_a_hold_its_end_and_a_return_that_fails_are_told(lines: list[Any]) -> None:
    log = EventLog(lambda: 0.0)
    held = Held("sha256:1", "main@sha1:bad", "it is so", "then", "main@sha1:good", "sync-1")
    stopped = msgspec.structs.replace(held, stopped="neither is the good one")
    reports = [msgspec.structs.replace(SETTLED, held=one) for one in (None, held, held, stopped, None)]
    for before, after in zip([None, *reports], reports, strict=False):
        log.publish(UnitChanged(UNIT, before, after, NOW))
    assert [line["event"] for line in lines] == ["revision held back", "rollback failed", "hold ended"]
    assert (lines[0]["sync"], lines[0]["revision"], lines[0]["runs"]) == ("sync-1", "main@sha1:bad", "main@sha1:good")


def test_a_source_is_told_when_it_changes_and_not_after_a_restart(lines: list[Any]) -> None:
    source = SourceDeclaration(REF, "uid", 1, GitSpec("https://github.com/a/b"), remembered="main@sha1:1")
    log = EventLog(lambda: 0.0)
    first, second = SourceReport(revision="main@sha1:1"), SourceReport(revision="main@sha1:2")
    bad = msgspec.structs.replace(second, fault=Fault.UNREACHABLE, message="https://ada:pass@example.com: no")
    log.publish(SourcePolled(source, NOW, 0.25, "main@sha1:1"))
    log.publish(SourceChanged(source, None, first, NOW))
    assert not lines
    log.publish(SourcePolled(source, NOW, 0.25, "main@sha1:2"))
    log.publish(SourceChanged(source, first, second, NOW))
    log.publish(SourceChanged(source, second, bad, NOW))
    log.publish(SourceChanged(source, bad, second, NOW))
    assert [line["event"] for line in lines] == ["source changed", "source failed", "source recovered"]
    assert (lines[0]["previous"], lines[0]["duration"]) == ("main@sha1:1", 0.25)
    assert "pass" not in lines[1]["error"]


def test_a_text_is_bounded_and_is_one_line(lines: list[Any]) -> None:
    EventLog(lambda: 0.0).publish(ended(Ending.FAILED, message="no\n" * 10_000))
    assert LONGEST - 5 < len(lines[0]["error"]) <= LONGEST and "\n" not in lines[0]["error"]


def test_what_goes_on_after_a_restart_is_no_new_sync(lines: list[Any]) -> None:
    log = EventLog(lambda: 0.0)
    log.publish(SyncStarted(UNIT, "id", Cause.CHANGE, "r", NOW + timedelta(1), resumed=True))
    log.publish(SyncStarted(UNIT, "id", Cause.RETURN, "r", NOW))
    assert [line["event"] for line in lines] == ["sync goes on after a restart", "rollback begun"]
