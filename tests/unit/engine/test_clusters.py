"""Units of several clusters: each is delivered to its own, and one cluster's trouble is its units' alone."""

from __future__ import annotations

from support.engine import World, config, ref
from trueup.core.model.objects import LOCAL, ClusterRef
from trueup.core.model.reports import UnitPhase
from trueup.core.model.unit import SyncPolicy, Target
from trueup.core.plan.tasks import Action

FAR = ClusterRef("far")
THERE = Target(cluster=FAR, namespace="default")


async def test_the_same_object_in_two_clusters_is_two_objects(world: World) -> None:
    near, far = world.unit("near"), world.unit("far", target=THERE)
    world.declare(near, far)
    await world.commit(near=[config("a", key="near")], far=[config("a", key="far")])
    assert world.cluster.objects[ref("a")]["data"] == {"key": "near"}
    assert world.far.objects[ref("a")]["data"] == {"key": "far"}
    assert world.report(near).phase is world.report(far).phase is UnitPhase.SETTLED
    assert world.engine.owners.owners(LOCAL, ref("a")) == (near.ref,)
    assert world.engine.owners.owners(FAR, ref("a")) == (far.ref,)


async def test_drift_in_one_cluster_is_healed_there(world: World) -> None:
    near, far = world.unit("near"), world.unit("far", target=THERE)
    world.declare(near, far)
    await world.commit(near=[config("a", key="1")], far=[config("a", key="1")])
    world.cluster.writes.clear()
    world.far.writes.clear()
    world.far.edit(ref("a"), data={"key": "by hand"})
    await world.settle()
    assert world.far.writes == [(Action.HEAL, ref("a"))] and not world.cluster.writes
    assert world.far.objects[ref("a")]["data"] == {"key": "1"}


async def test_a_cluster_that_cannot_be_reached_harms_its_own_units_only(world: World) -> None:
    near, far = world.unit("near"), world.unit("far", target=THERE)
    world.declare(near, far)
    await world.commit(near=[config("a", key="1")], far=[config("a", key="1")])
    world.targets.unreachable[FAR] = "no route to host"
    await world.commit(near=[config("a", key="2")], far=[config("a", key="2")])
    assert world.report(near).phase is UnitPhase.SETTLED
    assert world.report(far).phase is UnitPhase.FAILED
    assert "cluster far cannot be reached: no route to host" in world.report(far).message
    assert world.far.objects[ref("a")]["data"] == {"key": "1"} and ref("a") in world.state(far).inventory.refs
    world.targets.unreachable.clear()
    world.engine.cluster_changed(FAR)
    await world.settle()
    assert world.report(far).phase is UnitPhase.SETTLED
    assert world.far.objects[ref("a")]["data"] == {"key": "2"}


async def test_only_clusters_that_units_name_are_kept(world: World) -> None:
    near, far = world.unit("near"), world.unit("far", target=THERE)
    world.declare(near, far)
    assert world.targets.kept == {LOCAL, FAR}
    world.engine.withdraw(far.ref)
    assert world.targets.kept == {LOCAL}


async def test_a_unit_that_goes_to_another_cluster_removes_nothing_and_says_what_stays(world: World) -> None:
    unit = world.unit("web", policy=SyncPolicy(prune=True))
    world.declare(unit)
    await world.commit(web=[config("a"), config("b")])
    moved = world.unit("web", policy=SyncPolicy(prune=True), target=THERE, generation=2)
    world.declare(moved)
    await world.commit(web=[config("a")])
    assert set(world.far.objects) == {ref("a")}
    assert set(world.cluster.objects) == {ref("a"), ref("b")}
    assert world.state(moved).inventory.refs == {ref("a")}
    words = [notice.message for notice in world.report(moved).notices]
    assert words == ["2 objects that it delivered to cluster in-cluster before stay there"]
    await world.restart()
    assert world.report(moved).phase is UnitPhase.SETTLED and set(world.far.objects) == {ref("a")}
