"""Why a unit is as it is, in words: what waits for what, what failed and since when, and what to do about it.

Read with the asking user's own rights; what may not be read is said to be so, and the rest is told all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

import msgspec

from trueup.core.health import HealthStatus, assess, judged
from trueup.core.health.explain import explain
from trueup.core.health.pod_failures import PodTrouble, trouble
from trueup.core.model.dialect import Context
from trueup.core.model.objects import Body, InventoryEntry, ObjectRef
from trueup.core.model.state import UnitState
from trueup.core.model.unit import Unit
from trueup.core.redaction import redact
from trueup.dialects import dialect_of
from trueup.dialects.decode import list_of, mapping_of, text_of
from trueup.dialects.status_summary import conditions_since, standing
from trueup.kube.client import KubeClient
from trueup.kube.discovery import Mapper
from trueup.kube.errors import KubeError
from trueup.queries.subject import live_object, unit_of, unit_state

DEPENDENCIES_FOLLOWED = 5
OBJECTS_TOLD = 5
PODS_TOLD = 2
LOG_LINES = 10
LOG_LIMIT = 4000

_REPLICA_SET, _POD = ("apps", "ReplicaSet"), ("", "Pod")


class Cause(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that makes a unit what it is: what, about which object, since when, details, and what helps."""

    what: str
    about: str = ""
    since: str = ""
    details: tuple[str, ...] = ()
    advice: str = ""


class Explanation(msgspec.Struct, frozen=True):
    """A unit's state in one sentence, since when, and what caused it; no causes: all is well."""

    unit: ObjectRef
    state: str
    since: str = ""
    causes: tuple[Cause, ...] = ()


async def explanation(client: KubeClient, mapper: Mapper, body: Body, left_to: str = "") -> Explanation:
    """Explain a unit; `left_to` names the controller that works on it in Trueup's place.

    Raises `KubeError` only where the unit itself cannot be read, `CannotInspect` for no unit.
    """
    _, unit = unit_of(body)
    found = standing(body)
    state = await unit_state(client, mapper, unit.ref)
    causes = [
        *_own(unit, body, state),
        *await _source(client, mapper, unit),
        *await _dependencies(client, mapper, unit),
        *await _objects(client, mapper, state.inventory.entries, deleting=_deleted_at(body) != ""),
    ]
    if left_to:
        said = f"; its status, written by that one, says: {found.message}" if found.message else ""
        words = f"is left to {left_to}, which works on it; Trueup only looks at it until it is claimed{said}"
    elif found.suspended:
        words = "is suspended: nothing is done for it"
    elif found.ready == "True":
        words = f"is as it should be at {found.revision or 'no revision yet'}"
    elif found.ready == "False":
        words = f"is not ready: {found.message or 'its status says no more'}"
    else:
        words = (
            f"is being worked on: {found.message}" if found.message else "has no status yet: is `trueup run` running?"
        )
    return Explanation(unit.ref, words, conditions_since(body), tuple(causes))


# ------------------------------------------------------------------------------------------------ the unit itself


