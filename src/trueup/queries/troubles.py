"""What is wrong with the objects that a unit delivers: health, pods, warnings and last words, and what helps."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Sequence

import msgspec

from trueup.core.health import Health, HealthStatus, assess, judged, kstatus
from trueup.core.health.explain import explain
from trueup.core.health.pod_failures import PodTrouble, trouble
from trueup.core.model.objects import Body, InventoryEntry, ObjectRef
from trueup.core.redaction import redact
from trueup.kube.client import KubeClient
from trueup.kube.discovery import Mapper
from trueup.kube.errors import KubeError
from trueup.queries.subject import live_object

OBJECTS_TOLD = 5
PODS_TOLD = 2
LOG_LINES = 10
LOG_LIMIT = 4000

_REPLICA_SET, _POD = ("apps", "ReplicaSet"), ("", "Pod")
_FINE = (HealthStatus.HEALTHY, HealthStatus.SUSPENDED)


class Cause(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that makes a unit what it is: what, about which object, since when, details, and what helps."""

    what: str
    about: str = ""
    since: str = ""
    details: tuple[str, ...] = ()
    advice: str = ""


class Looking(msgspec.Struct, frozen=True):
    """How objects are looked at. `deleting`: those are told that are still there. `strict`: also kinds whose health
    counts only where a unit waits for all of its objects. `told`: words in which some objects stand already."""

    client: KubeClient
    mapper: Mapper
    deleting: bool = False
    strict: bool = False
    told: str = ""


async def object_causes(looking: Looking, entries: Sequence[InventoryEntry]) -> list[Cause]:
    """Tell of objects that are not as they should be: where the unit itself goes, of those that are still there."""
    lives = await asyncio.gather(*(read(looking.client, looking.mapper, entry.ref) for entry in entries))
    causes: list[Cause] = []
    untold = 0
    for entry, live in zip(entries, lives, strict=True):
        ref = entry.ref
        if _fine(looking, ref, live) or (live is None and str(ref) in looking.told):
            continue
        if len(causes) >= OBJECTS_TOLD:
            untold += 1
        elif isinstance(live, KubeError):
            causes.append(Cause(f"cannot be read: {live.message}", str(ref)))
        elif live is None:
            advice = "the next reconciliation makes it again, if healing is on"
            causes.append(Cause("is not in the cluster", str(ref), advice=advice))
        elif looking.deleting:
            causes.append(_not_gone(ref, live))
        else:
            causes.append(await _sick(looking, ref, live))
    if untold:
        what = "still there" if looking.deleting else "not healthy"
        causes.append(Cause(f"and {untold} more objects are {what}", advice="`trueup tree` shows all"))
    return causes


async def read(client: KubeClient, mapper: Mapper, ref: ObjectRef) -> Body | KubeError | None:
    """Give an object as it lives, `None` where it does not, or the error for which nobody can tell."""
    try:
        return await live_object(client, mapper, ref)
    except KubeError as error:
        return error


def deleted_at(body: Body) -> str:
    """Give since when an object is being deleted; empty where it is not."""
    return str(body["metadata"].get("deletionTimestamp") or "")


def _fine(looking: Looking, ref: ObjectRef, live: Body | KubeError | None) -> bool:
    if looking.deleting:
        return live is None
    if live is None or isinstance(live, KubeError):
        return False
    return _health(looking, ref, live).status in _FINE


def _health(looking: Looking, ref: ObjectRef, live: Body) -> Health:
    found = assess(live) if judged(ref.group, ref.kind) else Health(HealthStatus.HEALTHY)
    return kstatus(live).health if looking.strict and found.status in _FINE else found


def _not_gone(ref: ObjectRef, live: Body) -> Cause:
    """Tell of an object that is to go and is still there, with the finalizers that hold it."""
    holders = ", ".join(str(name) for name in live["metadata"].get("finalizers") or [])
    if not deleted_at(live):
        return Cause("is still there, and not asked to go yet", str(ref))
    advice = f"see what works on {holders}; nobody else may remove it" if holders else ""
    return Cause(f"is not gone yet{f', held by {holders}' if holders else ''}", str(ref), deleted_at(live), (), advice)


async def _sick(looking: Looking, ref: ObjectRef, live: Body) -> Cause:
    """Tell of an object that is not healthy: its pods' troubles, its events, the last lines they wrote."""
    client, mapper = looking.client, looking.mapper
    pods = await _pods(client, mapper, live)
    troubles = [found for pod in pods if (found := trouble(pod))]
    about = {str(live["metadata"].get("uid")), *(str(pod["metadata"].get("uid")) for pod in pods)}
    events = await _events(client, mapper, ref.namespace, about)
    verdict, *details = explain(live, troubles, events).splitlines()
    if assess(live).status in _FINE:
        health = _health(looking, ref, live)
        verdict = f"{health.status.value}: {health.message}"
        details = [f"{item.get('reason')}: {item.get('message')}" for item in events[:PODS_TOLD]]
    for one in troubles[:PODS_TOLD]:
        details += await _last_lines(client, one)
    since = max((str(item.get("lastTransitionTime") or "") for item in _conditions(live)), default="")
    advice = _advice(troubles) or _advice_by_words(" ".join((verdict, *details)))
    return Cause(verdict, str(ref), since, tuple(redact(line) for line in details), advice)


