"""Keys in the engine: when they are read, when work is done again, and who is given them."""

from __future__ import annotations

from support.engine import World, config, ref
from trueup.core.decryption import Decryption, Keys
from trueup.core.fields.changes import FieldChange
from trueup.core.model.objects import ObjectOptions, ObjectRef
from trueup.core.model.reports import Reason, UnitPhase
from trueup.core.model.unit import ValueRef
from trueup.core.ports import Applied
from trueup.engine.delivery.objects import ObjectDelivery, without_values

HOLDER = ("Secret", "default", "keys")
HOW = Decryption(("default", "keys"), remedy="name a Secret")
INPUTS = (ValueRef(*HOLDER),)


def last_keys(world: World) -> Keys:
    keys = world.renderer.contexts[-1].keys
    assert keys is not None
    return keys


async def test_a_render_has_the_keys_of_now_and_another_key_renders_again(world: World) -> None:
    unit = world.unit("web", decryption=HOW, inputs=INPUTS)
    world.values.data[HOLDER] = {"a.agekey": b"first"}
    world.declare(unit)
    await world.commit(web=[config("x", k="1")])
    assert world.report(unit).phase is UnitPhase.SETTLED
    assert dict(last_keys(world).files) == {"a.agekey": b"first"} and last_keys(world).origin == "Secret/default/keys"
    renders = world.renderer.renders
    await world.look(unit)
    assert world.renderer.renders == renders
    world.values.data[HOLDER] = {"a.agekey": b"second"}
    await world.look(unit)
    assert world.renderer.renders == renders + 1 and dict(last_keys(world).files) == {"a.agekey": b"second"}
    await world.restart()
    renders = world.renderer.renders
    await world.look(unit)
    assert world.renderer.renders == renders and world.report(unit).phase is UnitPhase.SETTLED


async def test_without_the_secret_it_fails_by_its_name_and_what_was_delivered_stays(world: World) -> None:
    unit = world.unit("web", decryption=HOW, inputs=INPUTS)
    world.values.data[HOLDER] = {"a.agekey": b"first"}
    world.declare(unit)
    await world.commit(web=[config("x", k="1")])
    del world.values.data[HOLDER]
    await world.commit(web=[config("y", k="2")])
    report = world.report(unit)
    assert report.phase is UnitPhase.FAILED and report.reason is Reason.RENDER_FAILED
    assert "Secret/default/keys, whose keys decrypt what" in report.message and "create it" in report.message
    assert ref("x") in world.cluster.objects and ref("y") not in world.cluster.objects
    world.values.data[HOLDER] = {"a.agekey": b"first"}
    await world.look(unit)
    assert ref("y") in world.cluster.objects


async def test_other_units_are_given_no_keys_and_one_that_names_none_is_rendered_without(world: World) -> None:
    world.values.data[HOLDER] = {"a.agekey": b"first"}
    plain, open_ended = world.unit("plain"), world.unit("none", decryption=Decryption(remedy="name a Secret"))
    world.declare(plain)
    await world.commit(plain=[config("x")], none=[config("y")])
    assert all(context.keys is None for context in world.renderer.contexts)
    world.declare(open_ended)
    await world.look(open_ended)
    assert last_keys(world).files == {} and last_keys(world).origin == ""


async def test_values_of_before_the_process_are_not_told(world: World) -> None:
    unit = world.unit("web", decryption=HOW, inputs=INPUTS)
    world.values.data[HOLDER] = {"a.agekey": b"first"}
    delivery = ObjectDelivery(world.targets, lambda _: lambda body: ObjectOptions())
    custom, workload = (
        ObjectRef("example.com", "Thing", "default", "x"),
        ObjectRef("apps", "Deployment", "default", "x"),
    )
    assert delivery._may_have_held(unit, ref("x")) and delivery._may_have_held(unit, custom)
    assert not delivery._may_have_held(unit, workload)
    # What this process has written itself it knows.
    assert not delivery._may_have_held(unit, ref("x")) and not delivery._may_have_held(unit, custom)
    told = without_values(Applied(None, True, "", (FieldChange("data.k", '"old"', '"new"'),)))
    assert told.fields == (FieldChange("data.k", hidden=True),)
