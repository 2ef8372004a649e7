"""Trueup's annotations about taking changes back, in both dialects."""

from __future__ import annotations

from typing import Any

import pytest

from trueup.core.initiator import initiator
from trueup.core.model.dialect import Context
from trueup.core.model.unit import ReturnPolicy, Unit
from trueup.dialects.argo.application.translate import translate_application
from trueup.dialects.flux.kustomization.translate import translate_kustomization

CONTEXT = Context(returns=ReturnPolicy.AUTO, taken_over=ReturnPolicy.REPORT)


def application(annotations: dict[str, str], status: dict[str, Any] | None = None) -> Unit:
    body = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "web", "namespace": "argocd", "uid": "u", "annotations": annotations},
        "spec": {
            "source": {"repoURL": "https://x/y", "path": "web"},
            "destination": {"server": "https://kubernetes.default.svc", "namespace": "web"},
        },
        "status": status or {},
    }
    unit = translate_application(body, CONTEXT).unit
    assert unit is not None
    return unit


def kustomization(annotations: dict[str, str], status: dict[str, Any] | None = None) -> Unit:
    body = {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"name": "web", "namespace": "flux-system", "uid": "u", "annotations": annotations},
        "spec": {"interval": "5m", "prune": True, "sourceRef": {"kind": "GitRepository", "name": "r"}},
        "status": status or {},
    }
    unit = translate_kustomization(body, CONTEXT).unit
    assert unit is not None
    return unit


BOTH = pytest.mark.parametrize("made", [application, kustomization])


@BOTH
def test_an_object_without_annotations_has_the_defaults(made: Any) -> None:
    unit = made({})
    assert (unit.returns, unit.inherited) == (ReturnPolicy.AUTO, ReturnPolicy.REPORT)
    assert (unit.past_jobs, unit.propose_revert, unit.warnings) == (False, False, ())


@BOTH
def test_every_annotation_is_read(made: Any) -> None:
    unit = made(
        {
            "trueup.dev/rollback": "Propose",
            "trueup.dev/health-timeout": "2m",
            "trueup.dev/rollback-past-jobs": "true",
            "trueup.dev/propose-revert": "true",
        }
    )
    assert (unit.returns, unit.inherited, unit.gate.timeout) == (ReturnPolicy.PROPOSE, None, 120.0)
    assert (unit.past_jobs, unit.propose_revert, unit.warnings) == (True, True, ())


@BOTH
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("trueup.dev/rollback", "sometimes"),
        ("trueup.dev/health-timeout", "soon"),
        ("trueup.dev/health-timeout", "0s"),
        ("trueup.dev/health-timeout", "120"),
        ("trueup.dev/rollback-past-jobs", "yes"),
        ("trueup.dev/propose-revert", ""),
    ],
)
def test_a_value_that_means_nothing_is_told_and_has_no_effect(made: Any, name: str, value: str) -> None:
    plain, unit = made({}), made({name: value})
    assert len(unit.warnings) == 1
    assert name in unit.warnings[0]
    assert (unit.returns, unit.gate, unit.past_jobs, unit.propose_revert, unit.spec_digest) == (
        plain.returns,
        plain.gate,
        plain.past_jobs,
        plain.propose_revert,
        plain.spec_digest,
    )


@BOTH
def test_another_deadline_makes_other_inputs(made: Any) -> None:
    assert made({}).spec_digest != made({"trueup.dev/health-timeout": "7m"}).spec_digest


def test_a_status_that_tells_of_a_deployment_is_noticed() -> None:
    assert application({}, {"history": [{"id": 1}]}).delivered
    assert application({}, {"operationState": {"phase": "Succeeded"}}).delivered
    assert not application({}, {"sync": {"status": "OutOfSync"}, "operationState": {"phase": "Error"}}).delivered
    assert kustomization({}, {"lastAppliedRevision": "main@sha1:abc"}).delivered
    assert not kustomization({}, {"conditions": [], "lastAttemptedRevision": "main@sha1:abc"}).delivered


def test_who_made_a_request_is_read_only_with_its_own_token() -> None:
    at = "reconcile.fluxcd.io/requestedAt"
    assert kustomization({at: "t1", "trueup.dev/requested-by": "t1 jane"}).requested_by == "jane (not proven)"
    assert initiator("jane", proven=True) == "jane" and initiator("", proven=False) == ""
    assert kustomization({at: "t2", "trueup.dev/requested-by": "t1 jane"}).requested_by == ""
    assert kustomization({at: "t2"}).requested_by == ""


def test_a_forced_request_is_a_sync_by_hand() -> None:
    at, force = "reconcile.fluxcd.io/requestedAt", "reconcile.fluxcd.io/forceAt"
    operation = kustomization({at: "t1", force: "t1", "trueup.dev/requested-by": "t1 jane"}).operation
    assert operation is not None and (operation.prune, operation.initiator) == (
        True,
        "jane (not proven)",
    )
    assert kustomization({at: "t2", force: "t1"}).operation is None
    assert kustomization({force: "t1"}).operation is None
