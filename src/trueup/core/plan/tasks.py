"""The tasks of a plan: what is written together, what is waited for, which hook is run, what is removed.

Tasks are ordered by phase, then wave, then rank (`waves`). A task begins when all before it have been carried out; a
`WaitTask` holds those after it up until what it names is healthy, or has ended. It stands wherever the phase or the
wave changes, and nowhere else: inside a wave the ranks follow each other at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import TypeAlias

import msgspec

from trueup.core.model.live import Live
from trueup.core.model.objects import Desired, ObjectRef
from trueup.core.plan.waves import Place, grouped, place_of


class Action(StrEnum):
    """What a step does with its object."""

    CREATE = "create"
    CHANGE = "change"
    HEAL = "heal"
    PRUNE = "prune"


class Step(msgspec.Struct, frozen=True):
    """One write: the object, why, and what was live when it was decided.

    `undoes`: the object had been applied as it is wanted, and somebody else has changed or removed it since.
    """

    action: Action
    ref: ObjectRef
    version: str
    desired: Desired | None = None
    live: Live | None = None
    undoes: bool = False


class ApplyTask(msgspec.Struct, frozen=True, tag="apply"):
    """Objects that are written together."""

    place: Place
    steps: tuple[Step, ...]


class PruneTask(msgspec.Struct, frozen=True, tag="prune"):
    """Objects that are removed together."""

    place: Place
    steps: tuple[Step, ...]


class WaitTask(msgspec.Struct, frozen=True, tag="wait"):
    """What must be healthy, and which hooks must have ended, before the tasks from `place` on begin."""

    place: Place
    refs: tuple[ObjectRef, ...] = ()
    hooks: tuple[ObjectRef, ...] = ()


class HookTask(msgspec.Struct, frozen=True, tag="hook"):
    """One hook to be run to its end."""

    place: Place
    hook: Desired


Task: TypeAlias = ApplyTask | WaitTask | HookTask | PruneTask


def ordered(
    writes: Iterable[tuple[Place, Step]], desired: Sequence[Desired], hooks: Sequence[Desired], *, waits: bool
) -> tuple[Task, ...]:
    """Put writes and hooks in order, with a wait wherever a phase or wave begins.

    `desired` is all that the unit wants, also what needs no write: the first wait names everything of an earlier place,
    each later one what came since the wait before it. Without `waits`, only hooks are waited for.
    """
    tasks: list[Task] = [ApplyTask(place, steps) for place, steps in grouped(writes)]
    tasks += [HookTask(place_of(hook), hook) for hook in hooks]
    # A hook of a wave comes before its objects, so that what it prepares is there for them.
    tasks.sort(key=lambda task: (task.place[:2], not isinstance(task, HookTask), task.place.rank))
    judged = sorted(
        (item for item in desired if waits and not item.options.ignore_health), key=lambda item: place_of(item)[:2]
    )
    found: list[Task] = []
    waited = before = 0
    for position, task in enumerate(tasks):
        if position == 0 or tasks[position - 1].place[:2] != task.place[:2]:
            while before < len(judged) and place_of(judged[before])[:2] < task.place[:2]:
                before += 1
            refs = tuple(item.ref for item in judged[waited:before])
            ran = tuple(one.hook.ref for one in _since_wait(found) if isinstance(one, HookTask))
            if refs or ran:
                found.append(WaitTask(task.place, refs, ran))
            waited = before
        found.append(task)
    return tuple(found)


def _since_wait(tasks: Sequence[Task]) -> Iterable[Task]:
    for task in reversed(tasks):
        if isinstance(task, WaitTask):
            return
        yield task


def selected(tasks: Iterable[Task], keep: Callable[[Step], bool]) -> tuple[Task, ...]:
    """Give the tasks with those steps only; what has none left goes, and so do waits that nothing follows."""
    found: list[Task] = []
    for task in tasks:
        if isinstance(task, ApplyTask | PruneTask):
            steps = tuple(filter(keep, task.steps))
            if steps:
                found.append(msgspec.structs.replace(task, steps=steps))
        elif isinstance(task, WaitTask) and found and isinstance(found[-1], WaitTask):
            earlier = found[-1]
            found[-1] = WaitTask(task.place, (*earlier.refs, *task.refs), (*earlier.hooks, *task.hooks))
        else:
            found.append(task)
    while found and isinstance(found[-1], WaitTask):
        found.pop()
    return tuple(found)
