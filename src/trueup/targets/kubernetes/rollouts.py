"""Early proof that a rollout fails, from the records of its pods: long before its own deadline says so."""

from __future__ import annotations

from collections.abc import Iterator

from trueup.core.health import Health
from trueup.core.health.pod_failures import PodTrouble, Revision, evidence
from trueup.core.model.objects import ObjectRef, split_api_version
from trueup.kube.cache.live import LiveCache
from trueup.kube.cache.record import Record
from trueup.kube.resource import OwnerReference
from trueup.targets.kubernetes.reduction import POD, REPLICA_SET, ROLLOUTS, hint_of

DEPTH = 4
"""Owners are followed no further than this: pod, replica set, deployment, and what made that."""


def failing(record: Record, cache: LiveCache) -> Health | None:
    """Give the proof that this workload's newest revision will not become ready; `None` where there is none."""
    revision = _newest(record, cache)
    if revision is None:
        return None
    return evidence(one for one in _troubles(revision.owner, cache) if revision.covers(one))


def roots(ref: ObjectRef, record: Record, cache: LiveCache) -> Iterator[ObjectRef]:
    """Give the workloads above a pod or replica set."""
    current: Record | None = record
    for _ in range(DEPTH):
        owner = next((item for item in current.owners if item.controller), None) if current else None
        if owner is None:
            return
        above = owner_ref(owner, ref.namespace)
        if (above.group, above.kind) in ROLLOUTS:
            yield above
        found = cache.get(above)
        current = found if isinstance(found, Record) else None


def owner_ref(owner: OwnerReference, namespace: str) -> ObjectRef:
    """Give the identity that an ownerReference means, seen from a namespaced object."""
    return ObjectRef(split_api_version(owner.api_version)[0], owner.kind, namespace, owner.name)


def _newest(record: Record, cache: LiveCache) -> Revision | None:
    kind = record.ref.kind
    if kind == "Deployment":
        if hint_of(record) is not True:
            return None
        mine = [found for ref in cache.children(record.uid) if isinstance(found := cache.get(ref), Record)]
        sets = [item for item in mine if (item.ref.group, item.ref.kind) == REPLICA_SET]
        last = max(sets, key=lambda item: (hint_of(item), item.resource_version), default=None)
        return Revision(last.uid) if last is not None else None
    if kind == "StatefulSet":
        revision = hint_of(record)
        return Revision(record.uid, revision) if revision is not None else None
    return Revision(record.uid) if hint_of(record) is not False else None


def _troubles(owner: str, cache: LiveCache) -> Iterator[PodTrouble]:
    for ref in cache.children(owner):
        found = cache.get(ref)
        if (ref.group, ref.kind) != POD or not isinstance(found, Record):
            continue
        if isinstance(trouble := hint_of(found), PodTrouble):
            yield trouble
