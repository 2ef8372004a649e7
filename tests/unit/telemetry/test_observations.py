"""Histograms under upstream's names: exact, gone with their object, shared where objects share them, bounded."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from trueup.core.model.artifact import Fault
from trueup.core.model.deployment_record import StepTiming
from trueup.core.model.events import (
    Event,
    ReconcileEnded,
    SourceChanged,
    SourceGone,
    SourcePolled,
    UnitChanged,
    UnitGone,
)
from trueup.core.model.git import GitRef, GitSpec
from trueup.core.model.objects import ObjectRef
from trueup.core.model.reports import Reason, SourceReport, UnitPhase, UnitReport
from trueup.core.model.unit import SourceDeclaration, Unit
from trueup.dialects.metrics import source_observed, source_series, unit_observed, unit_series
from trueup.telemetry import Metrics
from trueup.testing import a_unit

NOW = datetime(2026, 11, 25, 10, tzinfo=UTC)
REPOSITORY = ObjectRef("source.toolkit.fluxcd.io", "GitRepository", "flux-system", "shop")
REPORT = UnitReport(UnitPhase.SETTLED, Reason.SUCCEEDED)
LOOKS = "gotk_reconcile_duration_seconds"


def kustomization(name: str) -> Unit:
    ref = ObjectRef("kustomize.toolkit.fluxcd.io", "Kustomization", "flux-system", name)
    return msgspec.structs.replace(a_unit(name, REPOSITORY), ref=ref)


def application(name: str) -> Unit:
    ref = ObjectRef("argoproj.io", "Application", "argocd", name)
    return msgspec.structs.replace(a_unit(name, ref), ref=ref)


def source(ref: ObjectRef, url: str = "https://git/shop") -> SourceDeclaration:
    return SourceDeclaration(ref, "uid", 1, GitSpec(url, GitRef(revision="main")))


def look(unit: Unit, seconds: float) -> ReconcileEnded:
    return ReconcileEnded(unit, "main", "", NOW, (StepTiming("write", seconds),), REPORT)


def after(*events: Event, per_object: int = 100) -> tuple[Metrics, dict[tuple[str, str], float]]:
    metrics = Metrics(unit_series, source_series, per_object, unit_observed, source_observed)
    for event in events:
        metrics.publish(event)
    return metrics, shown(metrics)


def shown(metrics: Metrics) -> dict[tuple[str, str], float]:
    """Give every sample by its name and its labels' values in the order of their names."""
    found: dict[tuple[str, str], float] = {}
    for family in text_string_to_metric_families(generate_latest(metrics.registry).decode()):
        for sample in family.samples:
            key = (sample.name, " ".join(sample.labels[name] for name in sorted(sample.labels)))
            assert key not in found, f"{key} is given twice"
            found[key] = sample.value
    return found


def test_each_look_falls_into_every_bucket_that_is_long_enough() -> None:
    unit = application("web")
    _, found = after(look(unit, 0.25), look(unit, 0.3), look(unit, 100.0))
    server = "https://kubernetes.default.svc"
    buckets = {key[1].split()[1]: value for key, value in found.items() if key[0] == "argocd_app_reconcile_bucket"}
    assert buckets == {"0.25": 1, "0.5": 2, "1": 2, "2": 2, "4": 2, "8": 2, "16": 2, "+Inf": 3}
    assert found["argocd_app_reconcile_sum", f"{server} argocd"] == 100.55
    assert found["argocd_app_reconcile_count", f"{server} argocd"] == 3


def test_a_units_histogram_goes_with_it_and_begins_anew() -> None:
    unit = kustomization("web")
    metrics, found = after(look(unit, 1.0), look(kustomization("api"), 1.0))
    assert found[f"{LOOKS}_count", "Kustomization web flux-system"] == 1
    metrics.publish(UnitGone(unit, None, NOW))
    assert (f"{LOOKS}_count", "Kustomization web flux-system") not in shown(metrics)
    assert (f"{LOOKS}_count", "Kustomization api flux-system") in shown(metrics)
    metrics.publish(look(unit, 1.0))
    assert shown(metrics)[f"{LOOKS}_count", "Kustomization web flux-system"] == 1


def test_a_source_that_is_gone_has_no_series() -> None:
    declaration = source(REPOSITORY)
    changed = SourceChanged(declaration, None, SourceReport(fault=Fault.TIMEOUT), NOW)
    metrics, found = after(changed, SourcePolled(declaration, NOW, 0.2))
    assert found[f"{LOOKS}_count", "GitRepository shop flux-system"] == 1
    assert found["trueup_sources", ""] == found["trueup_sources_failing", ""] == 1
    metrics.publish(SourceGone(declaration, None, NOW))
    rest = shown(metrics)
    assert not [key for key in rest if "GitRepository" in key[1]]
    assert rest["trueup_sources", ""] == rest["trueup_sources_failing", ""] == 0


def test_applications_of_one_repository_share_its_series() -> None:
    polls = [SourcePolled(source(application(name).ref, "https://me:hunter2@git/shop"), NOW, 0.2) for name in "abc"]
    failed = msgspec.structs.replace(polls[0], fault=Fault.TIMEOUT.value)
    metrics, found = after(*polls, failed)
    asked_for = {key[1]: value for key, value in found.items() if key[0] == "argocd_git_request_total"}
    assert list(asked_for.values()) == [4.0] and "hunter2" not in str(found)
    fails = {key[1]: value for key, value in found.items() if key[0] == "argocd_git_fetch_fail_total"}
    assert list(fails.values()) == [1.0]
    metrics.publish(SourceGone(polls[0].declaration, None, NOW))
    # A total that fell would look like a restart, and its next growth like a burst.
    assert shown(metrics)["argocd_git_request_total", next(iter(asked_for))] == 4.0


def test_series_are_bounded_both_of_objects_and_of_what_they_share() -> None:
    looks = [look(kustomization(f"web-{number}"), 1.0) for number in range(10)]
    polls = [
        SourcePolled(source(application(f"web-{number}").ref, f"https://git/{number}"), NOW, 0.1)
        for number in range(10)
    ]
    _, found = after(*looks, *polls, per_object=3)
    assert len([key for key in found if key[0] == f"{LOOKS}_count"]) == 3
    # Series are counted, not repositories: the first has two, the second one.
    shared = [
        key for key in found if key[0] in ("argocd_git_request_total", "argocd_git_request_duration_seconds_count")
    ]
    assert len(shared) == 3


def test_with_none_allowed_no_object_is_named() -> None:
    unit = kustomization("secret-project")
    events = (UnitChanged(unit, None, REPORT, NOW), look(unit, 1.0), SourcePolled(source(REPOSITORY), NOW, 0.1))
    _, found = after(*events, per_object=0)
    assert "secret-project" not in str(found) and "shop" not in str(found)
    assert found["trueup_units", "settled"] == 1


def test_a_controller_that_lost_its_lease_shows_no_object_and_keeps_its_totals() -> None:
    unit, declaration = kustomization("web"), source(application("web").ref)
    metrics, _ = after(UnitChanged(unit, None, REPORT, NOW), look(unit, 1.0), SourcePolled(declaration, NOW, 0.1))
    metrics.rest()
    found = shown(metrics)
    assert not [key for key in found if key[0].startswith("gotk_")]
    assert found["trueup_units", "settled"] == 0
    assert found["controller_runtime_reconcile_total", "kustomization success"] == 1
    assert [value for key, value in found.items() if key[0] == "argocd_git_request_total"] == [1.0]
