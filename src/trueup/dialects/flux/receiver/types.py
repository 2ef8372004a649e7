"""`Receiver`: an address that outsiders call after a push, as users write it, as the engine's value, and its status.

Upstream's kinds of senders, headers and paths: https://fluxcd.io/flux/components/notification/receivers/
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from trueup.core.model.dialect import annotations_of
from trueup.core.model.objects import Body, ObjectRef
from trueup.core.model.reports import Notice, StatusWrite
from trueup.core.model.unit import ValueRef
from trueup.core.model.webhook import Check, HookTarget, Proof, Receiver
from trueup.dialects.adapter import NOTICES
from trueup.dialects.decode import OPAQUE, REQUIRED, Text, mapping_of, metadata_of, number_of, read, text_of
from trueup.dialects.flux.bucket import types as bucket
from trueup.dialects.flux.conditions import (
    READY,
    RECONCILING,
    STALLED,
    SUCCEEDED,
    Condition,
    notices_condition,
    written,
)
from trueup.dialects.flux.gitrepository import types as repository
from trueup.dialects.flux.helmchart import types as chart
from trueup.dialects.flux.helmrepository import types as charts
from trueup.dialects.flux.kustomization import types as kustomization
from trueup.dialects.flux.kustomization.translate import REQUESTED_AT
from trueup.dialects.flux.kustomization.types import LocalRef, Part
from trueup.dialects.flux.ocirepository import types as artifact
from trueup.dialects.sync_options import UNKNOWN
from trueup.dialects.times import seconds

GROUP = "notification.toolkit.fluxcd.io"
KIND = "Receiver"
VERSIONS = ("v1", "v1beta2", "v1beta1")
STATUS_MANAGER = "notification-controller"
_OWNED = frozenset({READY, RECONCILING, STALLED, NOTICES})

_HUB = Proof(Check.HMAC, ("X-Hub-Signature-256", "X-Hub-Signature"))
_PROOFS = {
    "generic": (Proof(Check.NONE), ""),
    "generic-hmac": (Proof(Check.HMAC, ("X-Signature",)), ""),
    "github": (_HUB, "X-GitHub-Event"),
    "gitlab": (Proof(Check.TOKEN, ("X-Gitlab-Token",)), "X-Gitlab-Event"),
    "bitbucket": (_HUB, "X-Event-Key"),
    "harbor": (Proof(Check.TOKEN, ("Authorization",)), ""),
    "dockerhub": (Proof(Check.JSON), ""),
    "quay": (Proof(Check.JSON), ""),
}
_GROUPS = {kind.KIND: kind.GROUP for kind in (repository, artifact, bucket, charts, chart, kustomization)}


class Resource(Part, frozen=True):
    """Objects that are to be reconciled: one by name, or all of a kind that bear the labels."""

    kind: Text = ""
    name: Text = ""
    api_version: str = ""
    filter: str = ""
    match_labels: dict[str, str] = {}
    namespace: str = ""


class Spec(Part, frozen=True):
    """What a Receiver asks for."""

    resources: Annotated[tuple[Resource, ...], REQUIRED] = ()
    type: Text = ""
    events: tuple[str, ...] = ()
    interval: str = ""
    oidc_providers: Annotated[tuple[Any, ...], OPAQUE] = ()
    resource_filter: str = ""
    secret_ref: LocalRef | None = None
    suspend: bool = False


def translate_receiver(body: Body, cross_namespace: bool) -> Receiver:
    """Translate; what cannot be done becomes a problem, what has no effect a warning."""
    metadata = metadata_of(body)
    namespace = text_of(metadata, "namespace")
    found = read(body.get("spec"), Spec)
    spec = found.value
    problems, warnings = list(found.problems), [UNKNOWN.format(path) for path in found.unknown]
    proof, header = _PROOFS.get(spec.type, (Proof(Check.NONE), ""))
    if spec.type and spec.type not in _PROOFS:
        problems.append(f"spec.type: {spec.type!r} is not supported yet; use one of {', '.join(_PROOFS)}")
    if spec.oidc_providers:
        problems.append("spec.oidcProviders is not supported yet; use a Secret and another spec.type")
    if spec.secret_ref is None:
        problems.append("spec.secretRef is required: it names the Secret with the token")
    if spec.events and not header:
        warnings.append(f"spec.events has no effect with spec.type {spec.type!r}, as in Flux")
    if spec.interval and not seconds(spec.interval):
        problems.append(f"spec.interval: {spec.interval!r} is no duration; write for example 10m")
    targets = []
    for number, item in enumerate(spec.resources):
        where = f"spec.resources[{number}]"
        if item.kind and item.kind not in _GROUPS:
            warnings.append(f"{where}: kind {item.kind!r} is not supported yet; nothing is woken for it")
            continue
        if item.namespace not in ("", namespace) and not cross_namespace:
            problems.append(f"{where}.namespace: {item.namespace!r} is another namespace, which is not allowed here")
            continue
        if item.match_labels and item.name != "*":
            problems.append(f"{where}.matchLabels needs the name '*'")
            continue
        targets.append(
            HookTarget(
                group=_GROUPS.get(item.kind, ""),
                kind=item.kind,
                namespace=item.namespace or namespace,
                name=item.name,
                labels=item.match_labels,
                expression=item.filter,
            )
        )
    return Receiver(
        ref=ObjectRef(GROUP, KIND, namespace, text_of(metadata, "name")),
        generation=number_of(metadata, "generation"),
        secret=ValueRef("Secret", namespace, spec.secret_ref.name) if spec.secret_ref else None,
        proof=proof,
        event_header=header,
        events=spec.events,
        targets=tuple(targets),
        expression=spec.resource_filter,
        suspended=spec.suspend,
        requested=annotations_of(body).get(REQUESTED_AT, ""),
        problems=tuple(problems),
        warnings=tuple(warnings),
    )


def receiver_status(
    body: Mapping[str, Any], receiver: Receiver, path: str, failure: str, now: datetime
) -> StatusWrite | None:
    """Write the status: its path, or why it has none; `None` when it says so already.

    `failure` says why the token could not be read, which time or the user may change.
    """
    if receiver.suspended:
        return None
    before = mapping_of(body, "status")
    status: dict[str, Any] = dict(before)
    if receiver.problems:
        message = "; ".join(receiver.problems)
        conditions = [
            Condition(READY, "False", "InvalidSpec", message),
            Condition(STALLED, "True", "InvalidSpec", message),
        ]
        status.pop("webhookPath", None)
    elif failure:
        conditions = [
            Condition(READY, "False", "TokenNotFound", failure),
            Condition(RECONCILING, "True", "ProgressingWithRetry", "reconciliation in progress"),
        ]
        status.pop("webhookPath", None)
    else:
        conditions = [Condition(READY, "True", SUCCEEDED, f"Receiver initialized for path: {path}")]
        status["webhookPath"] = path
    notices = tuple(Notice("unsupported", text) for text in receiver.warnings)
    status["conditions"] = written([*conditions, *notices_condition(notices)], before, receiver.generation, now, _OWNED)
    if not failure:
        status["observedGeneration"] = receiver.generation
    if receiver.requested:
        status["lastHandledReconcileAt"] = receiver.requested
    return None if status == before else StatusWrite(status, STATUS_MANAGER)
