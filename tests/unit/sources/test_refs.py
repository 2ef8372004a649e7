"""Which refs a remote's answer names: hostile names and ids that stand for nothing."""

from __future__ import annotations

import pytest

from trueup.core.model.artifact import Fault, SourceError
from trueup.core.model.git import GitRef
from trueup.git.refs import choose, listed

ONE, TWO, NONE = "1" * 40, "2" * 40, "0" * 40


def test_annotated_tags_are_peeled_in_any_order() -> None:
    answer = f"ref: refs/heads/main\tHEAD\n{ONE}\tHEAD\n{TWO}\trefs/tags/a^{{}}\n{ONE}\trefs/tags/a\n"
    remote = listed(answer)
    assert (remote.default, remote.refs) == ("refs/heads/main", {"HEAD": ONE, "refs/tags/a": TWO})


@pytest.mark.parametrize("value", [NONE, "0" * 64, "", "1" * 39, "g" * 40, "1" * 40 + "\t", "ref"])
def test_an_id_that_names_no_object_is_no_ref(value: str) -> None:
    """Git prints zeros for a HEAD that is a symbolic ref to itself."""
    remote = listed(f"ref: HEAD\tHEAD\n{value}\tHEAD\n{value}\trefs/heads/a\n{value}\trefs/heads/a^{{}}\n")
    assert not remote.refs.keys() & {"HEAD", "refs/heads/a"}
    with pytest.raises(SourceError) as raised:
        choose(GitRef(), remote)
    assert raised.value.fault is Fault.REF


@pytest.mark.parametrize("end", ["\u2028", "\x85", "\x0b", "\x0c", "\x1c", "\r"])
def test_a_name_cannot_forge_another_line(end: str) -> None:
    remote = listed(f"{ONE}\trefs/heads/main\n{ONE}\trefs/heads/x{end}{TWO}\trefs/heads/main\n")
    assert remote.refs["refs/heads/main"] == ONE
