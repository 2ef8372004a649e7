"""Healing is at once for the first times, and damped where somebody keeps changing an object back."""

from hypothesis import given
from hypothesis import strategies as st

from trueup.core.plan.heal_backoff import FREE_HEALS, LONGEST_PAUSE, WINDOW, HealLog


def fought(until: float) -> list[float]:
    """Heal an object as soon as may be, though somebody changes it back at once; give the times of the heals."""
    log, now, times = HealLog(), 0.0, []
    while now <= until:
        now += log.wait(now)
        log = log.healed(now)
        times.append(now)
        assert log.wait(now) > 0 or len(times) < FREE_HEALS
    return times


def test_the_first_heals_come_at_once_and_then_pauses_grow() -> None:
    times = fought(160)
    assert times[:FREE_HEALS] == [0.0] * FREE_HEALS
    pauses = [later - earlier for earlier, later in zip(times[FREE_HEALS - 1 :], times[FREE_HEALS:], strict=False)]
    assert pauses == sorted(pauses)
    assert pauses[0] >= 5


def test_a_fight_without_end_costs_few_writes() -> None:
    times = fought(10 * WINDOW)
    for start in times:
        assert sum(1 for time in times if start <= time < start + WINDOW) <= 10


def test_a_fight_is_told_and_forgotten_when_it_is_over() -> None:
    log = HealLog()
    for second in range(FREE_HEALS):
        assert not log.contested(float(second))
        log = log.healed(float(second))
    assert log.contested(float(FREE_HEALS))
    assert not log.contested(FREE_HEALS + WINDOW)
    assert log.wait(FREE_HEALS + WINDOW) == 0


@given(st.lists(st.floats(0, 1e6), max_size=50), st.floats(0, 1e6))
def test_a_pause_is_never_negative_nor_endless(times: list[float], now: float) -> None:
    log = HealLog()
    for time in sorted(times):
        log = log.healed(time)
    later = max([now, *times])
    assert 0 <= log.wait(later) <= LONGEST_PAUSE
    # A second more than the window: a sum of floats may be rounded down.
    assert len(log.healed(later + WINDOW + 1.0).times) == 1, "what is older than the window is forgotten"


def test_thousands_of_heals_do_not_overflow_the_pause() -> None:
    assert HealLog(tuple(1.0 for _ in range(5000))).wait(1.0) == LONGEST_PAUSE