def _conditions(live: Body) -> list[Body]:
    found = (live.get("status") or {}).get("conditions") or []
    return [item for item in found if isinstance(item, dict)]


_MISSING = re.compile(r"(secret|configmap) \"([^\"]+)\" not found", re.IGNORECASE)
_KEY = re.compile(r"couldn't find key (\S+) in (Secret|ConfigMap) (\S+)")


def _advice(troubles: Iterable[PodTrouble]) -> str:
    """Say what helps pods that do not start."""
    listed = list(troubles)
    reasons = {one.reason for one in listed}
    for one in listed:
        if found := _KEY.search(one.detail):
            return f"add the key {found[1]} to {found[2]} {found[3]}, or correct the name of the key in Git"
        if found := _MISSING.search(one.detail):
            kind = "Secret" if found[1].lower() == "secret" else "ConfigMap"
            return f"{kind} {one.namespace}/{found[2]} is missing: deliver it, or correct its name in Git"
    if reasons & {"ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull"}:
        return "push that image, or correct its name in Git; a private registry wants an imagePullSecret"
    if "CrashLoopBackOff" in reasons:
        return "see what it wrote last; mend it in Git, or `git revert` the commit that changed it"
    if reasons & {"CreateContainerConfigError", "CreateContainerError"}:
        return "a Secret or ConfigMap that it names is missing, or lacks a key: deliver it, or correct the name"
    return ""


_BY_WORDS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"failed quota: \S+: must specify ([\w.,]+)"),
        "a ResourceQuota asks for it: give every container resources with {}, or make a LimitRange with defaults",
    ),
    (re.compile(r"exceeded quota: ([^\s,]+)"), "raise the ResourceQuota {}, or ask for less"),
    (
        re.compile(r"(Insufficient [\w./-]+)"),
        "no node has so much ({}): lower the containers' resources.requests, or add nodes",
    ),
    (
        re.compile(r"storageclass\.storage\.k8s\.io \"([^\"]+)\" not found"),
        "there is no StorageClass {}: `kubectl get storageclass` lists those that are there",
    ),
    (
        re.compile(r"(didn't match Pod's node affinity/selector|had untolerated taint)"),
        "no node may take it ({}): check nodeSelector, affinity and tolerations",
    ),
    (
        re.compile(r"(serviceaccounts? \"[^\"]+\" not found|error looking up service account \S+)"),
        "deliver that service account too, or correct spec.template.spec.serviceAccountName ({})",
    ),
)


def _advice_by_words(words: str) -> str:
    """Say what helps against what the cluster's own controllers complain of."""
    for pattern, advice in _BY_WORDS:
        if found := pattern.search(words):
            return advice.format(found[1])
    return ""


async def _pods(client: KubeClient, mapper: Mapper, live: Body) -> list[Body]:
    """Give the pods of a workload: its own, or those of its ReplicaSets."""
    namespace = str(live["metadata"].get("namespace") or "")
    if not namespace:
        return []
    if live.get("kind") == "Pod":
        return [live]
    if not isinstance((live.get("spec") or {}).get("template"), dict):
        # What makes no pods has none: they are not asked for.
        return []
    owners = {str(live["metadata"].get("uid"))}
    try:
        for group, kind in (_REPLICA_SET, _POD):
            resource = mapper.known(group, kind)
            found = (await client.list_all(resource, namespace)).items if resource else []
            owned = [item for item in found if owners & _owners(item)]
            owners |= {str(item["metadata"].get("uid")) for item in owned}
    except KubeError:
        return []
    return owned


def _owners(body: Body) -> set[str]:
    return {str(owner.get("uid")) for owner in body["metadata"].get("ownerReferences") or []}


async def _events(client: KubeClient, mapper: Mapper, namespace: str, about: set[str]) -> list[Body]:
    resource = mapper.known("", "Event")
    if resource is None:
        return []
    try:
        listed = await client.list_all(resource, namespace or "default", selectors={"fieldSelector": "type=Warning"})
    except KubeError:
        return []
    return [item for item in listed.items if str((item.get("involvedObject") or {}).get("uid")) in about]


async def _last_lines(client: KubeClient, one: PodTrouble) -> list[str]:
    """Give the last lines that a container wrote before it ended, or while it runs; none where there are none."""
    path = f"/api/v1/namespaces/{one.namespace}/pods/{one.pod}/log?container={one.container}&tailLines={LOG_LINES}"
    for previous in ("&previous=true", ""):
        try:
            answer = await client.raw(path + previous, accept="*/*", what=f"read the log of pod {one.pod}")
        except KubeError:
            continue
        lines = answer.raw[-LOG_LIMIT:].decode(errors="replace").splitlines()
        if lines:
            return [f"last lines of container {one.container} of pod {one.pod}:", *(f"  {line}" for line in lines)]
    return []
