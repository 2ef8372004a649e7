"""A unit returns by itself only where its own change is to blame and there is something good to return to."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.core.model.objects import ObjectRef
from trueup.core.model.state import Held, Inputs, Pin, RevertProposal, UnitState
from trueup.core.model.unit import ReturnPolicy
from trueup.core.rollback.decision import BREAKER_UNITS, Situation, decide, policy_of, with_offer
from trueup.core.rollback.obstacles import Obstacle
from trueup.testing import a_unit

WEB = ObjectRef("apps", "Deployment", "shop", "web")
DB = ObjectRef("apps", "StatefulSet", "shop", "db")
GOOD, BAD = Inputs("good", "main@sha1:aaa"), Inputs("bad", "main@sha1:bbb")
HELD = Held("bad", "main@sha1:bbb", "unhealthy", "2026-01-01T00:00:00Z")

CASE = Situation(
    policy=ReturnPolicy.AUTO,
    state=UnitState(good=GOOD),
    inputs=BAD,
    sick=(WEB,),
    touched=frozenset({WEB}),
    sickened=1,
    units=10,
)


def test_a_change_that_made_a_healthy_unit_sick_is_taken_back() -> None:
    decision = decide(CASE)
    assert decision.returns
    assert decision.good == GOOD
    assert decision.reason == ""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"state": UnitState()}, "never healthy before"),
        ({"inputs": Inputs("good", "main@sha1:ccc")}, "these very ones"),
        ({"inputs": GOOD, "state": UnitState(good=GOOD, held=HELD)}, "already the return"),
        ({"touched": frozenset({DB})}, "not those that this change touched"),
        ({"touched": frozenset()}, "not those that this change touched"),
        ({"sick": ()}, "was so before this change too"),
        ({"sickened": BREAKER_UNITS, "units": 10}, "sickened together"),
        ({"policy": ReturnPolicy.PROPOSE}, "'propose'"),
        ({"state": UnitState(good=GOOD, pin=Pin(BAD, 1, "now", "jane"))}, "pinned to main@sha1:bbb by jane"),
        ({"chosen": True}, "somebody asked for this revision"),
        ({"obstacles": tuple(Obstacle("x", WEB, f"object {n}") for n in range(5))}, "object 2; and 2 more objects"),
        ({"policy": ReturnPolicy.REPORT}, "'report'"),
    ],
)
def test_each_reason_against_it(change: dict[str, object], words: str) -> None:
    decision = decide(msgspec.structs.replace(CASE, **change))
    assert not decision.returns
    assert words in decision.reason


@pytest.mark.parametrize(
    ("sickened", "units", "returns"), [(4, 4, True), (5, 5, False), (5, 16, False), (5, 17, True), (300, 1000, True)]
)
def test_the_breaker_needs_both_a_number_and_a_share(sickened: int, units: int, returns: bool) -> None:
    assert decide(msgspec.structs.replace(CASE, sickened=sickened, units=units)).returns is returns


def test_only_what_passes_by_itself_is_decided_later() -> None:
    assert decide(msgspec.structs.replace(CASE, sickened=9)).later
    running, lost = Obstacle("running", WEB, "it runs", passes=True), Obstacle("removed", DB, "it is lost")
    assert decide(msgspec.structs.replace(CASE, obstacles=(running,))).later
    assert not decide(msgspec.structs.replace(CASE, obstacles=(running, lost))).later
    assert not decide(msgspec.structs.replace(CASE, sickened=9, policy=ReturnPolicy.REPORT)).later
    assert decide(msgspec.structs.replace(CASE, sickened=9, policy=ReturnPolicy.PROPOSE)).later


@pytest.mark.parametrize(
    ("change", "proposes"),
    [
        ({"policy": ReturnPolicy.PROPOSE}, True),
        ({"policy": ReturnPolicy.PROPOSE, "sickened": 9}, False),
        ({"policy": ReturnPolicy.PROPOSE, "touched": frozenset()}, False),
        ({"policy": ReturnPolicy.REPORT, "proposes": True}, False),
        ({"proposes": True}, True),
        ({}, False),
    ],
)
def test_when_a_revert_is_proposed(change: dict[str, object], proposes: bool) -> None:
    assert decide(msgspec.structs.replace(CASE, **change)).proposes is proposes


def test_a_revert_is_offered_once_for_its_revision_and_few_are_remembered() -> None:
    offers: tuple[RevertProposal, ...] = ()
    for number in (1, 2, 2, 3, 4, 5, 6, 6):
        offers = with_offer(offers, RevertProposal("x", f"main@sha1:{number}", "main@sha1:0"))
    assert [item.revision[-1] for item in offers] == ["2", "3", "4", "5", "6"]


def test_the_policy_of_a_unit_that_was_taken_over() -> None:
    unit = a_unit("web", WEB, inherited=ReturnPolicy.REPORT)
    assert policy_of(unit, UnitState()) is ReturnPolicy.AUTO
    assert policy_of(unit, UnitState(taken_over=True)) is ReturnPolicy.REPORT
    own = a_unit("web", WEB, returns=ReturnPolicy.PROPOSE)
    assert policy_of(own, UnitState(taken_over=True)) is ReturnPolicy.PROPOSE


def test_what_is_held_is_known_again_by_its_name_or_by_all_it_is_made_of() -> None:
    held = Held("bad", "r", "x", "now", objects="objects", values="values", spec="spec")
    assert held.holds(Inputs("bad"), "another")
    same = Inputs("renamed", objects="objects", values="values")
    assert held.holds(same, "spec")
    assert not held.holds(same, "another"), "a longer deadline is another try"
    assert not held.holds(msgspec.structs.replace(same, values="new"), "spec")
    assert not Held("bad", "r", "x", "now").holds(Inputs("other"), "")


@given(
    st.sampled_from(list(ReturnPolicy)),
    st.sampled_from([None, GOOD, BAD]),
    st.sampled_from([None, HELD]),
    st.sampled_from([GOOD, BAD]),
    st.frozensets(st.sampled_from([WEB, DB])),
    st.frozensets(st.sampled_from([WEB, DB])),
    st.integers(0, 20),
)
def test_in_any_situation(
    policy: ReturnPolicy,
    good: Inputs | None,
    held: Held | None,
    inputs: Inputs,
    sick: frozenset[ObjectRef],
    touched: frozenset[ObjectRef],
    sickened: int,
) -> None:
    decision = decide(Situation(policy, UnitState(good=good, held=held), inputs, tuple(sick), touched, sickened, 20))
    assert decision.returns != bool(decision.reason), "either it returns, or it says why not"
    if decision.returns:
        assert policy is ReturnPolicy.AUTO
        assert good is not None
        assert decision.good == good
        assert inputs.digest != good.digest, "a return to what is sick already would never end"
        assert sick & touched
