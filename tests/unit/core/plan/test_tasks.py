"""The order of tasks: hooks before the objects of their wave, and a wait wherever a phase or a wave begins."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from trueup.core.model.objects import Desired, InventoryEntry, ObjectOptions, ObjectRef, Phase
from trueup.core.plan.tasks import Action, ApplyTask, HookTask, Step, Task, WaitTask, ordered, selected
from trueup.core.plan.waves import place_of


def item(name: str, kind: str = "ConfigMap", **options: Any) -> Desired:
    api = {"ConfigMap": "v1", "Job": "batch/v1", "Namespace": "v1", "Deployment": "apps/v1"}[kind]
    metadata = {"name": name, "namespace": "shop"}
    return Desired.of({"apiVersion": api, "kind": kind, "metadata": metadata}, ObjectOptions(**options))


def tasks(*items: Desired, unchanged: tuple[Desired, ...] = (), waits: bool = True) -> tuple[Task, ...]:
    hooks = [one for one in items if one.options.hook]
    writes = [one for one in items if not one.options.hook]
    steps = [(place_of(one), Step(Action.CREATE, one.ref, one.version, one)) for one in writes]
    return ordered(steps, [*writes, *unchanged], hooks, waits=waits)


def told(found: tuple[Task, ...]) -> list[Any]:
    words: list[Any] = []
    for task in found:
        match task:
            case ApplyTask():
                words.append(["apply", *sorted(step.ref.name for step in task.steps)])
            case WaitTask():
                words.append(["wait", *(ref.name for ref in task.refs), *(f"hook {ref.name}" for ref in task.hooks)])
            case HookTask():
                words.append(["hook", task.hook.ref.name])
    return words


def test_a_wave_waits_for_the_ones_before_and_ranks_do_not() -> None:
    found = tasks(item("web", "Deployment"), item("ns", "Namespace"), item("late", wave=2), item("early", wave=-1))
    assert told(found) == [
        ["apply", "early"],
        ["wait", "early"],
        ["apply", "ns"],
        ["apply", "web"],
        ["wait", "web", "ns"],
        ["apply", "late"],
    ]


def test_the_first_wait_names_what_needs_no_write() -> None:
    done = (item("db"), item("careless", ignore_health=True))
    assert told(tasks(item("web", wave=1), unchanged=done)) == [["wait", "db"], ["apply", "web"]]
    assert told(tasks(item("web", wave=1), unchanged=done, waits=False)) == [["apply", "web"]]


def test_a_phase_goes_before_every_wave_of_the_next() -> None:
    found = tasks(
        item("migrate", "Job", hook=True, phase=Phase.PRE_SYNC, wave=5),
        item("web", wave=-3),
        item("smoke", "Job", hook=True, phase=Phase.POST_SYNC, wave=-9),
    )
    assert told(found) == [
        ["hook", "migrate"],
        ["wait", "hook migrate"],
        ["apply", "web"],
        ["wait", "web"],
        ["hook", "smoke"],
    ]


def test_a_hook_of_a_wave_comes_before_its_objects_and_is_waited_for_without_waves_too() -> None:
    found = tasks(item("one", "Job", hook=True), item("a"), item("b", wave=1), waits=False)
    assert told(found) == [["hook", "one"], ["apply", "a"], ["wait", "hook one"], ["apply", "b"]]


def test_waits_that_nothing_follows_go_and_waits_that_meet_are_one() -> None:
    found = tasks(item("a"), item("b", wave=1), item("c", wave=2))
    assert told(selected(found, lambda step: step.ref.name != "b")) == [
        ["apply", "a"],
        ["wait", "a", "b"],
        ["apply", "c"],
    ]
    assert told(selected(found, lambda step: step.ref.name == "a")) == [["apply", "a"]]
    assert selected(found, lambda step: False) == ()


PLACES = st.tuples(st.sampled_from(list(Phase)[:3]), st.integers(-3, 3), st.booleans(), st.booleans())


@given(st.lists(PLACES, max_size=12))
def test_whatever_comes_in_an_earlier_phase_or_wave_is_waited_for_exactly_once(places: list[Any]) -> None:
    items = [item(f"n{n}", phase=phase, wave=wave, hook=hook) for n, (phase, wave, hook, _) in enumerate(places)]
    written = [one for one, (*_, writes) in zip(items, places, strict=True) if writes or one.options.hook]
    rest = tuple(one for one in items if one not in written)
    found = tasks(*written, unchanged=rest)
    awaited: list[ObjectRef] = []
    by_ref = {one.ref: one for one in items}
    for task in found:
        if isinstance(task, WaitTask):
            awaited += [*task.refs, *task.hooks]
            continue
        refs = [step.ref for step in task.steps] if not isinstance(task, HookTask) else [task.hook.ref]
        for ref in refs:
            here = place_of(by_ref[ref])[:2]
            before = {one.ref for one in items if place_of(one)[:2] < here}
            assert before == set(awaited)
    assert len(awaited) == len(set(awaited))


def test_what_has_ended_is_no_task() -> None:
    from trueup.core.model.live import Presence
    from trueup.core.model.objects import Inventory
    from trueup.core.model.unit import SyncPolicy
    from trueup.core.plan.plan import PlanInput, make_plan

    hook = item("migrate", "Job", hook=True, phase=Phase.PRE_SYNC)
    web = item("web")
    unit = ObjectRef("", "Unit", "", "u")
    given = PlanInput(unit, [web], Inventory(), SyncPolicy(), hooks=[hook])
    assert told(make_plan(given, lambda ref: Presence.ABSENT).tasks)[0] == ["hook", "migrate"]
    again = msgspec.structs.replace(given, ended=frozenset({hook.ref}))
    assert told(make_plan(again, lambda ref: Presence.ABSENT).tasks) == [["apply", "web"]]
    assert InventoryEntry.of(web).ref in make_plan(again, lambda ref: Presence.ABSENT).during.refs