def _own(unit: Unit, body: Body, state: UnitState) -> list[Cause]:
    causes: list[Cause] = []
    if unit.suspended:
        causes.append(Cause("it is suspended", str(unit.ref), advice="`trueup resume` lets it go on"))
    causes += [
        Cause(f"its own object asks for what cannot be done: {problem}", str(unit.ref), advice="correct it in Git")
        for problem in unit.problems
    ]
    if since := _deleted_at(body):
        waits = tuple(
            text_of(item, "message")
            for item in list_of(mapping_of(body, "status"), "conditions")
            if text_of(item, "type").startswith("Deletion")
        )
        causes.append(Cause("it is being deleted, with what it delivered", str(unit.ref), since, waits))
    held, stayed, pin = state.held, state.rollback_skipped, state.pin
    if pin is not None:
        causes.append(Cause(f"it is {pin.words}", str(unit.ref), pin.since, advice="`trueup unpin` lets it follow Git"))
    if stayed is not None:
        causes.append(
            Cause(
                f"what made it unhealthy is not taken back, because {stayed.reason}",
                str(unit.ref),
                stayed.since,
                _offers(state, stayed.inputs),
                "mend it by another commit, or `trueup rollback` it by hand",
            )
        )
    if held is not None:
        causes.append(
            Cause(
                f"{held.revision} is held back, because {held.words}",
                str(unit.ref),
                held.since,
                (
                    *(
                        (f"it runs {held.returned_to}, which was good",)
                        if held.returned_to and not held.stopped
                        else ()
                    ),
                    *_offers(state, held.inputs),
                ),
                "mend it by another commit, or `git revert` it; `trueup sync` tries the same once more",
            )
        )
    if state.attempt is not None:
        causes.append(Cause(f"{state.attempt.revision} is being delivered", str(unit.ref), state.attempt.started_at))
    if state.failures > 1:
        causes.append(Cause(f"the same inputs have failed {state.failures} times in a row", str(unit.ref)))
    return causes


def _deleted_at(body: Body) -> str:
    """Give since when an object is being deleted; empty where it is not."""
    return str(body["metadata"].get("deletionTimestamp") or "")


def _offers(state: UnitState, inputs: str) -> tuple[str, ...]:
    """Say what has become of the proposals to revert these inputs."""
    return tuple(offer.words for offer in state.proposals if offer.inputs == inputs)


async def _source(client: KubeClient, mapper: Mapper, unit: Unit) -> list[Cause]:
    if unit.source == unit.ref:
        return []
    body = await _read(client, mapper, unit.source)
    if isinstance(body, KubeError):
        return [Cause(f"its source cannot be read: {body.message}", str(unit.source))]
    if body is None:
        return [Cause("its source does not exist", str(unit.source), advice="create it, or name another source")]
    found = standing(body)
    if found.suspended:
        return [Cause("its source is suspended, so no new commit comes", str(unit.source))]
    if found.ready == "True":
        return []
    return [Cause(f"its source is not ready: {found.message}", str(unit.source), conditions_since(body))]


async def _dependencies(client: KubeClient, mapper: Mapper, unit: Unit) -> list[Cause]:
    """Follow what is waited for down to what does not wait itself."""
    causes: list[Cause] = []
    seen = {unit.ref}
    waiting = [(unit, dependency.ref) for dependency in unit.depends_on]
    while waiting and len(causes) < DEPENDENCIES_FOLLOWED:
        waiter, ref = waiting.pop(0)
        if ref in seen:
            causes.append(Cause(f"{waiter.ref} waits for {ref}, which waits for it in turn", advice="break the circle"))
            continue
        seen.add(ref)
        body = await _read(client, mapper, ref)
        if isinstance(body, KubeError) or body is None:
            words = body.message if isinstance(body, KubeError) else "it does not exist"
            causes.append(Cause(f"{waiter.ref} waits for {ref}: {words}", str(ref)))
            continue
        found = standing(body)
        if found.ready == "True":
            continue
        text = f"{waiter.ref} waits for {ref}, which is not ready: {found.message or 'it has no status yet'}"
        causes.append(Cause(text, str(ref), conditions_since(body), advice=f"`trueup why {_written(ref)}` says more"))
        dialect = dialect_of(ref.group, ref.kind)
        other = dialect.translate(body, Context()).unit if dialect else None
        waiting += [(other, dependency.ref) for dependency in other.depends_on] if other else []
    return causes


# ------------------------------------------------------------------------------------------------- its objects


