"""The table of kinds: which rule judges which, and whether Argo CD shows a health for it.

`docs/health.md` shows this table to users; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from trueup.core.health.conditions import by_conditions
from trueup.core.health.decode import Fields, section, text
from trueup.core.health.rules import definitions, gitops, jobs, network, pods, rollouts, scaling, storage, workloads
from trueup.core.health.status import Health, HealthStatus
from trueup.core.model.objects import ObjectRef

Rule: TypeAlias = Callable[[Fields], Health]

RULES: dict[tuple[str, str], Rule] = {
    ("", "Namespace"): definitions.namespace,
    ("", "PersistentVolumeClaim"): storage.volume_claim,
    ("", "Pod"): pods.pod,
    ("", "Service"): network.service,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): definitions.resource_definition,
    ("apiregistration.k8s.io", "APIService"): definitions.api_service,
    ("apps", "DaemonSet"): workloads.daemon_set,
    ("apps", "Deployment"): workloads.deployment,
    ("apps", "ReplicaSet"): workloads.replica_set,
    ("apps", "StatefulSet"): workloads.stateful_set,
    ("argoproj.io", "AnalysisRun"): gitops.argo_phase,
    ("argoproj.io", "Application"): gitops.argo_application,
    ("argoproj.io", "ApplicationSet"): gitops.argo_application_set,
    ("argoproj.io", "Experiment"): gitops.argo_phase,
    ("argoproj.io", "Rollout"): rollouts.argo_rollout,
    ("argoproj.io", "Workflow"): gitops.argo_phase,
    ("autoscaling", "HorizontalPodAutoscaler"): scaling.autoscaler,
    ("batch", "CronJob"): jobs.cron_job,
    ("batch", "Job"): jobs.job,
    ("bitnami.com", "SealedSecret"): gitops.sealed_secret,
    ("extensions", "Ingress"): network.ingress,
    ("helm.toolkit.fluxcd.io", "HelmRelease"): gitops.flux,
    ("image.toolkit.fluxcd.io", "ImagePolicy"): gitops.flux,
    ("image.toolkit.fluxcd.io", "ImageRepository"): gitops.flux,
    ("image.toolkit.fluxcd.io", "ImageUpdateAutomation"): gitops.flux,
    ("kustomize.toolkit.fluxcd.io", "Kustomization"): gitops.flux,
    ("networking.k8s.io", "Ingress"): network.ingress,
    ("notification.toolkit.fluxcd.io", "Alert"): gitops.flux,
    ("notification.toolkit.fluxcd.io", "Provider"): gitops.flux,
    ("notification.toolkit.fluxcd.io", "Receiver"): gitops.flux,
    ("policy", "PodDisruptionBudget"): scaling.disruption_budget,
    ("source.toolkit.fluxcd.io", "Bucket"): gitops.flux,
    ("source.toolkit.fluxcd.io", "ExternalArtifact"): gitops.flux,
    ("source.toolkit.fluxcd.io", "GitRepository"): gitops.flux,
    ("source.toolkit.fluxcd.io", "HelmChart"): gitops.flux,
    ("source.toolkit.fluxcd.io", "HelmRepository"): gitops.flux,
    ("source.toolkit.fluxcd.io", "OCIRepository"): gitops.flux,
}
"""One entry for each kind (API group and kind, any version) that has a rule of its own."""

SILENT = frozenset(
    {
        ("", "Namespace"),
        ("argoproj.io", "Application"),
        ("notification.toolkit.fluxcd.io", "Alert"),
        ("notification.toolkit.fluxcd.io", "Provider"),
    }
)
"""Kinds of the table for which Argo CD, as delivered, shows no health."""

BY_CONDITIONS = frozenset(
    {
        ("acme.cert-manager.io", "Challenge"),
        ("acme.cert-manager.io", "Order"),
        ("autoscaling.k8s.io", "VerticalPodAutoscaler"),
        ("cert-manager.io", "Certificate"),
        ("cert-manager.io", "CertificateRequest"),
        ("cert-manager.io", "ClusterIssuer"),
        ("cert-manager.io", "Issuer"),
        ("external-secrets.io", "ClusterExternalSecret"),
        ("external-secrets.io", "ClusterSecretStore"),
        ("external-secrets.io", "ExternalSecret"),
        ("external-secrets.io", "PushSecret"),
        ("external-secrets.io", "SecretStore"),
        ("gateway.networking.k8s.io", "BackendTLSPolicy"),
        ("gateway.networking.k8s.io", "GRPCRoute"),
        ("gateway.networking.k8s.io", "Gateway"),
        ("gateway.networking.k8s.io", "GatewayClass"),
        ("gateway.networking.k8s.io", "HTTPRoute"),
        ("gateway.networking.k8s.io", "ListenerSet"),
        ("gateway.networking.k8s.io", "TLSRoute"),
        ("keda.sh", "ScaledJob"),
        ("keda.sh", "ScaledObject"),
        ("serving.knative.dev", "Service"),
    }
)
"""Kinds for which Argo CD shows a health and that are judged here by their conditions."""

OUTWARD = frozenset(
    {
        ("autoscaling", "HorizontalPodAutoscaler"),
        ("batch", "CronJob"),
        ("policy", "PodDisruptionBudget"),
    }
)
"""Kinds whose health tells of their surroundings, or of their last run: it is shown, and judges no change."""

_CERTAIN_GROUPS = frozenset({"", "apps", "batch"})
"""Groups whose controllers say at last that they have given up. Everybody else's may still be at work."""

_BY_CONDITIONS_GROUPS = (".cnrm.cloud.google.com", ".crossplane.io", ".services.k8s.aws", ".upbound.io")
"""Groups whose every kind Argo CD shows a health for."""


def judged(group: str, kind: str) -> bool:
    """Say whether Argo CD shows a health for objects of a kind; a ConfigMap, for example, has none."""
    key = (group, kind)
    if key in RULES:
        return key not in SILENT
    return key in BY_CONDITIONS or group.endswith(_BY_CONDITIONS_GROUPS)


def outward(ref: ObjectRef) -> bool:
    """Say whether an object's bad health says nothing about what is written in it."""
    return (ref.group, ref.kind) in OUTWARD


def tentative(ref: ObjectRef) -> bool:
    """Say whether an object's bad health often passes: an operator reports what it has not made yet as a failure."""
    return ref.group not in _CERTAIN_GROUPS


def rule_of(group: str, kind: str) -> Rule:
    """Give the rule that judges a kind."""
    return RULES.get((group, kind), by_conditions)


def assess(obj: Fields) -> Health:
    """Judge one live object, as JSON decodes it, whatever its shape.

    An object on its way out progresses, and its finalizers are named, since it is they that hold it up.
    """
    metadata = section(obj, "metadata")
    if metadata.get("deletionTimestamp"):
        finalizers = metadata.get("finalizers")
        held = ", ".join(str(item) for item in finalizers) if isinstance(finalizers, list) else ""
        return Health(HealthStatus.PROGRESSING, "pending deletion" + (f", held by {held}" if held else ""))
    group, slash, _ = text(obj, "apiVersion").rpartition("/")
    return RULES.get((group if slash else "", text(obj, "kind")), by_conditions)(obj)
