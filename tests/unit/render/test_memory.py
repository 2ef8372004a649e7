"""What is remembered stays within its bound, and what was used longest ago goes first."""

from hypothesis import given
from hypothesis import strategies as st

from trueup.fairness import TENANT
from trueup.render.inputs import Proof
from trueup.render.memory import Known, Memory


def known(number: int, size: int) -> Known:
    return Known(Proof((), 0), f"inputs-{number}", {}, "directory", b"x" * size)


def test_what_was_used_longest_ago_goes_first() -> None:
    memory = Memory(10_000)
    for key in ("a", "b", "c"):
        memory.keep(key, known(0, 1000))
    assert memory.find("a", {}) is not None
    memory.keep("d", known(0, 1400))
    memory.keep("e", known(0, 1400))
    found = {key for key in "abcde" if memory.find(key, {})}
    assert found == {"a", "c", "d", "e"}


def test_the_same_inputs_are_kept_once() -> None:
    memory = Memory(100_000)
    for _ in range(3):
        memory.keep("a", known(1, 10))
    assert len(memory) == 1


def test_what_is_too_large_is_not_kept_at_the_cost_of_all_else() -> None:
    memory = Memory(10_000)
    memory.keep("a", known(0, 100))
    memory.keep("b", known(1, 9_000))
    assert memory.find("a", {}) is not None and memory.find("b", {}) is None


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 20), st.integers(0, 4000)), max_size=60))
def test_never_more_than_the_bound_and_never_miscounted(steps: list[tuple[int, int, int]]) -> None:
    memory = Memory(12_000)
    for key, number, size in steps:
        memory.keep(str(key), known(number, size))
        memory.find(str(number), {})
        kept = [one for used in memory._used.values() for _, one in used.values()]
        assert memory.bytes == sum(one.cost for one in kept) <= 12_000
        assert sorted(map(id, kept)) == sorted(id(one) for some in memory._by_recipe.values() for one in some)


def test_who_keeps_most_loses_first() -> None:
    """A thousand answers of one tenant push out its own, and none of another's."""
    memory = Memory(12_000)
    TENANT.set("quiet")
    memory.keep("mine", known(1, 100))
    TENANT.set("noisy")
    for number in range(1000):
        memory.keep(f"theirs-{number}", known(number, 100))
    TENANT.set("")
    assert "mine" in memory._by_recipe and "theirs-999" in memory._by_recipe and memory.bytes <= 12_000
