"""All dialects together: which one an object belongs to, who owns a live object, what a live object asks for."""

from __future__ import annotations

import msgspec

from trueup.core.model.dialect import Dialect, annotations_of, labels_of
from trueup.core.model.objects import Body, LiveOptions, ObjectRef, PruneMode
from trueup.dialects.argo import Argo
from trueup.dialects.argo.application import options as argo_options
from trueup.dialects.flux import Flux
from trueup.dialects.flux import options as flux_options

_ARGO_KEYS = frozenset({argo_options.SYNC_OPTIONS, argo_options.WAVE, argo_options.HELM_HOOK, argo_options.HELM_POLICY})
_FLUX_KEYS = frozenset({flux_options.PRUNE, flux_options.RECONCILE, flux_options.SSA})


def dialects(home: str = "argocd", *, by_label: bool = False) -> tuple[Dialect, ...]:
    """Give all dialects; `home` and `by_label` are Argo CD's namespace and way to know its objects again."""
    return (Argo(home, by_label), Flux())


DIALECTS: tuple[Dialect, ...] = dialects()
"""All dialects, with Argo CD's usual settings."""

_BY_KIND = {(kind.group, kind.kind): dialect for dialect in DIALECTS for kind in dialect.kinds}


def dialect_of(group: str, kind: str) -> Dialect | None:
    """Give the dialect of a kind, `None` where no dialect has it."""
    return _BY_KIND.get((group, kind))


def owner_of(body: Body, among: tuple[Dialect, ...] = DIALECTS) -> ObjectRef | None:
    """Say which unit the marks of an object (or its metadata alone) name as its owner."""
    for dialect in among:
        owner = dialect.owner(body)
        if owner is not None:
            return owner
    return None


def live_options(body: Body) -> LiveOptions:
    """Read what matters of a live object once Git no longer has it.

    The marks of every dialect count: an object that any of them forbids to remove stays.
    """
    annotations, labels = annotations_of(body), labels_of(body)
    found = LiveOptions()
    if not _ARGO_KEYS.isdisjoint(annotations):
        found = LiveOptions(
            argo_options.prune_of(annotations), argo_options.delete_of(annotations), argo_options.wave_of(annotations)
        )
    if not (_FLUX_KEYS.isdisjoint(annotations) and _FLUX_KEYS.isdisjoint(labels)):
        forbidden = flux_options.prune_of(labels, annotations)
        if forbidden is PruneMode.FORBID:
            found = LiveOptions(forbidden, forbidden, found.wave, flux_options.left_alone(labels, annotations))
        elif flux_options.left_alone(labels, annotations):
            found = msgspec.structs.replace(found, left_alone=True)
    return found
