"""Every line of the log and every event stands in the documentation, and nothing stands there that is not written."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from support.deployments import a_record
from trueup.core.health import Health, HealthStatus
from trueup.core.model.artifact import Fault
from trueup.core.model.deployment_record import Cause, Ending
from trueup.core.model.events import Event, SyncEnded, SyncStarted, UnitChanged
from trueup.core.model.objects import ObjectRef
from trueup.core.model.reports import Reason, SyncState, UnitPhase, UnitReport
from trueup.core.model.unit import Unit
from trueup.core.notification.object_events import ObjectEvent
from trueup.dialects.flux.events import DRIFT_CORRECTED, NEW_ARTIFACT, SUCCEEDED
from trueup.dialects.flux.kustomization.status import REASONS
from trueup.dialects.flux.source_status import CHART_PACKAGED, CHART_PULLED, failure_reason
from trueup.dialects.object_events import object_events
from trueup.testing.units import a_unit

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "logs-and-events.md").read_text()
LEVELS = {"info": "info", "warning": "warning", "error": "error", "exception": "error", "critical": "error"}
APPLICATION = ObjectRef("argoproj.io", "Application", "argocd", "shop")
KUSTOMIZATION = ObjectRef("kustomize.toolkit.fluxcd.io", "Kustomization", "flux-system", "shop")
WAITS = [
    (UnitPhase.WAITING, reason)
    for reason in (Reason.DEPENDENCY_NOT_READY, Reason.SOURCE_MISSING, Reason.SOURCE_NOT_READY)
]
FAILURES = set(Reason) - {
    *(Reason.SUCCEEDED, Reason.PROGRESSING, Reason.SUSPENDED, Reason.CANCELED, Reason.DEPENDENCY_NOT_READY)
}
"""Why a unit may have failed."""

NOW = datetime(2026, 11, 29, tzinfo=UTC)

SOURCES = ("GitRepository", "OCIRepository", "Bucket", "ExternalArtifact", "HelmRepository", "HelmChart")


def rows(heading: str) -> Iterator[list[str]]:
    """Give the rows of all tables below headings that begin so."""
    for section in re.findall(rf"^## {heading}.*?(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL):
        for line in re.findall(r"^\| (`.*)\|$", section, re.MULTILINE):
            yield [cell.strip() for cell in line.split(" | ")]


def written() -> dict[str, set[str]]:
    """Give the lines that the code writes, debugging aside, with their levels. What the demo says is no log."""
    found: dict[str, set[str]] = {}
    for path in (ROOT / "src" / "trueup").rglob("*.py"):
        if "devtools" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            function = node.func
            chosen = (function.body, function.orelse) if isinstance(function, ast.IfExp) else (function,)
            levels = {
                LEVELS[each.attr]
                for each in chosen
                if isinstance(each, ast.Attribute)
                and isinstance(each.value, ast.Name)
                and each.value.id == "log"
                and each.attr in LEVELS
            }
            if levels:
                text = node.args[0]
                assert isinstance(text, ast.Constant), f"{path.name}:{node.lineno}: a line has a name, and fields"
                found.setdefault(str(text.value), set()).update(levels)
    return found


def test_the_lines_of_the_page_are_those_of_the_code() -> None:
    documented = {row[0].strip("`"): set(row[1].split(", ")) for row in rows("Lines about")}
    assert documented == written()


def test_each_line_says_what_it_means() -> None:
    for row in rows("Lines about"):
        assert row[-2 if len(row) > 4 else 2].strip(), row[0]


# -------------------------------------------------------------------------------------------------------- events


def matches(row: list[str], event: ObjectEvent) -> bool:
    kind = "Warning" if event.warning else "Normal"
    words = re.escape(row[2].strip("`"))
    pattern = re.sub(r"<[a-z]+>", ".+", words)
    return (
        row[0] == f"`{event.reason}`" and row[1] == kind and re.fullmatch(pattern, event.message, re.DOTALL) is not None
    )


def unit_of(ref: ObjectRef) -> Unit:
    return a_unit("shop", ref, ref=ref)


def syncs(ref: ObjectRef) -> Iterable[Event]:
    unit = unit_of(ref)
    for cause, ending in itertools.product(Cause, Ending):
        record = a_record(1, cause=cause, ending=ending, unit=ref, message="it is so", inputs="sha256:1")
        yield SyncStarted(
            unit, record.id, cause, record.revision, NOW, initiator="ada" if cause is Cause.REQUEST else ""
        )
        yield SyncEnded(unit, record)


def reports(ref: ObjectRef) -> Iterable[Event]:
    unit, before = unit_of(ref), UnitReport(UnitPhase.APPLYING, Reason.PROGRESSING, sync=SyncState.OUT_OF_SYNC)
    healthy = Health(HealthStatus.HEALTHY, "")
    yield UnitChanged(
        unit, before, UnitReport(UnitPhase.SETTLED, Reason.SUCCEEDED, sync=SyncState.SYNCED, health=healthy), NOW
    )
    for phase, reason in (*itertools.product((UnitPhase.FAILED, UnitPhase.DELETING), FAILURES), *WAITS):
        yield UnitChanged(unit, before, UnitReport(phase, reason, "it is so"), NOW)


def told(events: Iterable[Event]) -> list[ObjectEvent]:
    return [made for event in events for made in object_events(event)]


def test_every_event_of_applications_is_one_of_the_page_and_every_row_is_written() -> None:
    table = list(rows("Events on Applications"))
    made = told([*syncs(APPLICATION), *reports(APPLICATION)])
    unknown = [event for event in made if not any(matches(row, event) for row in table)]
    assert not unknown
    unused = [row for row in table if not any(matches(row, event) for event in made)]
    assert not unused
    assert {event.component for event in made} == {"argocd-application-controller"}


def test_every_reason_of_flux_objects_is_one_of_the_page() -> None:
    table = list(rows("Events on Flux"))
    documented = {row[0].strip("`"): row[1] for row in table}
    never = {REASONS[Reason.SUSPENDED], REASONS[Reason.CANCELED]}
    of_units = {*REASONS.values(), DRIFT_CORRECTED} - never
    of_sources = {
        NEW_ARTIFACT,
        "Succeeded",
        CHART_PULLED,
        CHART_PACKAGED,
        *(failure_reason(fault, kind) for fault in Fault for kind in SOURCES),
    }
    assert set(documented) == of_units | of_sources
    for event in told([*syncs(KUSTOMIZATION), *reports(KUSTOMIZATION)]):
        assert ("Warning" if event.warning else "Normal") in documented[event.reason]
        assert event.reason in of_units and event.component == "kustomize-controller"
    assert SUCCEEDED in documented


@pytest.mark.parametrize("ref", [APPLICATION, KUSTOMIZATION], ids=lambda ref: ref.kind)
def test_no_event_is_written_for_what_is_no_news(ref: ObjectRef) -> None:
    settled = UnitReport(UnitPhase.SETTLED, Reason.SUCCEEDED, sync=SyncState.SYNCED)
    failed = UnitReport(UnitPhase.FAILED, Reason.INVALID_SPEC, "wrong")
    observed = UnitReport(UnitPhase.OBSERVED, Reason.SUSPENDED, "Argo CD works on it")
    unit = unit_of(ref)
    for before, after in (
        (None, settled),
        (None, failed),
        (settled, msgspec.structs.replace(settled, compared=NOW)),
        (failed, failed),
        (settled, observed),
        (observed, failed),
    ):
        assert not told([UnitChanged(unit, before, after, NOW)]), (before, after)
