"""From a `Kustomization` to a unit."""

from __future__ import annotations

import msgspec

from trueup.core.decryption import Decryption
from trueup.core.initiator import initiator, requested_by
from trueup.core.model.dialect import Context, Translated, annotations_of
from trueup.core.model.objects import Body, ObjectRef, canonical_json, split_api_version
from trueup.core.model.recipe import ImageOverride, KustomizeRecipe, Patch, PatchTarget, Recipe
from trueup.core.model.unit import (
    HEALTH_DEADLINE,
    DeletionPolicy,
    Dependency,
    HealthExpression,
    HealthGate,
    Operation,
    Remedies,
    Retry,
    Substitution,
    SyncPolicy,
    Target,
    TrackingLabels,
    Unit,
    UnitSource,
    ValueRef,
)
from trueup.dialects.decode import list_of, mapping_of, metadata_of, number_of, read, text_of
from trueup.dialects.flux.bucket.types import KIND as BUCKET_KIND
from trueup.dialects.flux.externalartifact.types import KIND as EXTERNAL_KIND
from trueup.dialects.flux.gitrepository.types import GROUP as SOURCE_GROUP
from trueup.dialects.flux.gitrepository.types import KIND as SOURCE_KIND
from trueup.dialects.flux.kustomization.types import GROUP, KIND, Selector, Spec
from trueup.dialects.flux.ocirepository.types import KIND as ARTIFACT_KIND
from trueup.dialects.rollback_options import approval, rollback_options
from trueup.dialects.sync_options import UNKNOWN, digest_of_spec, folder, literal, version_of
from trueup.dialects.times import LEAST_PAUSE, seconds

FIELD_MANAGER = "kustomize-controller"
FINALIZER = "finalizers.fluxcd.io"
FORCE_AT = "reconcile.fluxcd.io/forceAt"
"""With the token of `REQUESTED_AT`: also what would not be tried by itself is."""

REQUESTED_AT = "reconcile.fluxcd.io/requestedAt"
SOURCE_KINDS = (SOURCE_KIND, ARTIFACT_KIND, BUCKET_KIND, EXTERNAL_KIND)
"""The kinds that a `sourceRef` may name, all in the group of sources."""

SUBSTITUTE = f"{GROUP}/substitute"
"""The label or annotation with which an object is left without variables: `disabled`."""

DECRYPT = f"{GROUP}/decrypt"
"""The annotation with which an object is left encrypted: `disabled`."""

PROVIDER = "sops"
NAME_LABEL = f"{GROUP}/name"
NAMESPACE_LABEL = f"{GROUP}/namespace"
DEFAULT_INTERVAL = 600.0
LEAST_TIMEOUT = 30.0
NO_API_VERSION = "apps/v1"
"""What upstream takes a health check to be that names no apiVersion."""

PLACEHOLDER = KustomizeRecipe(generate=True)
REMEDIES = Remedies(
    recreate=f"set spec.force: true, or annotate it in Git with {GROUP}/force: enabled",
    namespace="have another Kustomization deliver it that this one names in spec.dependsOn",
    place="set spec.targetNamespace, or metadata.namespace of the object",
    order="name the Kustomization that brings it in spec.dependsOn",
    variable="values come from spec.postBuild.substitute, and from what spec.postBuild.substituteFrom names",
    keys="set spec.decryption, with the Secret that holds the keys in its secretRef",
)
_DELETIONS = {
    "Delete": DeletionPolicy.PRUNE,
    "WaitForTermination": DeletionPolicy.PRUNE_AND_WAIT,
    "Orphan": DeletionPolicy.ORPHAN,
}


