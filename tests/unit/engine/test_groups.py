"""Units that depend on each other go back together, dependents first, and go on together when Git does."""

from __future__ import annotations

import msgspec

from support.engine import World, claim, config, ref
from trueup.core.health import HealthStatus
from trueup.core.model.deployment_record import Cause
from trueup.core.model.git import GitRef, GitSpec
from trueup.core.model.objects import Body, ObjectRef
from trueup.core.model.reports import UnitPhase
from trueup.core.model.unit import Dependency, HealthGate, ReturnPolicy, SourceDeclaration, SyncPolicy, Unit, UnitSource

OTHER = ObjectRef("example.com", "Repository", "default", "other")


def folders(key: str, *names: str) -> dict[str, list[Body]]:
    return {name: [config(name, key=key)] for name in names}


def chain(world: World, **fields: object) -> tuple[Unit, Unit, Unit]:
    """Make web → api → db, where → is `depends on`."""
    db = world.unit("db", **fields)
    api = world.unit("api", depends_on=(Dependency(db.ref),), **fields)
    web = world.unit("web", depends_on=(Dependency(api.ref),), **fields)
    return web, api, db


async def sicken(world: World, name: str, **content: list[Body]) -> str:
    """Commit; the object of this name fails as long as it is not what it was before."""

    def crash() -> None:
        live = world.cluster.objects.get(ref(name))
        bad = live is not None and live["data"] != {"key": "1"}
        world.cluster.set_health(ref(name), HealthStatus.DEGRADED if bad else HealthStatus.HEALTHY, "crash")

    world.cluster.after_write = crash
    commit = await world.commit(**content)
    await world.later(4)
    for _ in range(4):
        await world.settle()
    return commit


def values(world: World, *names: str) -> list[str]:
    return [world.cluster.objects[ref(name)]["data"]["key"] for name in names]


async def test_what_the_same_commit_moved_goes_back_with_the_sick_unit_dependents_first(world: World) -> None:
    web, api, db = chain(world)
    world.declare(web, api, db)
    good = await world.commit(**folders("1", "web", "api", "db"))
    world.cluster.writes.clear()
    await sicken(world, "web", **folders("2", "web", "api", "db"))
    assert values(world, "web", "api", "db") == ["1", "1", "1"]
    written = [written.name for _, written in world.cluster.writes]
    assert written == ["db", "api", "web", "web", "api", "db"]
    for unit in (api, db):
        report, state = world.report(unit), world.state(unit)
        assert report.phase is UnitPhase.HELD and "made Unit/default/web unhealthy" in report.message
        assert state.held is not None and state.held.because == web.ref
        assert report.applied == f"main@sha1:{good}"
    back = [record for record in world.event_sink.records if record.cause is Cause.RETURN]
    assert [record.unit for record in back] == [web.ref, api.ref, db.ref]
    assert len({record.related for record in back}) == 1


async def test_a_unit_that_others_depend_on_takes_them_back_when_it_sickens_late(world: World) -> None:
    web, api, db = chain(world, gate=HealthGate(wait=True))
    world.declare(web, api, db)
    await world.commit(**folders("1", "web", "api", "db"))
    await sicken(world, "api", **folders("2", "web", "api", "db"))
    assert values(world, "web", "api", "db") == ["1", "1", "1"], "web had not moved, db goes back"
    assert world.state(web).held is None
    held = world.state(db).held
    assert held is not None and held.because == api.ref


async def test_what_another_commit_moved_stays(world: World) -> None:
    web, api, db = chain(world)
    world.declare(web, api, db)
    await world.commit(**folders("1", "web", "api", "db"))
    await world.commit(**(folders("1", "web", "api") | folders("2", "db")))
    await sicken(world, "web", **(folders("2", "web", "db") | folders("1", "api")))
    assert values(world, "web", "api", "db") == ["1", "1", "2"]
    assert world.state(db).held is None and world.state(api).held is None


async def test_units_joined_only_by_one_that_did_not_move_are_no_group(world: World) -> None:
    base = world.unit("base")
    one, two = (world.unit(name, depends_on=(Dependency(base.ref),)) for name in ("one", "two"))
    world.declare(base, one, two)
    await world.commit(**folders("1", "base", "one", "two"))
    await sicken(world, "one", **(folders("1", "base") | folders("2", "one", "two")))
    assert values(world, "one", "two") == ["1", "2"]


