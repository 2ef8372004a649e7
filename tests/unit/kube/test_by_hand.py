"""What a live object tells of kubectl: whose edits count, and whose do not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from trueup.core.health import Health, HealthStatus
from trueup.core.model.objects import ObjectRef
from trueup.kube.cache.record import Reduction, reduce_object
from trueup.kube.resource import read_partial

OURS = {"manager": "kustomize-controller", "operation": "Apply", "apiVersion": "apps/v1"}


def by_hand(*entries: dict[str, Any]) -> bool:
    body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "managedFields": list(entries)},
    }
    reduction = Reduction(lambda body: Health(HealthStatus.HEALTHY), lambda body: {})
    ref = ObjectRef("apps", "Deployment", "shop", "web")
    return reduce_object(ref, body, read_partial(msgspec.json.encode(body)), "v1", reduction).by_hand


def entry(manager: str, operation: str = "Update", version: str = "apps/v1", **more: str) -> dict[str, Any]:
    return {"manager": manager, "operation": operation, "apiVersion": version, **more}


@pytest.mark.parametrize(
    ("other", "counts"),
    [
        (entry("kubectl-edit"), True),
        (entry("kubectl", "Apply"), True),
        (entry("kubectl-client-side-apply"), True),
        (entry("kubectl", subresource="scale"), False),
        (entry("kubectl-rollout"), False),
        (entry("kubectl-edit", version="apps/v1beta1"), False),
        (entry("kube-controller-manager"), False),
        (entry("helm"), False),
    ],
)
def test_edits_by_kubectl_count_where_they_can_be_undone(other: dict[str, Any], counts: bool) -> None:
    assert by_hand(OURS, other) is counts
    assert by_hand(other) is False, "nothing of ours is in it"
    assert by_hand(OURS) is False