def translate_kustomization(body: Body, context: Context) -> Translated:
    """Translate; whatever cannot be done becomes a problem that names its field."""
    metadata = metadata_of(body)
    annotations = annotations_of(body)
    name, namespace, uid = (text_of(metadata, field) for field in ("name", "namespace", "uid"))
    found = read(body.get("spec"), Spec)
    spec = found.value
    requested = annotations.get(REQUESTED_AT, "")
    asker = initiator(requested_by(annotations, requested), proven=context.proven)
    problems, warnings = list(found.problems), [UNKNOWN.format(path) for path in found.unknown]
    _unsupported(spec, problems, warnings)
    interval = max(_duration("interval", spec.interval, DEFAULT_INTERVAL, problems), LEAST_PAUSE)
    timeout = _duration("timeout", spec.timeout, HEALTH_DEADLINE, problems)
    retry_interval = max(_duration("retryInterval", spec.retry_interval, interval, problems), LEAST_PAUSE)
    target = _target(spec, namespace, context)
    rollback = rollback_options(annotations, context, warnings)
    gate = msgspec.structs.replace(
        _gate(spec, namespace, name),
        timeout=rollback.deadline or timeout,
        deadline=rollback.deadline or max(timeout, HEALTH_DEADLINE),
    )
    substitution = _substitution(spec, namespace, problems)
    source = _source(spec, namespace, context, problems)
    deletion = _deletion(spec, problems)
    patches = _patches(spec, problems)
    decryption = _decryption(spec, namespace, context, problems)
    further = () if decryption is None else (decryption,)
    recipe: Recipe = PLACEHOLDER if problems else _recipe(spec, patches, substitution)
    policy = SyncPolicy(
        prune=spec.prune,
        force=spec.force,
        wave_wait=False,
        release_unpruned=True,
        undo_kubectl=True,
        retry=Retry(-1, retry_interval, 1.0, retry_interval),
    )
    unit = Unit(
        ref=ObjectRef(GROUP, KIND, namespace, name),
        uid=uid,
        generation=number_of(metadata, "generation"),
        sources=(UnitSource(source, recipe),),
        version=version_of(body),
        spec_digest=digest_of_spec(
            recipe,
            source,
            msgspec.structs.astuple(target),
            spec.prune,
            spec.force,
            _gate_by_content(gate, rollback.deadline or (timeout if spec.timeout else upstreams_timeout(interval))),
            substitution,
            *further,
        ),
        target=target,
        policy=policy,
        gate=gate,
        depends_on=tuple(
            Dependency(ObjectRef(GROUP, KIND, item.namespace or namespace, item.name), item.ready_expr)
            for item in spec.depends_on
        ),
        returns=rollback.policy,
        inherited=rollback.inherited,
        delivered=bool(text_of(mapping_of(body, "status"), "lastAppliedRevision")),
        past_jobs=rollback.past_jobs,
        propose_revert=rollback.propose_revert,
        deletion=deletion,
        marks=TrackingLabels(labels={NAME_LABEL: literal(name), NAMESPACE_LABEL: literal(namespace)}),
        substitution=substitution,
        decryption=decryption,
        inputs=tuple(ValueRef("Secret", *one.secret) for one in further if one.secret),
        field_manager=FIELD_MANAGER,
        finalizer=FINALIZER,
        finalized=FINALIZER in list_of(metadata, "finalizers"),
        interval=interval,
        retry_interval=retry_interval,
        suspended=spec.suspend,
        deleting=metadata.get("deletionTimestamp") is not None,
        requested=requested,
        requested_by=asker,
        operation=Operation(f"force@{requested}", prune=spec.prune, initiator=asker)
        if requested and annotations.get(FORCE_AT) == requested
        else None,
        problems=tuple(problems),
        warnings=tuple(warnings),
        approved=approval(annotations),
        remedies=REMEDIES,
    )
    return Translated(unit)


def _unsupported(spec: Spec, problems: list[str], warnings: list[str]) -> None:
    """Name what is accepted and cannot be done yet; what would deliver something else than asked for is a problem."""
    if spec.kube_config is not None:
        problems.append("spec.kubeConfig is not supported yet: objects are delivered to Trueup's own cluster only")
    for rule in spec.health_check_exprs:
        if not rule.kind or not rule.api_version:
            problems.append("spec.healthCheckExprs: each names the apiVersion and kind that it judges")
    if spec.ignore:
        problems.append("spec.ignore is not supported yet: drift of single fields cannot be left alone")
    if spec.validation:
        warnings.append("spec.validation has no effect: the API server validates every object")


