"""The list of good inputs stays short and small, and finds an entry by every name that people know it by."""

from __future__ import annotations

from trueup.core.model.recipe import DirectoryRecipe
from trueup.core.model.state import GoodRevision, Inputs
from trueup.core.rollback.revision_history import BYTES_KEPT, KEPT, before, find, with_good, with_latest_revision


def inputs(digest: str, revision: str = "") -> Inputs:
    return Inputs(digest, revision or f"main@sha1:{digest * 40}"[:50])


def past(*digests: str) -> tuple[GoodRevision, ...]:
    found: tuple[GoodRevision, ...] = ()
    for number, digest in enumerate(digests):
        found = with_good(found, inputs(digest), number, "2026-01-01T00:00:00Z", f"sync{digest}000")
    return found


def test_the_newest_is_last_and_what_comes_back_is_moved_there() -> None:
    found = past("a", "b", "a")
    assert [item.inputs.digest for item in found] == ["b", "a"]
    assert [item.id for item in found] == [1, 2]


def test_another_revision_of_the_same_inputs_keeps_where_they_began() -> None:
    found = with_good(past("a"), inputs("a", "main@sha1:later"), 7, "", "other")
    assert [(item.id, item.inputs.revision) for item in found] == [(0, "main@sha1:later")]
    assert found[0].first == inputs("a").revision
    assert with_latest_revision(past("a", "b"), inputs("a", "main@sha1:x"))[0].inputs.revision == "main@sha1:x"


def test_inputs_that_give_the_same_objects_are_no_other_deployment() -> None:
    first = Inputs("a", "main@sha1:one", objects="same")
    second = Inputs("b", "main@sha1:two", objects="same")
    found = with_good(with_good((), first, 0, "", "sync"), second, 1, "", "other")
    assert [(item.id, item.first, item.inputs.digest) for item in found] == [(0, "main@sha1:one", "b")]
    unknown = with_good(with_good((), inputs("a"), 0, "", "sync"), inputs("b"), 1, "", "other")
    assert len(unknown) == 2, "objects that are not known are not the same"


def test_no_more_than_ten_are_kept() -> None:
    assert len(past(*map(str, range(100, 130)))) == KEPT


def test_large_recipes_push_older_ones_out_but_never_the_newest() -> None:
    large = DirectoryRecipe(path="x" * (BYTES_KEPT // 2))
    found: tuple[GoodRevision, ...] = ()
    for digest in "abc":
        found = with_good(found, Inputs(digest, recipe=large), 0, "", "")
    assert [item.inputs.digest for item in found] == ["c"]


def test_before_is_the_newest_with_other_inputs() -> None:
    earlier = before(past("a", "b"), "b")
    assert earlier is not None and earlier.inputs.digest == "a"
    assert before(past("a"), "a") is None


def test_an_entry_is_found_by_id_record_revision_and_commit() -> None:
    found = past("a", "b")
    for word in ("0", "synca000", inputs("a").revision, "a" * 8):
        item = find(found, word)
        assert item is not None and item.inputs.digest == "a", word
    for word in ("", "9", "aaa", "c" * 8):
        assert find(found, word) is None, word
