"""A deployment is found by whatever a table shows of it, and what can be chosen is named."""

from __future__ import annotations

import pytest

from trueup.core.model.state import GoodRevision, HistoryEntry, Inputs, UnitState
from trueup.core.rollback.pinning import CannotPin, target_of
from trueup.core.rollback.revision_history import delivered

ONE, TWO, BAD = "1111111aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "2" * 40, "b" * 40
STATE = UnitState(
    good_revisions=(
        GoodRevision(1, Inputs("one", f"main@sha1:{ONE}", objects="digest-1"), f"main@sha1:{ONE}", "", "feed0000" * 4),
        GoodRevision(2, Inputs("two", f"main@sha1:{TWO}", objects="digest-2"), f"main@sha1:{TWO}", "", "beef0000" * 4),
    ),
    history=(
        HistoryEntry(1, f"main@sha1:{ONE}", "", "", "good", "digest-1", sync="feed0000" * 4),
        HistoryEntry(3, f"main@sha1:{BAD}", "", "", "sick", "digest-3", sync="dead0000" * 4),
        HistoryEntry(4, "main@sha1:" + "4" * 40, "", "", "good", "digest-1", sync="cafe0000" * 4),
    ),
)


@pytest.mark.parametrize(
    "word",
    [
        "1",
        "feed0000",
        "feed0000" * 4,
        ONE,
        ONE[:7],
        f"main@{ONE[:8]}",
        f"sha1:{ONE}",
        f"main@sha1:{ONE}",
        "4",
        "cafe0000",
    ],
)
def test_a_good_deployment_is_found_by_what_is_shown_of_it(word: str) -> None:
    assert target_of(STATE, word).id == 1


def test_what_cannot_be_chosen_is_told_with_what_can() -> None:
    with pytest.raises(CannotPin, match=r"deployment 3 was not good \(sick\); it can be pinned to: 2 \(main@2222"):
        target_of(STATE, "3")
    with pytest.raises(CannotPin, match=r"no good deployment '111' is remembered; .*record beef0000beef"):
        target_of(STATE, "111")


def test_a_difference_may_be_asked_for_of_a_deployment_that_was_not_good() -> None:
    assert delivered(STATE.history, STATE.good_revisions, "dead0000") == (f"main@sha1:{BAD}",)
    assert delivered(STATE.history, STATE.good_revisions, "2") == (f"main@sha1:{TWO}",)
    assert delivered(STATE.history, STATE.good_revisions, "v1.0") == ()