def _duration(field: str, text: str, default: float, problems: list[str]) -> float:
    if not text:
        return default
    value = seconds(text)
    if value is None:
        problems.append(f"spec.{field}: {text!r} is no duration; write for example 5m or 1h30m")
        return default
    return value


def _source(spec: Spec, namespace: str, context: Context, problems: list[str]) -> ObjectRef:
    given = spec.source_ref
    where = given.namespace or namespace
    if given.kind and given.kind not in SOURCE_KINDS:
        known = ", ".join(SOURCE_KINDS)
        problems.append(f"spec.sourceRef: kind {given.kind} is not supported yet; use one of {known}")
    if where != namespace and not context.cross_namespace:
        problems.append(
            f"can't access '{given.kind}/{where}/{given.name}', cross-namespace references have been blocked"
        )
    if not context.cross_namespace:
        for item in spec.depends_on:
            if item.namespace not in ("", namespace):
                problems.append(
                    f"can't access '{KIND}/{item.namespace}/{item.name}', cross-namespace references have been blocked"
                )
    kind = given.kind if given.kind in SOURCE_KINDS else SOURCE_KIND
    return ObjectRef(SOURCE_GROUP, kind, where, given.name)


def _target(spec: Spec, namespace: str, context: Context) -> Target:
    """Give the target. Objects that name no namespace go to the Kustomization's own where it sets none."""
    account = spec.service_account_name or context.default_service_account
    return Target(
        namespace=spec.target_namespace or namespace,
        service_account=f"{namespace}:{account}" if account else "",
    )


def _gate(spec: Spec, namespace: str, name: str) -> HealthGate:
    """Give what must be healthy: everything with `wait`, else the objects named, never the Kustomization itself."""
    own = ObjectRef(GROUP, KIND, namespace, name)
    checks = [
        ObjectRef(split_api_version(item.api_version or NO_API_VERSION)[0], item.kind, item.namespace, item.name)
        for item in (() if spec.wait else spec.health_checks)
    ]
    return HealthGate(
        wait=spec.wait,
        checks=tuple(ref for ref in checks if ref != own),
        expressions=tuple(
            HealthExpression(
                split_api_version(item.api_version)[0], item.kind, item.current, item.in_progress, item.failed
            )
            for item in spec.health_check_exprs
        ),
        kstatus=True,
    )


def upstreams_timeout(interval: float) -> float:
    """Give upstream's timeout where the spec names none: the interval less 30 seconds, and at least 30 seconds."""
    return max(interval - LEAST_TIMEOUT, LEAST_TIMEOUT)


class _GateByContent(msgspec.Struct, frozen=True):
    """What of a gate decides whether held inputs are tried again, in the order in which it has always been digested."""

    wait: bool
    checks: tuple[ObjectRef, ...]
    expressions: tuple[HealthExpression, ...]
    timeout: float
    kstatus: bool


def _gate_by_content(gate: HealthGate, timeout: float) -> _GateByContent:
    return _GateByContent(gate.wait, gate.checks, gate.expressions, timeout, gate.kstatus)


def _substitution(spec: Spec, namespace: str, problems: list[str]) -> Substitution | None:
    given = spec.post_build
    if given is None:
        return None
    for item in given.substitute_from:
        if item.kind and item.kind not in ("Secret", "ConfigMap"):
            problems.append(f"spec.postBuild.substituteFrom: kind {item.kind!r} is neither Secret nor ConfigMap")
    if given.substitute_strategy not in ("", "WithVariables", "Always"):
        problems.append(
            f"spec.postBuild.substituteStrategy: {given.substitute_strategy!r} is neither WithVariables nor Always"
        )
    always, common = given.substitute_strategy == "Always", spec.common_metadata
    if not given.substitute and not given.substitute_from and not always:
        return None
    return Substitution(
        inline=given.substitute,
        sources=tuple(ValueRef(item.kind, namespace, item.name, item.optional) for item in given.substitute_from),
        always=always,
        disabled_by=SUBSTITUTE,
        labels=common.labels if common else {},
        annotations=common.annotations if common else {},
    )