async def _objects(
    client: KubeClient, mapper: Mapper, entries: Sequence[InventoryEntry], *, deleting: bool
) -> list[Cause]:
    """Tell of objects that are not as they should be: where the unit itself goes, of those that are still there."""
    lives = await asyncio.gather(*(_read(client, mapper, entry.ref) for entry in entries))
    causes: list[Cause] = []
    untold = 0
    for entry, live in zip(entries, lives, strict=True):
        ref = entry.ref
        if _as_it_should_be(ref, live, deleting=deleting):
            continue
        if len(causes) >= OBJECTS_TOLD:
            untold += 1
        elif isinstance(live, KubeError):
            causes.append(Cause(f"cannot be read: {live.message}", str(ref)))
        elif live is None:
            advice = "the next reconciliation makes it again, if healing is on"
            causes.append(Cause("is not in the cluster", str(ref), advice=advice))
        elif deleting:
            causes.append(_not_gone(ref, live))
        else:
            causes.append(await _sick(client, mapper, ref, live))
    if untold:
        what = "still there" if deleting else "not healthy"
        causes.append(Cause(f"and {untold} more objects are {what}", advice="`trueup tree` shows all"))
    return causes


def _as_it_should_be(ref: ObjectRef, live: Body | KubeError | None, *, deleting: bool) -> bool:
    if deleting:
        return live is None
    if live is None or isinstance(live, KubeError):
        return False
    return not judged(ref.group, ref.kind) or assess(live).status in (HealthStatus.HEALTHY, HealthStatus.SUSPENDED)


def _not_gone(ref: ObjectRef, live: Body) -> Cause:
    """Tell of an object that is to go and is still there, with the finalizers that hold it."""
    holders = ", ".join(str(name) for name in live["metadata"].get("finalizers") or [])
    if not _deleted_at(live):
        return Cause("is still there, and not asked to go yet", str(ref))
    advice = f"see what works on {holders}; nobody else may remove it" if holders else ""
    return Cause(f"is not gone yet{f', held by {holders}' if holders else ''}", str(ref), _deleted_at(live), (), advice)


async def _sick(client: KubeClient, mapper: Mapper, ref: ObjectRef, live: Body) -> Cause:
    """Tell of an object that is not healthy: its pods' troubles, its events, the last lines they wrote."""
    pods = await _pods(client, mapper, live)
    troubles = [found for pod in pods if (found := trouble(pod))]
    about = {str(live["metadata"].get("uid")), *(str(pod["metadata"].get("uid")) for pod in pods)}
    events = await _events(client, mapper, ref.namespace, about)
    verdict, *details = explain(live, troubles, events).splitlines()
    for one in troubles[:PODS_TOLD]:
        details += await _last_lines(client, one)
    since = max((str(item.get("lastTransitionTime") or "") for item in _conditions(live)), default="")
    return Cause(verdict, str(ref), since, tuple(redact(line) for line in details), _advice(troubles))


def _conditions(live: Body) -> list[Body]:
    found = (live.get("status") or {}).get("conditions") or []
    return [item for item in found if isinstance(item, dict)]


def _advice(troubles: Iterable[PodTrouble]) -> str:
    reasons = {one.reason for one in troubles}
    if reasons & {"ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull"}:
        return "push that image, or correct its name in Git; a private registry wants an imagePullSecret"
    if "CrashLoopBackOff" in reasons:
        return "see what it wrote last; mend it in Git, or `git revert` the commit that changed it"
    if reasons & {"CreateContainerConfigError", "CreateContainerError"}:
        return "a Secret or ConfigMap that it names is missing, or lacks a key: deliver it, or correct the name"
    return ""


async def _pods(client: KubeClient, mapper: Mapper, live: Body) -> list[Body]:
    """Give the pods of a workload: its own, or those of its ReplicaSets."""
    namespace = str(live["metadata"].get("namespace") or "")
    if not namespace:
        return []
    if live.get("kind") == "Pod":
        return [live]
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


async def _read(client: KubeClient, mapper: Mapper, ref: ObjectRef) -> Body | KubeError | None:
    try:
        return await live_object(client, mapper, ref)
    except KubeError as error:
        return error


def _written(ref: ObjectRef) -> str:
    return f"{ref.kind.lower()}/{ref.namespace}/{ref.name}"
