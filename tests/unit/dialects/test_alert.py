"""Providers and Alerts are read as upstream's users write them; what cannot be done is said, and harms nobody."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from trueup.core.fields.changes import FieldChange, told
from trueup.core.model.deployment_record import Cause, DeploymentRecord, Ending
from trueup.core.model.events import SyncEnded
from trueup.core.model.objects import ObjectRef
from trueup.core.notification.alerting import Alert, pattern_problem
from trueup.core.notification.notification import Severity
from trueup.dialects.flux.alert.types import notice_status, translate_alert, translate_provider
from trueup.dialects.flux.events import notification_event_of
from trueup.testing import a_unit

SUPPORTED = frozenset({"slack", "generic-hmac"})


def provider(**spec: Any) -> dict[str, Any]:
    metadata = {"name": "chat", "namespace": "flux-system"}
    return {
        "apiVersion": "notification.toolkit.fluxcd.io/v1beta3",
        "kind": "Provider",
        "metadata": metadata,
        "spec": spec,
    }


def alert(**spec: Any) -> Alert:
    sources = [{"kind": "Kustomization", "name": "*"}]
    body = {
        "kind": "Alert",
        "metadata": {"name": "all", "namespace": "flux-system"},
        "spec": {"providerRef": {"name": "chat"}, "eventSources": sources, **spec},
    }
    return translate_alert(body)


def unit(name: str, namespace: str = "flux-system") -> ObjectRef:
    return ObjectRef("kustomize.toolkit.fluxcd.io", "Kustomization", namespace, name)


def test_a_provider_is_a_channel() -> None:
    channel = translate_provider(
        provider(type="slack", channel="ops", secretRef={"name": "token"}, timeout="20s", username="flux"), SUPPORTED
    )
    assert (channel.service, channel.recipient, channel.sender, channel.timeout) == ("slack", "ops", "flux", 20.0)
    assert channel.secret and channel.secret.name == "token" and channel.problems == ()


def test_a_type_that_is_not_supported_says_so() -> None:
    body = provider(type="azureeventhub")
    channel = translate_provider(body, SUPPORTED)
    assert "not supported" in channel.problems[0]
    write = notice_status(body, channel.problems)
    assert write is not None
    status = write.status
    assert status and status["conditions"][0]["reason"] == "InvalidSpec"
    assert notice_status({**body, "status": status}, channel.problems) is None


def test_what_is_well_has_no_status_as_upstream() -> None:
    assert notice_status(provider(type="slack"), ()) is None
    told = {"conditions": [{"type": "Ready"}]}
    cleared = notice_status({**provider(type="slack"), "status": told}, ())
    assert cleared is not None and cleared.patch({"status": told}) == {"status": {"conditions": None}}


def test_an_alert_selects_by_kind_name_namespace_and_labels() -> None:
    everything = alert()
    assert everything.selects(unit("web"), {}) and not everything.selects(unit("web", "other"), {})
    labelled = alert(eventSources=[{"kind": "Kustomization", "name": "*", "matchLabels": {"team": "shop"}}])
    assert labelled.selects(unit("web"), {"team": "shop"}) and not labelled.selects(unit("web"), {"team": "x"})
    named = alert(eventSources=[{"kind": "Kustomization", "name": "web", "namespace": "apps"}])
    assert named.selects(unit("web", "apps"), {}) and not named.selects(unit("api", "apps"), {})


def test_severity_error_is_told_bad_news_and_its_end() -> None:
    errors = alert(eventSeverity="error")
    assert errors.wants(Severity.ERROR, "x", recovered=False)
    assert not errors.wants(Severity.INFO, "x", recovered=False)
    assert errors.wants(Severity.INFO, "x", recovered=True)


def test_lists_include_and_exclude() -> None:
    chosen = alert(inclusionList=[".*succeeded.*", "finished"], exclusionList=["no changes"])
    assert chosen.wants(Severity.INFO, "Reconciliation finished", recovered=False)
    assert not chosen.wants(Severity.INFO, "waiting", recovered=False)
    assert not chosen.wants(Severity.INFO, "Reconciliation finished, no changes", recovered=False)


@pytest.mark.parametrize("pattern", ["(", "(?=x)", r"(a)\1", "a{1000}{1000}", "((((a{200}){200}){200}))", "x" * 2000])
def test_patterns_that_upstream_does_not_know_are_left_out_and_said_to_be(pattern: str) -> None:
    assert pattern_problem(pattern)
    found = alert(exclusionList=[pattern, "fine"])
    assert found.exclude == ("fine",) and "exclusionList" in found.problems[0]


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*$", ".*.*.*.*.*z", "a*a*a*a*a*a*z"])
def test_no_pattern_takes_long(pattern: str) -> None:
    chosen, began = alert(exclusionList=[pattern + "!"]), time.process_time()
    assert chosen.exclude and chosen.wants(Severity.INFO, "a" * 10_000, recovered=False)
    assert time.process_time() - began < 1


@pytest.mark.parametrize("pattern", [".*succeeded.*", "^Dependencies.*", "waiting (for|on) .*", "(?i)error"])
def test_usual_patterns_are_taken(pattern: str) -> None:
    assert pattern_problem(pattern) == ""


def test_summary_and_metadata_go_with_every_message() -> None:
    assert alert(summary="prod", eventMetadata={"cluster": "eu"}).facts == (("cluster", "eu"), ("summary", "prod"))


@pytest.mark.parametrize("spec", [None, [], "x", {"eventSources": "x", "providerRef": 3}, {"eventSources": [None, 3]}])
def test_anything_is_read_without_raising(spec: Any) -> None:
    metadata = {"name": "odd", "namespace": "default"}
    assert translate_alert({"kind": "Alert", "metadata": metadata, "spec": spec}).problems
    assert translate_provider({"kind": "Provider", "metadata": metadata, "spec": spec}, SUPPORTED).problems


def test_drift_names_fields_and_tells_no_text_that_may_be_secret() -> None:
    now = datetime(2026, 11, 25, tzinfo=UTC)
    fields = (FieldChange("spec.replicas", "4", "1"), FieldChange("spec.env", '"hunter2"', '"hunter3"'))
    change = told(ObjectRef("apps", "Deployment", "shop", "web"), "heal", fields)
    web = msgspec.structs.replace(a_unit("web", unit("web")), ref=unit("web"))
    record = DeploymentRecord("id", web.ref, "u", Cause.HEAL, Ending.GOOD, now, now, changes=(change,))
    happening = notification_event_of(SyncEnded(web, record))
    assert happening is not None and "spec.replicas 4 → 1, spec.env" in happening.message
    assert "hunter" not in happening.message
