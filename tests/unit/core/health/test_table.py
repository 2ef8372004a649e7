"""The table of kinds is what the documentation shows, and no shape of object makes a rule raise."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trueup.core.health import HealthStatus, assess, explain, judged, kstatus, rollout_evidence, trouble
from trueup.core.health.kstatus import KSTATUS_RULES
from trueup.core.health.table import BY_CONDITIONS, RULES, SILENT

DOCS = Path(__file__).parents[4] / "docs" / "health.md"

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)

KEYS = st.sampled_from(
    """status spec metadata type reason message conditions replicas updatedReplicas observedGeneration generation phase
    loadBalancer ingress containerStatuses initContainerStatuses state lastState waiting terminated exitCode name
    restartCount ownerReferences labels annotations finalizers deletionTimestamp updateStrategy rollingUpdate partition
    suspend lastScheduleTime lastSuccessfulTime active health operationState controller uid restartPolicy image
    pod-template-hash deployment.kubernetes.io/revision autoscaling.alpha.kubernetes.io/conditions""".split()  # noqa: SIM905
)
WORDS = st.sampled_from(
    """True False Unknown Ready Stalled Reconciling Failed Complete Running Pending Bound CrashLoopBackOff ErrImagePull
    LoadBalancer OnDelete AbleToScale 2026-01-01T00:00:00Z [[ ²""".split()  # noqa: SIM905
)
HOSTILE = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 5) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=25,
)
KINDS = st.sampled_from(sorted({*RULES, *KSTATUS_RULES, ("example.org", "Widget")}))


def test_the_documented_table_is_the_table_of_the_code() -> None:
    documented: dict[tuple[str, str], str] = {}
    for line in DOCS.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 5 and cells[0] != "group" and not cells[0].startswith("-"):
            documented[("" if cells[0] == "(core)" else cells[0], cells[1])] = cells[4]
    assert documented == {key: "no" if key in SILENT else "yes" for key in RULES}


def test_argo_cd_shows_a_health_only_for_kinds_that_it_judges() -> None:
    assert judged("apps", "Deployment")
    assert judged("cert-manager.io", "Certificate")
    assert judged("s3.aws.upbound.io", "Bucket")
    for group, kind in (("", "ConfigMap"), ("", "Secret"), ("", "Namespace"), ("argoproj.io", "Application")):
        assert not judged(group, kind)
    assert not judged("apps", "Service"), "a kind is one of its group"


def test_no_kind_is_listed_twice() -> None:
    assert set(RULES) >= SILENT
    assert not set(RULES) & BY_CONDITIONS


@given(KINDS, st.dictionaries(KEYS, HOSTILE, max_size=4), st.lists(st.dictionaries(KEYS, HOSTILE), max_size=2))
@settings(max_examples=400, deadline=None)
def test_no_shape_makes_a_rule_raise(
    kind: tuple[str, str], parts: dict[str, Any], others: list[dict[str, Any]]
) -> None:
    obj = {**parts, "apiVersion": f"{kind[0]}/v1" if kind[0] else "v1", "kind": kind[1]}
    assert isinstance(assess(obj).status, HealthStatus)
    assert kstatus(obj).status
    assert kstatus(obj).health.status in HealthStatus
    one = trouble(obj)
    rollout_evidence(obj, others, others)
    assert explain(obj, [one] if one else [], others).startswith(assess(obj).status.value)


@given(st.dictionaries(st.text(max_size=5) | KEYS, JSON, max_size=5))
@settings(deadline=None)
def test_anything_that_is_json_gets_a_verdict(obj: dict[str, Any]) -> None:
    assert isinstance(assess(obj).status, HealthStatus)
    assert kstatus(obj).status


@pytest.mark.parametrize("kind", sorted(RULES))
def test_an_object_on_its_way_out_progresses_whatever_its_kind(kind: tuple[str, str]) -> None:
    metadata = {"name": "x", "deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["example.org/guard"]}
    health = assess({"apiVersion": f"{kind[0]}/v1", "kind": kind[1], "metadata": metadata})
    assert health.status is HealthStatus.PROGRESSING
    assert "example.org/guard" in health.message
