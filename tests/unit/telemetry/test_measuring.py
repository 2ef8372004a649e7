"""Counting is exact, series of single objects come and go with them, and their number is bounded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from trueup.core.fields.changes import told
from trueup.core.health import Health, HealthStatus
from trueup.core.model.artifact import Fault
from trueup.core.model.deployment_record import Cause, DeploymentRecord, Ending
from trueup.core.model.events import SourceChanged, SyncEnded, UnitChanged, UnitGone
from trueup.core.model.git import GitSpec
from trueup.core.model.objects import ObjectRef
from trueup.core.model.reports import Reason, SourceReport, SyncState, UnitPhase, UnitReport
from trueup.core.model.unit import SourceDeclaration, Unit
from trueup.dialects.metrics import source_series, unit_series
from trueup.telemetry import Gauge, Metrics
from trueup.testing import a_unit

NOW = datetime(2026, 11, 25, 10, tzinfo=UTC)
GOOD = UnitReport(UnitPhase.SETTLED, Reason.SUCCEEDED, sync=SyncState.SYNCED, health=Health(HealthStatus.HEALTHY))
SOURCE = ObjectRef("source.toolkit.fluxcd.io", "GitRepository", "flux-system", "shop")


def app(name: str, **fields: Any) -> Unit:
    ref = ObjectRef("argoproj.io", "Application", "argocd", name)
    return msgspec.structs.replace(a_unit(name, ref, **fields), ref=ref)


def ks(name: str) -> Unit:
    ref = ObjectRef("kustomize.toolkit.fluxcd.io", "Kustomization", "flux-system", name)
    return msgspec.structs.replace(a_unit(name, SOURCE), ref=ref)


def record(unit: Unit, ending: Ending = Ending.GOOD) -> DeploymentRecord:
    changes = (told(ObjectRef("", "ConfigMap", "default", "a"), "create"),)
    end = NOW + timedelta(seconds=2)
    return DeploymentRecord("id", unit.ref, "uid", Cause.CHANGE, ending, NOW, end, changes=changes)


def values(registry: CollectorRegistry) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def labels(found: dict[tuple[tuple[str, str], ...], float]) -> list[dict[str, str]]:
    return [dict(item) for item in found]


def test_an_application_is_shown_as_its_dashboards_know_it() -> None:
    metrics, unit = Metrics(unit_series, source_series), app("web", project="shop")
    metrics.publish(
        SourceChanged(
            SourceDeclaration(unit.ref, "u", 1, GitSpec("https://x:secret@git/shop")), None, SourceReport(), NOW
        )
    )
    metrics.publish(UnitChanged(unit, None, GOOD, NOW))
    metrics.publish(SyncEnded(unit, record(unit)))
    metrics.publish(SyncEnded(unit, record(unit, Ending.RETURNED)))
    metrics.publish(SyncEnded(unit, record(unit)))
    found = values(metrics.registry)
    (info,) = labels(found["argocd_app_info"])
    assert (info["sync_status"], info["health_status"], info["project"]) == ("Synced", "Healthy", "shop")
    assert "secret" not in info["repo"] and info["repo"].endswith("git/shop")
    phases = {dict(key)["phase"]: value for key, value in found["argocd_app_sync_total"].items()}
    assert phases == {"Succeeded": 2.0, "Failed": 1.0}
    assert list(found["argocd_app_sync_duration_seconds_total"].values()) == [6.0]
    assert found["trueup_syncs_total"][(("cause", "change"), ("ending", "good"))] == 2.0


def test_flux_objects_are_shown_as_theirs_know_them() -> None:
    metrics, unit = Metrics(unit_series, source_series), ks("web")
    metrics.publish(UnitChanged(unit, None, GOOD, NOW))
    declaration = SourceDeclaration(SOURCE, "u", 1, GitSpec("https://git/shop"))
    metrics.publish(SourceChanged(declaration, None, SourceReport(fault=Fault.UNREACHABLE), NOW))
    found = values(metrics.registry)
    ready = {item["customresource_kind"]: item["ready"] for item in labels(found["gotk_resource_info"])}
    assert ready == {"Kustomization": "True", "GitRepository": "False"}
    key = (
        ("kind", "Kustomization"),
        ("name", "web"),
        ("namespace", "flux-system"),
        ("status", "True"),
        ("type", "Ready"),
    )
    assert found["gotk_reconcile_condition"][key] == 1.0
    assert found["trueup_sources_failing"][()] == 1.0


def test_what_is_gone_has_no_series() -> None:
    metrics, unit = Metrics(unit_series, source_series), app("web")
    metrics.publish(UnitChanged(unit, None, GOOD, NOW))
    metrics.publish(SyncEnded(unit, record(unit)))
    metrics.publish(UnitGone(unit, GOOD, NOW))
    found = values(metrics.registry)
    assert "argocd_app_info" not in found and "argocd_app_sync_total" not in found
    assert found["trueup_units"][(("phase", "settled"),)] == 0.0


def test_series_of_single_objects_are_bounded_and_the_rest_is_counted() -> None:
    metrics = Metrics(unit_series, source_series, per_object=3)
    for number in range(10):
        metrics.publish(UnitChanged(app(f"web-{number}"), None, GOOD, NOW))
    found = values(metrics.registry)
    assert len(found["argocd_app_info"]) == 3 and found["trueup_units_without_series"][()] == 7.0
    assert found["trueup_units"][(("phase", "settled"),)] == 10.0


def test_names_that_need_escaping_are_given_back_as_they_are() -> None:
    metrics, odd = Metrics(unit_series, source_series), app("web", project='a"b\\c\nd')
    metrics.publish(UnitChanged(odd, None, GOOD, NOW))
    (info,) = labels(values(metrics.registry)["argocd_app_info"])
    assert info["project"] == 'a"b\\c\nd'


def test_gauges_of_other_rooms_are_read_when_asked_and_replaced_by_name() -> None:
    metrics = Metrics(unit_series, source_series)
    metrics.add(Gauge("trueup_x", "x", lambda: {("a",): 1.0}, ("which",)))
    metrics.add(Gauge("trueup_x", "x", lambda: {("b",): 2.0}, ("which",)))
    assert values(metrics.registry)["trueup_x"] == {(("which", "b"),): 2.0}


def test_a_gauge_that_cannot_be_read_takes_no_other_metric_away() -> None:
    metrics = Metrics(unit_series, source_series)
    metrics.add(Gauge("trueup_bad", "x", lambda: {(): 1 / 0}), Gauge("trueup_good", "x", lambda: {(): 3.0}))
    found = values(metrics.registry)
    assert found["trueup_good"] == {(): 3.0} and "trueup_bad" not in found and "trueup_units" in found
