"""The sample of crash points: the same for the same commit, drawn from all, and all where all are asked for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from support.crash_points import SAMPLED, CrashPoint, crash_points, seed_of_the_commit


@given(st.integers(1, 60), st.text(max_size=40))
def test_a_sample_is_the_same_for_the_same_seed(writes: int, seed: str) -> None:
    everything = crash_points(writes, everything=True, seed=seed)
    assert everything[:2] == [CrashPoint("before", 1), CrashPoint("after", 1)] and len(everything) == 2 * writes
    sample = crash_points(writes, everything=False, seed=seed)
    assert sample == crash_points(writes, everything=False, seed=seed)
    assert len(sample) == len(set(sample)) == min(SAMPLED, 2 * writes) and set(sample) <= set(everything)
    assert CrashPoint("after", 1) in sample and CrashPoint("before", writes) in sample
    assert sample == sorted(sample, key=everything.index)


def test_every_crash_point_is_drawn_by_some_commit() -> None:
    drawn = {point for seed in range(200) for point in crash_points(12, everything=False, seed=str(seed))}
    assert drawn == set(crash_points(12, everything=True, seed=""))


def test_the_commit_is_the_seed() -> None:
    assert seed_of_the_commit() == seed_of_the_commit() != ""
