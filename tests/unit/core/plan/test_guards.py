"""Each guard forbids what it is there for, lets everything else pass, and says what to do next."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.core.health import Health, HealthStatus
from trueup.core.model.live import Live, Presence
from trueup.core.model.objects import Desired, ObjectRef, PruneMode
from trueup.core.plan.guards import MASS_PRUNE_LEAST, apply_veto, mass_prune_veto, prune_veto
from trueup.core.plan.plan import Claim

OTHER = ObjectRef("argoproj.io", "Application", "argocd", "other")
ITEM = Desired.of({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "shop", "name": "web"}})
LIVE = Live(ITEM.ref, "uid", "1", "seal", Health(HealthStatus.HEALTHY))


@pytest.mark.parametrize("seen", [LIVE, Presence.ABSENT, Presence.UNKNOWN])
def test_an_object_nobody_else_wants_may_be_written(seen: Live | Presence) -> None:
    assert apply_veto(ITEM, seen, None, fail_on_shared=True) is None


@pytest.mark.parametrize(
    ("same", "first", "fail_on_shared", "forbidden"),
    [
        (False, True, False, True),
        (True, True, False, False),
        (False, False, False, False),
        (True, False, False, False),
        (True, False, True, True),
    ],
)
def test_a_shared_object(same: bool, first: bool, fail_on_shared: bool, forbidden: bool) -> None:
    veto = apply_veto(ITEM, LIVE, Claim(OTHER, same, first), fail_on_shared=fail_on_shared)
    assert (veto is not None) is forbidden
    if veto is not None:
        code = "shared-refused" if fail_on_shared else "owned-by-other"
        assert (veto.code, veto.other, veto.blocks, veto.retries) == (code, OTHER, True, False)
        assert str(OTHER) in veto.message


def test_an_object_on_its_way_out_is_awaited() -> None:
    veto = apply_veto(ITEM, msgspec.structs.replace(LIVE, deleting=True), None, fail_on_shared=False)
    assert veto is not None
    assert (veto.code, veto.blocks, veto.retries) == ("being-deleted", True, True)


@pytest.mark.parametrize(
    ("mode", "allowed", "held", "confirmed", "code"),
    [
        (PruneMode.ALLOW, True, "", False, None),
        (PruneMode.ALLOW, False, "", False, "prune-off"),
        (PruneMode.ALLOW, False, "", True, "prune-off"),
        (PruneMode.FORBID, True, "", True, "prune-forbidden"),
        (PruneMode.FORBID, False, "", False, "prune-forbidden"),
        (PruneMode.CONFIRM, True, "", False, "prune-confirm"),
        (PruneMode.CONFIRM, True, "", True, None),
        (PruneMode.ALLOW, True, "3 Pods of others", False, "prune-holds-data"),
        (PruneMode.ALLOW, True, "3 Pods of others", True, None),
    ],
)
def test_pruning_one_object(mode: PruneMode, allowed: bool, held: str, confirmed: bool, code: str | None) -> None:
    veto = prune_veto(msgspec.structs.replace(LIVE, prune=mode), allowed=allowed, held=held, confirmed=confirmed)
    assert (veto.code if veto else None) == code
    if veto is not None:
        assert str(ITEM.ref) in veto.message
        assert not veto.blocks, "an object that stays does not make the sync incomplete"
    if code == "prune-holds-data":
        assert veto is not None
        assert held in veto.message


def refs(count: int) -> list[ObjectRef]:
    return [ObjectRef("", "ConfigMap", "shop", str(n)) for n in range(count)]


@given(st.integers(1, 100), st.integers(0, 100), st.booleans())
def test_a_render_of_nothing_needs_leave(count: int, more: int, confirmed: bool) -> None:
    veto = mass_prune_veto(refs(count), owned=count + more, desired=0, allow_empty=False, confirmed=confirmed)
    assert (veto.code if veto else None) == (None if confirmed else "prune-empty")
    allowed = mass_prune_veto(refs(count), owned=count + more, desired=0, allow_empty=True, confirmed=False)
    assert allowed is None


@pytest.mark.parametrize(
    ("gone", "owned", "forbidden"),
    [
        (MASS_PRUNE_LEAST - 1, 20, False),
        (MASS_PRUNE_LEAST, 20, True),
        (80, 100, False),
        (81, 100, True),
        (0, 100, False),
    ],
)
def test_most_of_a_large_unit_needs_a_confirmation(gone: int, owned: int, forbidden: bool) -> None:
    veto = mass_prune_veto(refs(gone), owned=owned, desired=1, allow_empty=False, confirmed=False)
    assert (veto is not None) is forbidden
    if veto is not None:
        assert (veto.code, veto.blocks) == ("prune-mass", True)
        assert f"{gone} of {owned}" in veto.message
        assert mass_prune_veto(refs(gone), owned=owned, desired=1, allow_empty=False, confirmed=True) is None
