"""From an `Application` to a unit and its sources, which are one object here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from trueup.core.decryption import Decryption
from trueup.core.model.dialect import Context, Translated, annotations_of
from trueup.core.model.objects import Body, ObjectRef
from trueup.core.model.unit import (
    HEALTH_DEADLINE,
    DeletionPolicy,
    HealthGate,
    Remedies,
    SourceDeclaration,
    SyncPolicy,
    Target,
    TrackingLabels,
    Unit,
    UnitSource,
    ValueRef,
)
from trueup.dialects.argo.application.configuration import unread_warning
from trueup.dialects.argo.application.decryption import REMEDY, decryption_of
from trueup.dialects.argo.application.policy import SyncOptions, policy_of
from trueup.dialects.argo.application.recipe import PLACEHOLDER
from trueup.dialects.argo.application.requests import refresh_token, request_of
from trueup.dialects.argo.application.sources.declared import (
    declarations,
    given_sources,
    source_spec,
    sources_of,
    unsigned_sources,
)
from trueup.dialects.argo.application.sources.reading import Reader
from trueup.dialects.argo.application.types import GROUP, KIND, Source, Spec, instance_name
from trueup.dialects.argo.appproject.bounds import Wish, bounds, signers
from trueup.dialects.argo.appproject.types import DEFAULT
from trueup.dialects.decode import list_of, mapping_of, metadata_of, read, text_of
from trueup.dialects.rollback_options import approval, rollback_options
from trueup.dialects.sync_options import UNKNOWN, digest_of_spec, literal, spread, version_of

FIELD_MANAGER = "argocd-controller"
GPG_KEYS = "argocd-gpg-keys-cm"
"""The ConfigMap of Argo CD that has the keys of OpenPGP, by their ids."""
IN_CLUSTER_SERVER = "https://kubernetes.default.svc"
IN_CLUSTER_NAME = "in-cluster"
TRACKING_ID = "argocd.argoproj.io/tracking-id"
DELETION_APPROVED = "argocd.argoproj.io/deletion-approved"
SKIP_RECONCILE = "argocd.argoproj.io/skip-reconcile"
RESOURCES_FINALIZER = "resources-finalizer.argocd.argoproj.io"
_CASCADES = {
    RESOURCES_FINALIZER: "Foreground",
    f"{RESOURCES_FINALIZER}/foreground": "Foreground",
    f"{RESOURCES_FINALIZER}/background": "Background",
}
REMEDIES = Remedies(
    recreate="annotate it in Git with argocd.argoproj.io/sync-options: Force=true,Replace=true",
    namespace="set the sync option CreateNamespace=true",
    place="set spec.destination.namespace, or metadata.namespace of the object",
    order="deliver it by an Application of its own before, or in an earlier wave of this one",
    keys=REMEDY,
)
ACCESS = (
    "a private repository wants a Secret in namespace {} with the label argocd.argoproj.io/secret-type: repository and "
    "the keys url, username and password; one of Helm also the key type: helm"
)
_HOOK_FINALIZERS = ("pre-delete-finalizer.argocd.argoproj.io", "post-delete-finalizer.argocd.argoproj.io")


def translate_application(body: Body, context: Context) -> Translated:
    """Translate; whatever cannot be done becomes a problem that names its field."""
    metadata = metadata_of(body)
    annotations = annotations_of(body)
    name, namespace, uid = (text_of(metadata, field) for field in ("name", "namespace", "uid"))
    found = read(body.get("spec"), Spec)
    spec = found.value
    problems, warnings = list(found.problems), [UNKNOWN.format(path) for path in found.unknown]
    given = sources_of(spec)
    project = spec.project or DEFAULT
    warnings += unread_warning(context.configuration)
    sync_options = SyncOptions(spec.sync_policy.sync_options if spec.sync_policy else (), warnings)
    finalizer, cascade = _finalizer(list_of(metadata, "finalizers"))
    deleting = metadata.get("deletionTimestamp") is not None
    ref = ObjectRef(GROUP, KIND, namespace, name)
    reader = Reader(
        name,
        instance_name(name, namespace, context.home),
        project,
        spec.destination.namespace,
        plugins=context.plugins,
    )
    sources = given_sources(spec, ref, reader)
    problems += sources.problems
    warnings += sources.warnings
    target = _target(spec, sync_options, problems)
    wish = Wish(
        namespace=namespace,
        repos=tuple(one.repo_url for one in given),
        server=spec.destination.server or (IN_CLUSTER_SERVER if spec.destination.name == IN_CLUSTER_NAME else ""),
        cluster=spec.destination.name or (IN_CLUSTER_NAME if spec.destination.server == IN_CLUSTER_SERVER else ""),
        target=target.namespace,
    )
    permissions, forbidden = bounds(project, context.projects, context.home, wish)
    problems += forbidden
    decryption = decryption_of(ref, annotations, project, context, problems)
    keys = signers(project, context.projects, context.home)
    problems += unsigned_sources(given, keys, project)
    policy = policy_of(spec, sync_options, cascade if deleting else "", problems, warnings)
    request = request_of(body, spec, proven=context.proven, home=context.home)
    rollback = rollback_options(annotations, context, warnings)
    deadline = HEALTH_DEADLINE if rollback.deadline is None else rollback.deadline
    gate = HealthGate(timeout=deadline, deadline=deadline)
    requested = refresh_token(body)
    marks = tracking_marks(name, namespace, context.home)
    unit = Unit(
        ref=ref,
        uid=uid,
        # The object has no status subresource: each status that is written raises its generation, and would look like
        # a new unit. Nothing that Argo CD's clients read shows an observed generation.
        generation=0,
        sources=sources.sources if not problems else (UnitSource(ref, PLACEHOLDER),),
        version=version_of(body),
        spec_digest=_digest(
            sources.sources if not problems else (), given, target, policy, rollback.deadline, decryption
        ),
        target=target,
        policy=policy,
        gate=gate,
        returns=rollback.policy,
        inherited=rollback.inherited,
        delivered=_delivered(mapping_of(body, "status")),
        past_jobs=rollback.past_jobs,
        propose_revert=rollback.propose_revert,
        deletion=_deletion(cascade, sync_options),
        marks=marks,
        decryption=decryption,
        inputs=(ValueRef("Secret", *decryption.secret),) if decryption and decryption.secret else (),
        field_manager=FIELD_MANAGER,
        finalizer=finalizer,
        finalized=bool(finalizer),
        project=project,
        permissions=permissions,
        suspended=annotations.get(SKIP_RECONCILE) == "true",
        deleting=deleting,
        requested=requested,
        operation=request.operation if request and not request.refusal else None,
        problems=tuple(problems),
        warnings=tuple(warnings),
        approved=approval(annotations, DELETION_APPROVED),
        remedies=REMEDIES,
    )
    template = SourceDeclaration(
        ref=ref,
        uid=uid,
        generation=0,
        spec=source_spec(given[0] if given else Source(), keys),
        keys=ValueRef("ConfigMap", context.home, GPG_KEYS) if keys else None,
        interval=context.poll + spread(uid or str(ref), context.jitter),
        requested=requested,
        project=project,
        access=ACCESS.format(context.home),
        problems=tuple(problems),
    )
    return Translated(unit, declarations(template, given, mapping_of(body, "status"), keys))


def tracking_marks(name: str, namespace: str, home: str) -> TrackingLabels:
    """Give the annotation by which Argo CD knows its objects again."""
    owner = literal(instance_name(name, namespace, home))
    return TrackingLabels(annotations={TRACKING_ID: f"{owner}:{{group}}/{{kind}}:{{home}}/{{name}}"})


def _target(spec: Spec, sync_options: SyncOptions, problems: list[str]) -> Target:
    given = spec.destination
    if given.name and given.server:
        problems.append(f"application destination can't have both name and server defined: {given.name} {given.server}")
    elif not given.name and not given.server:
        problems.append("spec.destination names no cluster: set server to " + IN_CLUSTER_SERVER)
    elif given.name not in ("", IN_CLUSTER_NAME) or given.server.rstrip("/") not in ("", IN_CLUSTER_SERVER):
        problems.append(
            f"spec.destination: {given.name or given.server!r} is another cluster, which is not supported yet; "
            f"use server {IN_CLUSTER_SERVER} or name {IN_CLUSTER_NAME}"
        )
    extra = spec.sync_policy.managed_namespace_metadata if spec.sync_policy else None
    return Target(
        namespace=given.namespace,
        create_namespace=sync_options.create_namespace and bool(given.namespace),
        namespace_labels=extra.labels if extra else {},
        namespace_annotations=extra.annotations if extra else {},
    )


def _finalizer(finalizers: list[object]) -> tuple[str, str]:
    """Give the finalizer that the engine removes in the end, and how objects are to be removed (empty: they stay)."""
    for name, propagation in _CASCADES.items():
        if name in finalizers:
            return name, propagation
    for item in finalizers:
        if isinstance(item, str) and item.startswith(_HOOK_FINALIZERS):
            return item, ""
    return "", ""


def _deletion(cascade: str, sync_options: SyncOptions) -> DeletionPolicy:
    if not cascade or sync_options.delete in ("false", "confirm"):
        return DeletionPolicy.ORPHAN
    # Either cascade waits until nothing is left; they differ in what Kubernetes removes first.
    return DeletionPolicy.PRUNE_AND_WAIT_FOREVER


def _delivered(status: Mapping[str, Any]) -> bool:
    """Say whether a status tells of a deployment that was carried out."""
    return bool(list_of(status, "history")) or text_of(mapping_of(status, "operationState"), "phase") == "Succeeded"


def _digest(
    sources: Sequence[UnitSource],
    given: Sequence[Source],
    target: Target,
    policy: SyncPolicy,
    deadline: float | None,
    decryption: Decryption | None,
) -> str:
    """Name what decides what is delivered: neither when it is done by itself nor how a removal goes."""
    first, *others = given or (Source(),)
    return digest_of_spec(
        sources[0].recipe if sources else PLACEHOLDER,
        first.repo_url,
        msgspec.structs.astuple(target),
        policy.prune,
        policy.allow_empty,
        policy.force,
        policy.replace,
        *(() if deadline is None else (deadline,)),
        *((one.recipe, one.name, source.repo_url) for one, source in zip(sources[1:], others, strict=False)),
        *((sources[0].name,) if sources and sources[0].name else ()),
        *(() if decryption is None else (decryption,)),
        *(one.chart for one in given if one.chart),
    )
