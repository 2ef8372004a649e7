"""A sync is good when everything is healthy, sick on proof or at the timeout, and pending until then."""

from hypothesis import given
from hypothesis import strategies as st

from trueup.core.health import Health, HealthStatus
from trueup.core.live import Live, Presence
from trueup.core.objects import ObjectRef
from trueup.core.verdict import CONFIRM, Outcome, Verdict, judge

STARTED, TIMEOUT = 100.0, 60.0
REFS = [ObjectRef("apps", "Deployment", "shop", f"web-{n}") for n in range(4)]
STATES = st.sampled_from([*HealthStatus, Presence.ABSENT, Presence.UNKNOWN])


def verdict(
    states: dict[ObjectRef, HealthStatus | Presence], now: float, since: float | None = None, message: str = ""
) -> Verdict:
    """Judge objects of these states; `since` is when the degraded ones became so."""

    def seen(ref: ObjectRef) -> Live | Presence:
        state = states[ref]
        return state if isinstance(state, Presence) else Live(ref, "uid", "1", "", Health(state, message))

    return judge(states, seen, lambda _: since, STARTED, TIMEOUT, now)


def one(state: HealthStatus | Presence, now: float, since: float | None = None) -> Verdict:
    return verdict({REFS[0]: state}, now, since)


def test_healthy_and_suspended_objects_are_good() -> None:
    assert verdict({REFS[0]: HealthStatus.HEALTHY, REFS[1]: HealthStatus.SUSPENDED}, STARTED).outcome is Outcome.GOOD
    assert verdict({}, STARTED).outcome is Outcome.GOOD


def test_what_progresses_is_awaited_until_the_timeout() -> None:
    waiting = one(HealthStatus.PROGRESSING, STARTED)
    assert (waiting.outcome, waiting.again_at) == (Outcome.PENDING, STARTED + TIMEOUT)
    over = one(HealthStatus.PROGRESSING, STARTED + TIMEOUT)
    assert (over.outcome, over.timed_out) == (Outcome.SICK, True)


def test_a_degraded_object_counts_only_when_it_stays_so() -> None:
    fresh = one(HealthStatus.DEGRADED, 110.0, since=109.0)
    assert (fresh.outcome, fresh.again_at) == (Outcome.PENDING, 109.0 + CONFIRM)
    stays = one(HealthStatus.DEGRADED, 109.0 + CONFIRM, since=109.0)
    assert (stays.outcome, stays.timed_out) == (Outcome.SICK, False)
    unmarked = one(HealthStatus.DEGRADED, 110.0)
    assert (unmarked.outcome, unmarked.again_at) == (Outcome.PENDING, 110.0 + CONFIRM)


def test_proof_of_failure_does_not_wait_for_the_rest() -> None:
    states: dict[ObjectRef, HealthStatus | Presence] = {
        REFS[0]: HealthStatus.DEGRADED,
        REFS[1]: HealthStatus.PROGRESSING,
        REFS[2]: Presence.UNKNOWN,
    }
    found = verdict(states, 110.0, since=100.0)
    assert found.outcome is Outcome.SICK
    assert [item.ref for item in found.sick] == [REFS[0]], "only what failed is blamed"


def test_a_cluster_that_cannot_be_read_makes_no_unit_sick() -> None:
    late = STARTED + 10 * TIMEOUT
    unread = one(Presence.UNKNOWN, late)
    assert unread.outcome is Outcome.PENDING
    assert unread.again_at > late
    assert "could not be read" in unread.message
    mixed = verdict({REFS[0]: Presence.UNKNOWN, REFS[1]: HealthStatus.PROGRESSING}, late)
    assert mixed.outcome is Outcome.SICK
    assert [item.ref for item in mixed.sick] == [REFS[1]]


def test_an_object_that_is_gone_makes_it_sick_at_the_timeout() -> None:
    assert one(Presence.ABSENT, STARTED).outcome is Outcome.PENDING
    over = one(Presence.ABSENT, STARTED + TIMEOUT)
    assert over.outcome is Outcome.SICK
    assert over.sick[0].health.status is HealthStatus.MISSING


def test_the_message_names_five_objects_and_counts_the_rest() -> None:
    refs = [ObjectRef("", "Pod", "shop", f"p{n}") for n in range(7)]
    words = verdict(dict.fromkeys(refs, HealthStatus.PROGRESSING), STARTED, message="waits").message
    assert words.startswith("Pod/shop/p0: progressing, waits; ")
    assert words.count("progressing") == 5
    assert words.endswith("; and 2 more")


@given(st.fixed_dictionaries(dict.fromkeys(REFS, STATES)), st.floats(0, 500), st.none() | st.floats(0, 500))
def test_in_any_state(states: dict[ObjectRef, HealthStatus | Presence], later: float, since: float | None) -> None:
    now = STARTED + later
    found = verdict(states, now, since)
    ill = {ref for ref, state in states.items() if state not in (HealthStatus.HEALTHY, HealthStatus.SUSPENDED)}
    assert (found.outcome is Outcome.GOOD) == (not ill)
    assert {item.ref for item in found.sick} <= ill
    if found.outcome is Outcome.PENDING:
        assert found.again_at >= now
        assert later < TIMEOUT or {states[ref] for ref in ill} == {Presence.UNKNOWN}
    if found.outcome is Outcome.SICK:
        assert all(states[item.ref] is not Presence.UNKNOWN for item in found.sick)