async def test_a_unit_of_another_source_stays(world: World) -> None:
    web, api, db = chain(world)
    foreign = world.unit("foreign", depends_on=(Dependency(web.ref),))
    foreign = msgspec.structs.replace(foreign, sources=(UnitSource(OTHER, foreign.recipe),))
    world.engine.declare_source(SourceDeclaration(OTHER, "uid", 1, GitSpec("https://x/o", GitRef(branch="main"))))
    world.declare(web, api, db, foreign)
    await world.commit(**folders("1", "web", "api", "db", "foreign"))
    world.engine.source_controller.poll_now(OTHER)
    await world.settle()
    await sicken(world, "api", **(folders("2", "api", "db", "foreign") | folders("1", "web")))
    world.engine.source_controller.poll_now(OTHER)
    await world.settle()
    assert values(world, "api", "db") == ["1", "1"]
    assert world.state(foreign).held is None


async def test_a_fix_of_the_sick_unit_brings_the_whole_group_forward(world: World) -> None:
    web, api, db = chain(world)
    world.declare(web, api, db)
    await world.commit(**folders("1", "web", "api", "db"))
    await sicken(world, "web", **folders("2", "web", "api", "db"))
    await world.restart()
    assert world.cluster.writes == []
    world.cluster.after_write = lambda: None
    await world.commit(**(folders("3", "web") | folders("2", "api", "db")))
    for _ in range(4):
        await world.settle()
    assert values(world, "web", "api", "db") == ["3", "2", "2"]
    assert all(world.state(unit).held is None for unit in (web, api, db))
    assert all(world.report(unit).phase is UnitPhase.SETTLED for unit in (web, api, db))


async def test_a_second_bad_commit_returns_once_more_and_then_is_quiet(world: World) -> None:
    web, api, db = chain(world)
    world.declare(web, api, db)
    await world.commit(**folders("1", "web", "api", "db"))
    await sicken(world, "web", **folders("2", "web", "api", "db"))
    await sicken(world, "web", **(folders("3", "web") | folders("2", "api", "db")))
    assert values(world, "web", "api", "db") == ["1", "1", "1"]
    writes = len(world.cluster.writes)
    for _ in range(4):
        await world.later(400)
    await world.restart()
    await world.later(400)
    assert world.cluster.writes == [] and writes


async def test_a_member_whose_policy_or_objects_forbid_it_stays_and_says_so(world: World) -> None:
    web, api, db = chain(world, policy=SyncPolicy(prune=True))
    api = world.unit("api", depends_on=api.depends_on, returns=ReturnPolicy.REPORT)
    world.declare(web, api, db)
    await world.commit(web=[config("web", key="1")], api=[config("api", key="1")], db=[config("db", key="1")])
    await sicken(world, "web", **folders("2", "web", "api", "db"))
    assert values(world, "web", "api", "db") == ["1", "2", "2"], "db serves api, which stays"
    assert "its rollback policy is 'report'" in world.report(api).notices[0].message
    assert "it goes back with Unit/default/web when Unit/default/api" in world.report(db).notices[0].message


async def test_a_member_that_lost_its_volume_stays_and_says_so(world: World) -> None:
    web, api, db = chain(world, policy=SyncPolicy(prune=True))
    world.declare(web, api, db)
    await world.commit(web=[config("web", key="1")], api=[config("api", key="1"), claim("disk")], db=[config("db")])
    await sicken(world, "web", web=[config("web", key="2")], api=[config("api", key="2")], db=[config("db")])
    for _ in range(3):
        await world.later(10)
    assert values(world, "web", "api") == ["1", "2"]
    assert "PersistentVolumeClaim/default/disk was removed" in world.report(api).notices[0].message


async def test_a_group_whose_sick_unit_is_deleted_goes_on(world: World) -> None:
    web, api, db = chain(world)
    world.declare(web, api, db)
    await world.commit(**folders("1", "web", "api", "db"))
    await sicken(world, "web", **folders("2", "web", "api", "db"))
    world.cluster.after_write = lambda: None
    world.engine.withdraw(web.ref)
    for _ in range(4):
        await world.settle()
    assert values(world, "api", "db") == ["2", "2"]


async def test_a_newer_renderer_moves_nobody_into_a_group(world: World) -> None:
    web, api, db = chain(world)
    world.declare(web, api, db)
    await world.commit(**folders("1", "web", "api", "db"))
    await sicken(world, "web", **(folders("1", "api", "db") | folders("2", "web")))
    assert world.state(web).held is not None and world.state(db).held is None
    world.renderer.version = "newer"
    await world.restart()
    for _ in range(4):
        await world.later(10)
    assert [world.report(unit).phase for unit in (api, db)] == [UnitPhase.SETTLED] * 2
    assert world.state(api).held is None and world.state(db).held is None
