"""The spool: whatever happens to its end, what stands before it is told, in order and whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.history.spool import Mark, Spool, frame, read_frames

PAYLOADS = st.lists(st.binary(max_size=60), max_size=12)


@given(PAYLOADS, st.data())
def test_any_truncation_loses_only_the_tail(payloads: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(map(frame, payloads))
    cut = data.draw(st.integers(0, len(whole)))
    found, used = read_frames(whole[:cut])
    assert found == payloads[: len(found)] and used <= cut
    left = payloads[len(found) :]
    assert not left or cut < used + len(frame(left[0])), "a whole frame was not told"


@given(PAYLOADS.filter(bool), st.data())
def test_a_flipped_bit_is_never_told_as_a_payload(payloads: list[bytes], data: st.DataObject) -> None:
    whole = bytearray(b"".join(map(frame, payloads)))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= 1 << data.draw(st.integers(0, 7))
    found, used = read_frames(bytes(whole))
    assert found == payloads[: len(found)] and used <= place


def drained(spool: Spool) -> list[bytes]:
    found: list[bytes] = []
    while True:
        payloads, mark = spool.take(3)
        if not payloads:
            return found
        found += payloads
        spool.drop(mark)


@given(payloads=st.lists(st.binary(min_size=1, max_size=40), max_size=30), segment=st.integers(1, 200))
def test_what_is_appended_comes_out_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, payloads: list[bytes], segment: int
) -> None:
    spool = Spool(tmp_path_factory.mktemp("spool"), 1 << 20, segment)
    for start in range(0, len(payloads), 4):
        spool.append(payloads[start : start + 4])
    assert drained(spool) == payloads
    assert spool.size == 0 and list(spool.folder.iterdir()) == []
    spool.append([b"more"])
    assert drained(spool) == [b"more"]


def test_another_process_goes_on_where_one_was_killed(tmp_path: Path) -> None:
    first = Spool(tmp_path, 1 << 20)
    first.append([b"one", b"two"])
    assert first.take(1)[0] == [b"one"]
    with next(tmp_path.iterdir()).open("ab") as file:
        file.write(frame(b"torn")[:-2])
    second = Spool(tmp_path, 1 << 20)
    second.append([b"three"])
    assert drained(second) == [b"one", b"two", b"three"], "what was taken and not dropped comes again"


def test_a_full_spool_takes_what_fits_and_more_when_there_is_room(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 40)
    assert spool.append([b"x" * 20, b"y" * 20]) == 1
    assert spool.append([b"y" * 20]) == 0
    payloads, mark = spool.take()
    assert payloads == [b"x" * 20] and isinstance(mark, Mark)
    spool.drop(mark)
    assert spool.append([b"y" * 20]) == 1
