"""All dialects together: which one an object belongs to, who owns a live object, what a live object asks for."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from importlib.metadata import entry_points

import msgspec

from trueup.core.model.dialect import Role, annotations_of, labels_of
from trueup.core.model.objects import Body, InventoryEntry, LiveOptions, ObjectRef, PruneMode
from trueup.dialects.adapter import KindAdapter
from trueup.dialects.argo import Argo
from trueup.dialects.argo.application import options as argo_options
from trueup.dialects.crds import Definition, state_definition
from trueup.dialects.family import Dialect
from trueup.dialects.flux import Flux
from trueup.dialects.flux import options as flux_options

_ARGO_KEYS = frozenset({argo_options.SYNC_OPTIONS, argo_options.WAVE, argo_options.HELM_HOOK, argo_options.HELM_POLICY})
_FLUX_KEYS = frozenset({flux_options.PRUNE, flux_options.RECONCILE, flux_options.SSA})


FACTORIES: list[Callable[[str, bool], Dialect]] = [Argo, lambda home, by_label: Flux(home)]
"""What makes each dialect: given Argo CD's namespace, and whether its objects are known by their instance label too.

A dialect of others' making is an entry point of the group `trueup.dialects` that names such a function.
"""


def dialects(home: str = "argocd", *, by_label: bool = False) -> tuple[Dialect, ...]:
    """Give all dialects; `home` and `by_label` are Argo CD's namespace and way to know its objects again."""
    return tuple(make(home, by_label) for make in (*FACTORIES, *_installed()))


@functools.cache
def _installed() -> tuple[Callable[[str, bool], Dialect], ...]:
    return tuple(point.load() for point in entry_points(group="trueup.dialects"))


def adapters() -> tuple[KindAdapter, ...]:
    """Give what is known of every kind."""
    return tuple(one for dialect in dialects() for one in dialect.adapters)


def adapter_of(group: str, kind: str) -> KindAdapter | None:
    """Give what is known of a kind, `None` where no dialect has it."""
    found = _by_kind(len(FACTORIES)).get((group, kind))
    return found[1] if found is not None else None


def dialect_of(group: str, kind: str) -> Dialect | None:
    """Give the dialect of a kind of units or sources, `None` where no dialect has it."""
    found = _by_kind(len(FACTORIES)).get((group, kind))
    return found[0] if found is not None and found[1].kind.role is not Role.OTHER else None


@functools.cache
def _by_kind(factories: int) -> dict[tuple[str, str], tuple[Dialect, KindAdapter]]:
    """Index all kinds; made anew when a dialect was added."""
    return {(one.kind.group, one.kind.kind): (dialect, one) for dialect in dialects() for one in dialect.adapters}


def reported(body: Body | None) -> tuple[InventoryEntry, ...]:
    """Give the objects that a unit's status names as delivered, by whatever controller."""
    ref = ObjectRef.of(body or {})
    adapter = adapter_of(ref.group, ref.kind)
    return tuple(adapter.reported(body)) if adapter is not None and body is not None else ()


def definitions() -> list[Definition]:
    """Give the custom resource definitions of all kinds and of Trueup's own records, ready to be applied."""
    return [*(one.definition() for one in adapters()), state_definition()]


def owner_of(body: Body, among: Iterable[Dialect] = ()) -> ObjectRef | None:
    """Say which unit the marks of an object (or its metadata alone) name as its owner."""
    for dialect in among or dialects():
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
