"""A defect that breaks one unit's reconciliation is in that unit's status, and nowhere else."""

from __future__ import annotations

from typing import Any

from support.engine import World, config, ref
from trueup.core.model.reports import Reason, UnitPhase


async def test_what_is_raised_reaches_the_status_without_its_words(world: World) -> None:
    broken, other = world.unit("broken"), world.unit("other")
    world.declare(broken, other)
    await world.commit(broken=[config("a")], other=[config("b")])
    lookup = world.cluster.live

    def live(ref_: Any, manager: str) -> Any:
        if ref_ == ref("a"):
            raise KeyError("password=hunter2")
        return lookup(ref_, manager)

    world.cluster.live = live  # type: ignore[method-assign]
    await world.commit(broken=[config("a", key="2")], other=[config("b", key="2")])
    report = world.report(broken)
    assert (report.phase, report.reason) == (UnitPhase.FAILED, Reason.INTERNAL)
    assert "KeyError at test_defects.py:" in report.message and "hunter2" not in report.message
    assert world.report(other).phase is UnitPhase.SETTLED and world.cluster.objects[ref("b")]["data"] == {"key": "2"}
    world.cluster.live = lookup  # type: ignore[method-assign]
    await world.later(100)
    assert world.report(broken).phase is UnitPhase.SETTLED and world.cluster.objects[ref("a")]["data"] == {"key": "2"}


async def test_a_lost_lease_is_no_defect(world: World) -> None:
    unit = world.unit("web")
    world.declare(unit)
    await world.commit(web=[config("a")])
    seen = len(world.reports.seen)
    world.cluster.before_write = lambda: setattr(world.cluster.fence, "open", False)
    await world.commit(web=[config("a", key="2")])
    assert world.report(unit).reason is not Reason.INTERNAL and len(world.reports.seen) == seen