def _decryption(spec: Spec, namespace: str, context: Context, problems: list[str]) -> Decryption | None:
    """Give whose keys decrypt what is built: the Secret's that is named, or else the installation's age identities."""
    given = spec.decryption
    if given is None:
        return None
    if given.provider != PROVIDER:
        problems.append(f"spec.decryption.provider: {given.provider!r} is not known; it must be {PROVIDER}")
    if given.service_account_name:
        problems.append(
            "spec.decryption.serviceAccountName is not supported yet: services that keep keys are not asked; "
            "name a Secret with age identities or PGP keys in spec.decryption.secretRef"
        )
    own = given.secret_ref is not None and given.secret_ref.name
    return Decryption(
        secret=(namespace, own) if own else context.age_keys,
        only_age=not own,
        disabled_by=DECRYPT,
        remedy="name a Secret with age identities or PGP keys in spec.decryption.secretRef",
    )


def _deletion(spec: Spec, problems: list[str]) -> DeletionPolicy:
    """Give what happens to the objects when the Kustomization goes; while suspended they stay."""
    if spec.suspend:
        return DeletionPolicy.ORPHAN
    if spec.deletion_policy in ("", "MirrorPrune"):
        return DeletionPolicy.PRUNE if spec.prune else DeletionPolicy.ORPHAN
    found = _DELETIONS.get(spec.deletion_policy)
    if found is None:
        problems.append(
            f"spec.deletionPolicy: {spec.deletion_policy!r} is none of MirrorPrune, Delete, WaitForTermination, Orphan"
        )
    return found or DeletionPolicy.ORPHAN


def _patches(spec: Spec, problems: list[str]) -> tuple[Patch, ...]:
    """Give all patches in the order in which kustomize applies those of older versions."""
    found: list[Patch] = []
    for item in spec.patches_strategic_merge:
        if not isinstance(item, dict):
            problems.append("spec.patchesStrategicMerge: each patch is an object, with the fields that it changes")
            continue
        found.append(Patch(patch=canonical_json(item).decode()))
    found.extend(Patch(patch=item.patch, target=_selector(item.target)) for item in spec.patches)
    for item in spec.patches_json6902:
        operations = item.get("patch") if isinstance(item, dict) else None
        if not isinstance(operations, list) or not isinstance(item.get("target"), dict):
            problems.append("spec.patchesJson6902: each has a target, and a patch that is a list of operations")
            continue
        target = read(item["target"], Selector)
        problems.extend(f"spec.patchesJson6902: target: {text}" for text in target.problems)
        found.append(Patch(patch=canonical_json(operations).decode(), target=_selector(target.value)))
    return tuple(found)


def _recipe(spec: Spec, patches: tuple[Patch, ...], substitution: Substitution | None) -> KustomizeRecipe:
    # Where variables are put in, this comes after them: what it says holds no variables.
    common = spec.common_metadata if substitution is None else None
    return KustomizeRecipe(
        path=folder(spec.path),
        generate=True,
        restrict_to_folder=False,
        namespace=spec.target_namespace,
        name_prefix=spec.name_prefix,
        name_suffix=spec.name_suffix,
        images=tuple(ImageOverride(item.name, item.new_name, item.new_tag, item.digest) for item in spec.images),
        patches=patches,
        components=spec.components,
        ignore_missing_components=spec.ignore_missing_components,
        build_metadata=spec.build_metadata,
        metadata_labels=common.labels if common else {},
        metadata_annotations=common.annotations if common else {},
    )


def _selector(given: Selector | None) -> PatchTarget | None:
    if given is None:
        return None
    return PatchTarget(
        given.group,
        given.version,
        given.kind,
        given.name,
        given.namespace,
        given.label_selector,
        given.annotation_selector,
    )
