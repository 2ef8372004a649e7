"""What is the same on many objects is told once, soon, and never held back for long."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from support.events import event, unit
from trueup.notifications.grouping import LONGEST, MEMBERS, QUIET, Group, add, key_of, take_back, together


def grouped(*names: str) -> Group:
    group: Group | None = None
    for second, name in enumerate(names):
        group = add(group, event(name, bad=True), float(second))
    assert group is not None
    return group


def test_one_commit_on_fifty_units_is_one_message() -> None:
    found = together(grouped(*(f"unit-{number}" for number in range(50))))
    assert found.message.startswith("50 objects:\n") and "and 40 more" in found.message
    assert found.title == "Kustomization/flux-system/unit-0 and 49 more"
    assert len(found.also) == 49


def test_a_single_one_is_told_as_it_is() -> None:
    one = event("web", bad=True)
    assert together(add(None, one, 0.0)) == one


def test_the_latest_of_an_object_is_what_counts() -> None:
    group = add(add(None, event("web", message="first"), 0.0), event("web", message="second"), 0.1)
    assert together(group).message == "second"


def test_other_news_and_other_commits_are_no_company() -> None:
    keys = {
        key_of(event("a", bad=True)),
        key_of(event("a")),
        key_of(event("a", recovered=True)),
        key_of(event("a", bad=True, thread="other")),
    }
    assert len(keys) == 4
    assert key_of(event("a", bad=True)) == key_of(event("b", bad=True))


@given(st.lists(st.floats(0, QUIET, allow_nan=False), min_size=1, max_size=200))
def test_a_group_is_told_when_it_is_quiet_and_at_the_latest_in_time(pauses: list[float]) -> None:
    now, group = 0.0, add(None, event("a"), 0.0)
    for pause in pauses:
        now += pause
        if group.due(now) <= 0:
            break
        group = add(group, event("a"), now)
    assert now <= LONGEST + QUIET
    assert group.due(group.last + QUIET) <= 0


def test_what_is_over_is_taken_out_and_others_stay() -> None:
    group = grouped("web", "api")
    assert take_back(group, event("web", revision="main@sha1:" + "b" * 40)) == ()
    assert take_back(group, event("web", bad=True)) == ()
    assert [item.about.name for item in take_back(group, event("web"))] == ["web"]
    assert [item.about.name for item in group.members] == ["api"]


def test_members_are_bounded_and_those_left_out_are_counted() -> None:
    group: Group | None = None
    for number in range(MEMBERS + 3):
        group = add(group, event(f"u{number}"), 0.0)
    assert group is not None and len(group.members) == MEMBERS and group.left_out == 3
    assert together(group).message.startswith(f"{MEMBERS + 3} objects:")
    assert together(group).about == unit("u0")
