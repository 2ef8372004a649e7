"""Why a unit or a source is as it is, in words: what waits for what, what failed and since when, and what helps.

Read with the asking user's own rights; what may not be read is said to be so, and the rest is told all the same.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from trueup.core.model.dialect import Context, Role
from trueup.core.model.objects import Body, ObjectRef
from trueup.core.model.state import UnitState
from trueup.core.model.unit import SourceDeclaration, Unit
from trueup.dialects import adapter_of, dialect_of
from trueup.dialects.decode import list_of, mapping_of, number_of, text_of
from trueup.dialects.status_summary import Standing, conditions_since, standing
from trueup.kube.client import KubeClient
from trueup.kube.discovery import Mapper
from trueup.kube.errors import KubeError
from trueup.queries.controller import absent_controller
from trueup.queries.subject import CannotInspect, unit_of, unit_state
from trueup.queries.troubles import Cause, Looking, deleted_at, object_causes, read

DEPENDENCIES_FOLLOWED = 5

__all__ = ["Cause", "Explanation", "explanation"]


class Explanation(msgspec.Struct, frozen=True):
    """A unit's or source's state in one sentence, since when, and what caused it; no causes: all is well."""

    unit: ObjectRef
    state: str
    since: str = ""
    causes: tuple[Cause, ...] = ()


async def explanation(client: KubeClient, mapper: Mapper, body: Body, left_to: str = "") -> Explanation:
    """Explain a unit or a source; `left_to` names the controller that works on it in Trueup's place.

    Raises `KubeError` only where the object itself cannot be read, `CannotInspect` where it is neither.
    """
    found = standing(body)
    absent = "" if left_to else await absent_controller(client)
    ref = ObjectRef.of(body)
    adapter = adapter_of(ref.group, ref.kind)
    if adapter is not None and adapter.kind.role is Role.SOURCE:
        causes = _own_source(body, found)
        return Explanation(ref, _state(body, found, causes, left_to, absent), conditions_since(body), tuple(causes))
    _, unit = unit_of(body)
    state, unread = EMPTY, ""
    try:
        state = await unit_state(client, mapper, unit.ref)
    except KubeError as error:
        unread = error.message
    looking = Looking(client, mapper, deleted_at(body) != "", unit.gate.waits, found.message)
    # What failed comes first; what follows from it, and what is only to be known, comes after.
    causes = [
        *await object_causes(looking, state.inventory.entries),
        *await _source(client, mapper, unit),
        *await _dependencies(client, mapper, unit),
        *_own(unit, body, state, found),
    ]
    if unread:
        causes.append(Cause(f"what is remembered of it cannot be read, nor so its objects: {unread}", str(unit.ref)))
    words = _state(body, found, causes, left_to, absent, state)
    return Explanation(unit.ref, words, conditions_since(body), tuple(causes))


EMPTY = UnitState()


def _state(
    body: Body, found: Standing, causes: list[Cause], left_to: str, absent: str, state: UnitState = EMPTY
) -> str:
    """Say in one sentence how an object stands. It is as it should be only where nothing at all is to be told."""
    said = f"; its status, written by that one, says: {found.message}" if found.message else ""
    at = found.revision or "no revision yet"
    if left_to:
        return f"is left to {left_to}, which works on it; Trueup only looks at it until it is claimed{said}"
    if absent:
        before = f"; what its status says is from before: {found.message}" if found.message else ""
        return f"is not worked on: {absent}{before}"
    if deleted_at(body):
        return "is being deleted"
    if found.suspended:
        return f"is suspended: nothing is done for it; it was left at {at}"
    if _asked(body):
        return f"waits: a sync is asked for by hand and has not begun; before that it was at {at}"
    if _changed(body):
        return f"has changed, and is being worked on; its status is of before: {found.message}"
    if state.pin is not None and found.ready == "True":
        return f"is kept at {at}, to which it is pinned, whatever Git says"
    if found.ready == "True":
        return f"is ready at {at}, but not all is well" if causes else f"is as it should be at {at}"
    if found.ready == "False":
        return f"is not ready: {found.message or 'its status says no more'}"
    return f"is being worked on: {found.message}" if found.message else "has no status yet: it has not been looked at"


def _asked(body: Body) -> bool:
    """Say whether somebody asks for an operation that was not taken up."""
    return isinstance(body.get("operation"), Mapping)


def _changed(body: Body) -> bool:
    """Say whether the object is a newer one than its status tells of."""
    conditions = list_of(mapping_of(body, "status"), "conditions")
    seen = [number_of(item, "observedGeneration", -1) for item in conditions if isinstance(item, Mapping)]
    generation = number_of(mapping_of(body, "metadata"), "generation", -1)
    return bool(seen) and -1 < max(seen) < generation


# ------------------------------------------------------------------------------------------------ the object itself


def _own_source(body: Body, found: Standing) -> list[Cause]:
    ref = ObjectRef.of(body)
    causes = []
    if found.suspended:
        causes.append(
            Cause("it is suspended, so no new commit comes", str(ref), advice="`trueup resume` lets it go on")
        )
    causes += _notices(found, str(ref))
    translated = dialect_of(ref.group, ref.kind)
    sources: tuple[SourceDeclaration, ...] = translated.translate(body, Context()).sources if translated else ()
    if not sources:
        raise CannotInspect(f"{ref} is neither a unit nor a source")
    causes += [Cause(text, str(ref)) for one in sources for text in one.problems if text not in found.message]
    return causes


def _notices(found: Standing, about: str) -> list[Cause]:
    return [Cause(text, about) for text in found.notices if text not in found.message or found.ready == "True"]


def _own(unit: Unit, body: Body, state: UnitState, found: Standing) -> list[Cause]:
    about = str(unit.ref)
    causes: list[Cause] = []
    if unit.suspended:
        causes.append(Cause("it is suspended", about, advice="`trueup resume` lets it go on"))
    if since := deleted_at(body):
        waits = tuple(
            text_of(item, "message")
            for item in list_of(mapping_of(body, "status"), "conditions")
            if text_of(item, "type").startswith("Deletion")
        )
        causes.append(Cause("it is being deleted, with what it delivered", about, since, waits))
    held, stayed, pin = state.held, state.rollback_skipped, state.pin
    told = [held.words if held else "", stayed.reason if stayed else "", pin.words if pin else ""]
    if pin is not None:
        causes.append(Cause(f"it is {pin.words}", about, pin.since, advice="`trueup unpin` lets it follow Git"))
    if stayed is not None:
        back = ", or `trueup rollback` it by hand" if state.good_revisions else ""
        causes.append(
            Cause(
                f"what made it unhealthy is not taken back, because {stayed.reason}",
                about,
                stayed.since,
                _offers(state, stayed.inputs),
                f"mend it by another commit{back}",
            )
        )
    if held is not None:
        runs = f"it runs {held.returned_to}, which was good" if held.returned_to and not held.stopped else ""
        causes.append(
            Cause(
                f"{held.revision} is held back, because {held.words}",
                about,
                held.since,
                (*filter(None, (runs,)), *_offers(state, held.inputs)),
                "mend it by another commit, or `git revert` it; `trueup sync` tries the same once more",
            )
        )
    causes += [one for one in _notices(found, about) if not any(words and words in one.what for words in told)]
    if _asked(body):
        advice = "a controller takes it up as soon as it works on this unit: see its log"
        causes.append(Cause("an operation is asked for in its object and was not taken up", about, advice=advice))
    if state.attempt is not None:
        causes.append(Cause(f"{state.attempt.revision} is being delivered", about, state.attempt.started_at))
    if state.failures > 1:
        causes.append(Cause(f"the same inputs have failed {state.failures} times in a row", about))
    return causes


def _offers(state: UnitState, inputs: str) -> tuple[str, ...]:
    """Say what has become of the proposals to revert these inputs."""
    return tuple(offer.words for offer in state.proposals if offer.inputs == inputs)


async def _source(client: KubeClient, mapper: Mapper, unit: Unit) -> list[Cause]:
    if unit.source == unit.ref:
        # Sources that stand inside the unit's own object show what is wrong with them in its status.
        return []
    body = await read(client, mapper, unit.source)
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
            advice = "take one of them out of the other's dependsOn"
            causes.append(Cause(f"{waiter.ref} waits for {ref}, which waits for it in turn", advice=advice))
            continue
        seen.add(ref)
        body = await read(client, mapper, ref)
        if isinstance(body, KubeError) or body is None:
            words = body.message if isinstance(body, KubeError) else "it does not exist"
            advice = "" if isinstance(body, KubeError) else f"create it, or correct dependsOn of {waiter.ref}"
            causes.append(Cause(f"{waiter.ref} waits for {ref}: {words}", str(ref), advice=advice))
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


def _written(ref: ObjectRef) -> str:
    return f"{ref.kind.lower()}/{ref.namespace}/{ref.name}"
