"""What a delivered object asks for in Flux's labels and annotations."""

from __future__ import annotations

from collections.abc import Mapping

from trueup.core.model.dialect import annotations_of, labels_of
from trueup.core.model.objects import DEFAULT_OPTIONS, ApplyMode, Body, ObjectOptions, PruneMode
from trueup.dialects.flux.kustomization.types import GROUP

PRUNE = f"{GROUP}/prune"
RECONCILE = f"{GROUP}/reconcile"
SSA = f"{GROUP}/ssa"
FORCE = f"{GROUP}/force"

_READ = frozenset({PRUNE, RECONCILE, SSA, FORCE})
_MODES = {
    "override": ApplyMode.OVERRIDE,
    "merge": ApplyMode.MERGE,
    "ifnotpresent": ApplyMode.CREATE_ONLY,
    "ignore": ApplyMode.IGNORE,
}


def _says(labels: Mapping[str, str], annotations: Mapping[str, str], key: str, value: str) -> bool:
    return labels.get(key, "").lower() == value or annotations.get(key, "").lower() == value


def prune_of(labels: Mapping[str, str], annotations: Mapping[str, str]) -> PruneMode:
    """Read whether an object may be removed when Git no longer has it: by label or annotation, in any case."""
    kept = (
        _says(labels, annotations, PRUNE, "disabled")
        or _says(labels, annotations, RECONCILE, "disabled")
        or _says(labels, annotations, SSA, "ignore")
    )
    return PruneMode.FORBID if kept else PruneMode.ALLOW


def left_alone(labels: Mapping[str, str], annotations: Mapping[str, str]) -> bool:
    """Read whether a live object is to be left as it is, whatever Git says."""
    modes = {holder.get(SSA, "").lower() for holder in (labels, annotations)}
    return _says(labels, annotations, RECONCILE, "disabled") or not modes.isdisjoint({"ignore", "ifnotpresent"})


def options_of(body: Body) -> ObjectOptions:
    """Read all of an object's wishes."""
    labels, annotations = labels_of(body), annotations_of(body)
    if _READ.isdisjoint(labels) and _READ.isdisjoint(annotations):
        return DEFAULT_OPTIONS
    apply = ApplyMode.OVERRIDE
    for holder in (labels, annotations):
        apply = _MODES.get(holder.get(SSA, "").lower(), apply)
    if _says(labels, annotations, RECONCILE, "disabled"):
        apply = ApplyMode.IGNORE
    return ObjectOptions(
        apply=apply,
        prune=prune_of(labels, annotations),
        force=_says(labels, annotations, FORCE, "enabled"),
    )
