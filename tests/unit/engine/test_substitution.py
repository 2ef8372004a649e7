"""Variables and users' rules for health, in the engine: when work is done again, and what is told."""

from __future__ import annotations

from support.engine import World, config, ref
from trueup.core.fields.changes import FieldChange
from trueup.core.model.objects import Body
from trueup.core.model.reports import Reason, UnitPhase
from trueup.core.model.unit import HealthExpression, HealthGate, Substitution, ValueRef
from trueup.core.ports import Applied
from trueup.engine.delivery.objects import without_secrets
from trueup.queries.diff import Difference, _veiled

SECRET = ("Secret", "default", "s")
FROM = Substitution(sources=(ValueRef("Secret", "default", "s"),))


async def test_a_changed_value_is_delivered_and_an_unchanged_one_renders_nothing(world: World) -> None:
    unit = world.unit("web", substitution=FROM)
    world.values.data[SECRET] = {"word": b"first"}
    world.declare(unit)
    await world.commit(web=[config("x", k="${word}")])
    assert world.cluster.objects[ref("x")]["data"] == {"k": "first"}
    renders = world.renderer.renders
    await world.look(unit)
    assert world.renderer.renders == renders
    world.values.data[SECRET] = {"word": b"second"}
    await world.look(unit)
    assert world.cluster.objects[ref("x")]["data"] == {"k": "second"}
    await world.restart()
    renders = world.renderer.renders
    await world.look(unit)
    assert world.renderer.renders == renders and world.report(unit).phase is UnitPhase.SETTLED


async def test_an_object_that_is_not_there_stops_the_unit_until_it_is(world: World) -> None:
    unit = world.unit("web", substitution=FROM)
    world.declare(unit)
    await world.commit(web=[config("x", k="${word}")])
    report = world.report(unit)
    assert report.reason is Reason.SUBSTITUTION_FAILED
    assert "Secret/default/s" in report.message and "create it" in report.message
    world.values.data[SECRET] = {"word": b"there"}
    await world.look(unit)
    assert world.cluster.objects[ref("x")]["data"] == {"k": "there"}


async def test_rules_for_health_decide_in_their_order(world: World) -> None:
    def gate(progress: str, failed: str, current: str) -> HealthGate:
        return HealthGate(wait=True, expressions=(HealthExpression("", "ConfigMap", current, progress, failed),))

    unit = world.unit("web", gate=gate("false", "false", "true"))
    world.declare(unit)
    await world.commit(web=[config("x")])
    assert world.report(unit).phase is UnitPhase.SETTLED
    for rules, phase in (
        (("true", "true", "true"), UnitPhase.CHECKING),
        (("false", "false", "false"), UnitPhase.CHECKING),
    ):
        other = world.unit(f"web-{rules[2]}", gate=gate(*rules))
        world.declare(other)
        await world.commit(**{other.ref.name: [config(other.ref.name)]})
        assert world.report(other).phase is phase, rules


def test_a_value_of_a_secret_is_told_neither_before_nor_after() -> None:
    changes = (FieldChange("data.k", '"old"', '"geheim"'), FieldChange("data.l", '"a"', '"b"'))
    told = without_secrets(Applied(None, True, "it was geheim", changes), ("geheim",))
    assert told.fields == (FieldChange("data.k", hidden=True), changes[1]) and told.message == "it was ***"


def test_a_diff_hides_what_was_put_in_and_what_it_replaces() -> None:
    before: Body = {"data": {"k": "old", "l": "same", "list": ["x", "before"]}, "gone": "old"}
    after: Body = {"data": {"k": "geheim", "l": "same", "list": ["x", "a geheim b", "more"]}, "new": 1}
    (found,) = _veiled([Difference(ref("x"), before, after)], ("geheim",))
    assert found.before is not None and found.after is not None
    assert found.before["data"]["l"] == found.after["data"]["l"] == "same" and found.after["new"] == 1
    assert found.before["gone"] == "old" and found.after["data"]["list"][2] == "more"
    for side in (found.before, found.after):
        assert "(hidden)" in side["data"]["k"] and "(hidden)" in side["data"]["list"][1]
    assert found.before["data"]["k"] != found.after["data"]["k"]
    assert "geheim" not in repr(found)
    assert _veiled([Difference(ref("x"), None, after)], ("geheim",))[0].before is None
