"""What delivered objects say: who owns them, and what they ask for."""

from __future__ import annotations

from typing import Any

import pytest

from trueup.core.model.objects import ApplyMode, LiveOptions, ObjectRef, Phase, PruneMode
from trueup.dialects import Argo, Flux, dialect_of, live_options, owner_of

APP = ObjectRef("argoproj.io", "Application", "argocd", "web")


def deployment(annotations: dict[str, str] | None = None, labels: dict[str, str] | None = None) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d", "namespace": "shop", "annotations": annotations or {}, "labels": labels or {}},
    }


def tracked(text: str) -> dict[str, Any]:
    return deployment({"argocd.argoproj.io/tracking-id": text})


def test_a_tracking_id_names_the_application() -> None:
    assert owner_of(tracked("web:apps/Deployment:shop/d")) == APP
    assert owner_of(tracked("team_web:apps/Deployment:shop/d")) == APP._replace(namespace="team")
    metadata_only = {"metadata": tracked("web:apps/Deployment:shop/d")["metadata"]}
    assert owner_of(metadata_only) == APP


def test_a_tracking_id_of_a_cluster_scoped_object_names_the_home_namespace() -> None:
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}}
    body["metadata"] = {"name": "n", "annotations": {"argocd.argoproj.io/tracking-id": "web:/Namespace:shop/n"}}
    assert owner_of(body) == APP


@pytest.mark.parametrize(
    "text", ["", "web", "web:apps/Deployment", "web:apps/Deployment:shop/other", "a:b:c:d", ":/:/"]
)
def test_a_tracking_id_that_was_copied_along_or_makes_no_sense_means_nothing(text: str) -> None:
    assert owner_of(tracked(text)) is None


def test_labels_name_the_kustomization() -> None:
    labels = {"kustomize.toolkit.fluxcd.io/name": "k", "kustomize.toolkit.fluxcd.io/namespace": "n"}
    assert owner_of(deployment(labels=labels)) == ObjectRef("kustomize.toolkit.fluxcd.io", "Kustomization", "n", "k")


def test_the_instance_label_counts_only_where_that_is_asked_for() -> None:
    body = deployment(labels={"app.kubernetes.io/instance": "web"})
    assert owner_of(body) is None and Argo(by_label=True).owner(body) == APP


@pytest.mark.parametrize(
    ("annotations", "field", "value"),
    [
        ({"sync-wave": "-3"}, "wave", -3),
        ({"sync-wave": "soon"}, "wave", 0),
        ({"hook": "PostSync"}, "phase", Phase.POST_SYNC),
        ({"hook": "PreSync"}, "hook", True),
        ({"hook": "Skip"}, "apply", ApplyMode.IGNORE),
        ({"sync-options": "Replace=true"}, "apply", ApplyMode.REPLACE),
        ({"sync-options": "Validate=false, Force=true"}, "force", True),
        ({"sync-options": "Prune=confirm"}, "prune", PruneMode.CONFIRM),
        ({"sync-options": "Prune=false"}, "prune", PruneMode.FORBID),
        ({"sync-options": "SkipDryRunOnMissingResource=true"}, "skip_dry_run_on_missing_kind", True),
        ({"compare-options": "IgnoreExtraneous"}, "ignore_extraneous", True),
        ({"ignore-healthcheck": "true"}, "ignore_health", True),
    ],
)
def test_argo_cds_annotations(annotations: dict[str, str], field: str, value: Any) -> None:
    body = deployment({f"argocd.argoproj.io/{key}": text for key, text in annotations.items()})
    assert getattr(Argo().options(body), field) == value
    assert Flux().options(body) == Flux().options(deployment())


@pytest.mark.parametrize("place", ["labels", "annotations"])
@pytest.mark.parametrize(
    ("key", "text", "field", "value"),
    [
        ("prune", "Disabled", "prune", PruneMode.FORBID),
        ("reconcile", "disabled", "apply", ApplyMode.IGNORE),
        ("reconcile", "disabled", "prune", PruneMode.FORBID),
        ("ssa", "Merge", "apply", ApplyMode.MERGE),
        ("ssa", "IfNotPresent", "apply", ApplyMode.CREATE_ONLY),
        ("ssa", "Ignore", "apply", ApplyMode.IGNORE),
        ("force", "enabled", "force", True),
    ],
)
def test_fluxs_labels_and_annotations(place: str, key: str, text: str, field: str, value: Any) -> None:
    body = deployment(**{place: {f"kustomize.toolkit.fluxcd.io/{key}": text}})
    assert getattr(Flux().options(body), field) == value
    assert Argo().options(body) == Argo().options(deployment())


def test_a_live_object_is_kept_by_the_marks_of_either_dialect() -> None:
    allow, forbid, confirm = PruneMode.ALLOW, PruneMode.FORBID, PruneMode.CONFIRM

    def argo(text: str) -> LiveOptions:
        return live_options(deployment({"argocd.argoproj.io/sync-options": text}))

    assert argo("Prune=false") == LiveOptions(forbid, allow)
    assert argo("Delete=false") == LiveOptions(allow, forbid)
    assert argo("Prune=confirm,Delete=confirm") == LiveOptions(confirm, confirm)
    assert live_options(deployment({"helm.sh/resource-policy": "keep"})) == LiveOptions(forbid, forbid)
    assert live_options(deployment({"helm.sh/resource-policy": "other"})) == LiveOptions()
    kept = deployment(labels={"kustomize.toolkit.fluxcd.io/prune": "disabled"})
    assert live_options(kept) == LiveOptions(forbid, forbid)
    assert live_options(deployment({"argocd.argoproj.io/sync-wave": "5"})) == LiveOptions(wave=5)
    assert live_options(deployment()) == LiveOptions()


def test_each_kind_has_one_dialect() -> None:
    assert isinstance(dialect_of("argoproj.io", "Application"), Argo)
    assert isinstance(dialect_of("source.toolkit.fluxcd.io", "GitRepository"), Flux)
    assert dialect_of("apps", "Deployment") is None
