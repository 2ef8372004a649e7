"""A sync is good when everything is healthy, sick on proof or at the timeout, and pending until then."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.core.health import Health, HealthStatus, Proof
from trueup.core.health.timeline import STATES_KEPT, Timeline
from trueup.core.health.verdict import CONFIRM, JOB_PATIENCE, LIKELY_AFTER, Clock, Outcome, Verdict, judge
from trueup.core.model.live import Live, Presence
from trueup.core.model.objects import ObjectRef

STARTED, TIMEOUT = 100.0, 60.0
REFS = [ObjectRef("apps", "Deployment", "shop", f"web-{n}") for n in range(4)]
STATES = st.sampled_from([*HealthStatus, Presence.ABSENT, Presence.UNKNOWN])


def live(ref: ObjectRef, status: HealthStatus, message: str = "", proof: Proof = Proof.CERTAIN) -> Live:
    return Live(ref, "uid", "1", "", Health(status, message, proof))


def verdict(
    states: dict[ObjectRef, HealthStatus | Presence], now: float, since: float | None = None, message: str = ""
) -> Verdict:
    """Judge objects of these states; `since` is when the degraded ones became so."""

    def seen(ref: ObjectRef) -> Live | Presence:
        state = states[ref]
        return state if isinstance(state, Presence) else live(ref, state, message)

    timeline = Timeline()
    for ref in states:
        timeline.see(ref, seen(ref), now if since is None else since)
    return judge(states, seen, timeline, Clock(now, STARTED, TIMEOUT))


class Watched:
    """Objects that are seen again and again during one sync."""

    def __init__(self, timeout: float = 300.0, before: dict[ObjectRef, str] | None = None) -> None:
        self.now = STARTED
        self.timeout = timeout
        self.before = before or {}
        self.timeline = Timeline()
        self.lives: dict[ObjectRef, Live | Presence] = {}

    def after(self, seconds: float, *lives: Live) -> Verdict:
        """Let time pass, then have some objects change; gives the verdict."""
        self.now += seconds
        self.lives.update({one.ref: one for one in lives})
        for ref, seen in self.lives.items():
            self.timeline.see(ref, seen, self.now)
        return judge(
            self.lives, self.lives.__getitem__, self.timeline, Clock(self.now, STARTED, self.timeout), self.before
        )


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


PROGRESSING, DEGRADED, HEALTHY = HealthStatus.PROGRESSING, HealthStatus.DEGRADED, HealthStatus.HEALTHY
WEB, DATABASE = REFS[0], REFS[1]


def test_a_rollout_that_comes_further_is_left_alone_however_long_it_takes() -> None:
    watched = Watched()
    watched.after(0, live(WEB, PROGRESSING, "0 of 100"))
    for number in range(1, 100):
        assert watched.after(250, live(WEB, PROGRESSING, f"{number} of 100")).outcome is Outcome.PENDING
    stuck = watched.after(301)
    assert (stuck.outcome, stuck.timed_out) == (Outcome.SICK, True)


def test_going_back_and_forth_is_no_progress() -> None:
    watched = Watched()
    outcomes = [watched.after(100, live(WEB, PROGRESSING, f"{number % 2} of 2")).outcome for number in range(6)]
    assert outcomes[-1] is Outcome.SICK
    endless = Watched()
    for number in range(STATES_KEPT + 10):
        last = endless.after(299, live(WEB, PROGRESSING, f"moment {number}"))
    assert last.outcome is Outcome.SICK


def test_each_wave_has_its_own_clock() -> None:
    watched = Watched()
    watched.after(0, live(WEB, PROGRESSING), live(DATABASE, PROGRESSING))
    watched.after(290, live(DATABASE, HEALTHY))
    assert watched.after(290).outcome is Outcome.PENDING
    assert watched.after(11).outcome is Outcome.SICK


def test_a_crash_loop_of_a_change_that_is_ready_otherwise_counts_soon() -> None:
    watched = Watched()
    watched.after(0, live(WEB, PROGRESSING), live(DATABASE, HEALTHY))
    watched.after(10, live(WEB, DEGRADED, "crash-loops", Proof.CRASHING))
    assert watched.after(CONFIRM).outcome is Outcome.SICK


def test_a_crash_loop_waits_for_what_it_may_need() -> None:
    watched = Watched()
    watched.after(0, live(WEB, PROGRESSING), live(DATABASE, PROGRESSING))
    assert watched.after(10, live(WEB, DEGRADED, "crash-loops", Proof.CRASHING)).outcome is Outcome.PENDING
    assert watched.after(100).outcome is Outcome.PENDING, "the database still starts"
    assert watched.after(1, live(DATABASE, HEALTHY)).outcome is Outcome.PENDING
    assert watched.after(LIKELY_AFTER - 1).outcome is Outcome.PENDING, "it is started again after a pause"
    assert watched.after(1).outcome is Outcome.SICK


def test_two_that_crash_do_not_wait_for_each_other() -> None:
    watched = Watched()
    watched.after(0, live(WEB, PROGRESSING), live(DATABASE, PROGRESSING))
    watched.after(10, live(WEB, DEGRADED, "a", Proof.CRASHING), live(DATABASE, DEGRADED, "b", Proof.CRASHING))
    assert watched.after(CONFIRM).outcome is Outcome.SICK


def test_a_pod_that_crashes_while_its_rollout_goes_on_takes_nothing_back() -> None:
    def rolling(number: int) -> Live:
        health = Health(DEGRADED, "pod web-3 crash-loops", Proof.CRASHING)
        return Live(WEB, "uid", "1", "", health, progress=f"{number} of 10")

    watched = Watched()
    for number in range(10):
        assert watched.after(2, rolling(number)).outcome is Outcome.PENDING
    assert watched.after(CONFIRM).outcome is Outcome.SICK


@pytest.mark.parametrize("status", [PROGRESSING, DEGRADED])
def test_likely_trouble_counts_after_a_minute(status: HealthStatus) -> None:
    watched = Watched()
    watched.after(0, live(WEB, PROGRESSING))
    watched.after(5, live(WEB, status, "cannot pull its image", Proof.LIKELY))
    assert watched.after(LIKELY_AFTER - 1).outcome is Outcome.PENDING
    assert watched.after(1).outcome is Outcome.SICK
    passing = Watched()
    passing.after(5, live(WEB, status, "cannot pull its image", Proof.LIKELY))
    passing.after(30, live(WEB, PROGRESSING, "starts"))
    passing.after(10, live(WEB, status, "cannot pull its image", Proof.LIKELY))
    assert passing.after(LIKELY_AFTER - 1).outcome is Outcome.PENDING, "each time anew"


def test_an_operators_failure_may_pass() -> None:
    secret = ObjectRef("external-secrets.io", "ExternalSecret", "shop", "db")
    watched = Watched()
    watched.after(0, live(secret, DEGRADED, "not synced yet"))
    assert watched.after(LIKELY_AFTER - 1).outcome is Outcome.PENDING
    assert watched.after(1, live(secret, HEALTHY)).outcome is Outcome.GOOD


@pytest.mark.parametrize(
    ("group", "kind"),
    [("batch", "CronJob"), ("autoscaling", "HorizontalPodAutoscaler"), ("policy", "PodDisruptionBudget")],
)
def test_what_tells_of_its_surroundings_judges_no_change(group: str, kind: str) -> None:
    ref = ObjectRef(group, kind, "shop", "x")
    watched = Watched()
    watched.after(0, live(ref, DEGRADED, "its last run failed"))
    assert watched.after(600).outcome is Outcome.GOOD


def test_what_was_so_before_proves_nothing() -> None:
    watched = Watched(before={WEB: "past its deadline"})
    watched.after(0, live(WEB, DEGRADED, "past its deadline"))
    assert watched.after(100).outcome is Outcome.PENDING
    late = watched.after(300)
    assert late.outcome is Outcome.SICK and late.timed_out and late.sick[0].before
    other = Watched(before={WEB: "past its deadline"})
    other.after(0, live(WEB, DEGRADED, "pods cannot be created"))
    found = other.after(CONFIRM)
    assert found.outcome is Outcome.SICK and not found.sick[0].before


def test_a_job_that_runs_stops_the_clock() -> None:
    job = ObjectRef("batch", "Job", "shop", "migrate")
    watched = Watched()
    watched.after(0, live(job, PROGRESSING, "it has not ended yet"))
    assert watched.after(3000).outcome is Outcome.PENDING
    failed = Watched()
    failed.after(0, live(job, PROGRESSING))
    failed.after(1000, live(job, DEGRADED, "past its deadline"))
    assert failed.after(CONFIRM).outcome is Outcome.SICK
    assert watched.after(JOB_PATIENCE - 3000).outcome is Outcome.SICK


@given(st.fixed_dictionaries(dict.fromkeys(REFS, STATES)), st.floats(0, 500), st.none() | st.floats(0, 500))
def test_in_any_state(states: dict[ObjectRef, HealthStatus | Presence], later: float, since: float | None) -> None:
    now = STARTED + later
    found = verdict(states, now, None if since is None else min(since, now))
    ill = {ref for ref, state in states.items() if state not in (HealthStatus.HEALTHY, HealthStatus.SUSPENDED)}
    assert (found.outcome is Outcome.GOOD) == (not ill)
    assert {item.ref for item in found.sick} <= ill
    if found.outcome is Outcome.PENDING:
        assert found.again_at >= now
        assert later < TIMEOUT or {states[ref] for ref in ill} == {Presence.UNKNOWN}
    if found.outcome is Outcome.SICK:
        assert all(states[item.ref] is not Presence.UNKNOWN for item in found.sick)
