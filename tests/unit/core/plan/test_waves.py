"""What others need comes first: by phase, then wave, then rank of the kind."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.core.model.objects import Desired, ObjectOptions, ObjectRef, Phase
from trueup.core.plan.waves import Place, grouped, place_of, rank_of

PLACES = st.builds(Place, st.integers(0, 5), st.integers(-3, 3), st.integers(0, 4))


def desired(kind: str, api: str = "v1", wave: int = 0, phase: Phase = Phase.SYNC) -> Desired:
    body = {"apiVersion": api, "kind": kind, "metadata": {"name": kind.lower()}}
    return Desired.of(body, ObjectOptions(wave=wave, phase=phase))


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        (("", "Namespace"), ("", "ConfigMap")),
        (("apiextensions.k8s.io", "CustomResourceDefinition"), ("example.org", "Widget")),
        (("storage.k8s.io", "StorageClass"), ("", "PersistentVolumeClaim")),
        (("", "Secret"), ("apps", "Deployment")),
        (("", "ServiceAccount"), ("batch", "Job")),
        (("apps", "Deployment"), ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration")),
        (("apps", "Deployment"), ("apiregistration.k8s.io", "APIService")),
    ],
)
def test_ranks(earlier: tuple[str, str], later: tuple[str, str]) -> None:
    assert rank_of(ObjectRef(*earlier, "", "x")) < rank_of(ObjectRef(*later, "", "x"))


def test_a_kind_of_the_same_name_in_another_group_has_no_rank_of_its_own() -> None:
    assert rank_of(ObjectRef("example.org", "Namespace", "", "x")) == rank_of(ObjectRef("apps", "Deployment", "", "x"))


def test_phase_goes_before_wave_and_wave_before_kind() -> None:
    in_order = [
        desired("Job", "batch/v1", wave=5, phase=Phase.PRE_SYNC),
        desired("Deployment", "apps/v1", wave=-1),
        desired("Namespace"),
        desired("ConfigMap"),
        desired("Deployment", "apps/v1"),
        desired("Namespace", wave=1),
        desired("Job", "batch/v1", wave=-5, phase=Phase.POST_SYNC),
    ]
    places = [place_of(item) for item in in_order]
    assert places == sorted(places)
    assert len(set(places)) == len(places)


@given(st.lists(st.tuples(PLACES, st.integers())), st.booleans())
def test_grouping_keeps_everything_in_order(items: list[tuple[Place, int]], reverse: bool) -> None:
    groups = grouped(items, reverse=reverse)
    places = [place for place, _ in groups]
    assert places == sorted(set(places), reverse=reverse)
    for place, members in groups:
        assert list(members) == [item for at, item in items if at == place]
    assert sum(len(members) for _, members in groups) == len(items)
