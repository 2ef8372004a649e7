"""In which order objects are written and removed.

Order: phase, then wave, then rank. The rank puts what others need first: namespaces and definitions, then what
decides whether others are let in (roles, quotas, policies), then classes that others refer to, then the rest. Inside a
rank objects are written together; between ranks the engine waits until definitions are established. Removal goes the
other way round.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, TypeVar

from trueup.core.model.objects import Desired, ObjectRef, Phase

_FIRST = frozenset({("", "Namespace"), ("apiextensions.k8s.io", "CustomResourceDefinition")})
_RULES = frozenset(
    {
        ("rbac.authorization.k8s.io", "ClusterRole"),
        ("rbac.authorization.k8s.io", "Role"),
        ("", "ResourceQuota"),
        ("", "LimitRange"),
        ("", "ServiceAccount"),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"),
        ("admissionregistration.k8s.io", "MutatingAdmissionPolicy"),
    }
)
_BEFORE_WORKLOADS = frozenset(
    {
        ("", "Secret"),
        ("", "ConfigMap"),
        ("", "PersistentVolume"),
        ("", "PersistentVolumeClaim"),
        ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
        ("rbac.authorization.k8s.io", "RoleBinding"),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"),
        ("admissionregistration.k8s.io", "MutatingAdmissionPolicyBinding"),
    }
)
_LAST = frozenset(
    {
        ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
        ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
        ("apiregistration.k8s.io", "APIService"),
    }
)

RANK_DEFINITIONS, RANK_RULES, RANK_CLASSES, RANK_NEEDED, RANK_REST, RANK_LAST = range(6)

PHASES = {phase: number for number, phase in enumerate(Phase)}
"""The phases' place in a sync."""


class Place(NamedTuple):
    """An object's place in the order of a sync; smaller is earlier."""

    phase: int
    wave: int
    rank: int


def rank_of(ref: ObjectRef) -> int:
    """Give the rank of a kind: what others need comes first."""
    kind = (ref.group, ref.kind)
    if kind in _FIRST:
        return RANK_DEFINITIONS
    if kind in _RULES:
        return RANK_RULES
    if ref.kind.endswith("Class"):
        return RANK_CLASSES
    if kind in _BEFORE_WORKLOADS:
        return RANK_NEEDED
    return RANK_LAST if kind in _LAST else RANK_REST


def place_of(desired: Desired) -> Place:
    """Give the place of a desired object."""
    return Place(PHASES[desired.options.phase], desired.options.wave, rank_of(desired.ref))


T = TypeVar("T")


def grouped(items: Iterable[tuple[Place, T]], *, reverse: bool = False) -> list[tuple[Place, tuple[T, ...]]]:
    """Gather items of one place, places in order (or in reverse), the order inside a place kept."""
    groups: dict[Place, list[T]] = {}
    for place, item in items:
        groups.setdefault(place, []).append(item)
    return [(place, tuple(groups[place])) for place in sorted(groups, reverse=reverse)]
