"""Simulated pods fare as the tags of their images say, and the real controllers draw their conclusions from that."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

Kubectl = Callable[..., str]


def deployment(name: str, tag: str) -> str:
    body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "main", "image": f"registry.example.com/app:{tag}"}]},
            },
        },
    }
    return json.dumps(body)


async def pod(kubectl: Kubectl, namespace: str, app: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Wait until a condition holds of the (only) pod of an app."""
    deadline = time.monotonic() + 120
    items: list[dict[str, Any]] = []
    while time.monotonic() < deadline:
        items = json.loads(
            await asyncio.to_thread(kubectl, "-n", namespace, "get", "pods", "-l", f"app={app}", "-o", "json")
        )["items"]
        if items and holds(items[0]):
            return items[0]
        await asyncio.sleep(0.2)
    raise AssertionError(items)


def container(body: dict[str, Any]) -> dict[str, Any]:
    found = body.get("status", {}).get("containerStatuses") or [{}]
    first: dict[str, Any] = found[0]
    return first


async def apply(kubectl: Kubectl, namespace: str, text: str) -> None:
    await asyncio.to_thread(kubectl, "-n", namespace, "apply", "-f", "-", stdin=text)


async def test_a_good_pod_is_ready_within_a_moment(kubectl: Kubectl, namespace: str) -> None:
    await apply(kubectl, namespace, deployment("good", "1.0"))
    await pod(kubectl, namespace, "good", lambda body: container(body).get("ready") is True)
    await asyncio.to_thread(kubectl, "-n", namespace, "rollout", "status", "deployment/good", "--timeout=10s")


async def test_a_broken_one_crash_loops(kubectl: Kubectl, namespace: str) -> None:
    await apply(kubectl, namespace, deployment("bad", "broken"))
    found = await pod(
        kubectl,
        namespace,
        "bad",
        lambda body: (container(body).get("state") or {}).get("waiting", {}).get("reason") == "CrashLoopBackOff",
    )
    assert container(found)["restartCount"] >= 1
    assert container(found)["lastState"]["terminated"]["exitCode"] == 1
    assert container(found)["ready"] is False and found["status"]["phase"] == "Running"


async def test_a_missing_one_is_never_pulled(kubectl: Kubectl, namespace: str) -> None:
    await apply(kubectl, namespace, deployment("absent", "missing"))
    found = await pod(
        kubectl,
        namespace,
        "absent",
        lambda body: (container(body).get("state") or {}).get("waiting", {}).get("reason") == "ImagePullBackOff",
    )
    assert found["status"]["phase"] == "Pending" and not container(found).get("ready")


async def test_a_slow_one_takes_ten_seconds(kubectl: Kubectl, namespace: str) -> None:
    await apply(kubectl, namespace, deployment("late", "slow"))
    await pod(kubectl, namespace, "late", lambda body: "running" in (container(body).get("state") or {}))
    began = time.monotonic()
    early = await pod(kubectl, namespace, "late", lambda body: True)
    assert container(early)["ready"] is False
    await pod(kubectl, namespace, "late", lambda body: container(body).get("ready") is True)
    assert 3 <= time.monotonic() - began <= 60


async def test_a_job_completes_and_addresses_and_volumes_are_given(kubectl: Kubectl, namespace: str) -> None:
    await apply(
        kubectl,
        namespace,
        """apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: 'job:1'}]}}}
---
apiVersion: v1
kind: Service
metadata: {name: balanced}
spec: {type: LoadBalancer, selector: {app: a}, ports: [{port: 80}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: door}
spec: {defaultBackend: {service: {name: balanced, port: {number: 80}}}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: claim}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
""",
    )
    waits = (
        ("--for=condition=Complete", "job/once"),
        ("--for=jsonpath={.status.loadBalancer.ingress[0].ip}", "service/balanced"),
        ("--for=jsonpath={.status.loadBalancer.ingress[0].ip}", "ingress/door"),
        ("--for=jsonpath={.status.phase}=Bound", "pvc/claim"),
    )
    for condition, what in waits:
        await asyncio.to_thread(kubectl, "-n", namespace, "wait", condition, what, "--timeout=20s")


async def test_a_rollout_to_a_broken_image_leaves_the_old_pods(kubectl: Kubectl, namespace: str) -> None:
    await apply(kubectl, namespace, deployment("rolled", "1.0"))
    await asyncio.to_thread(kubectl, "-n", namespace, "rollout", "status", "deployment/rolled", "--timeout=10s")
    await apply(kubectl, namespace, deployment("rolled", "broken"))
    await asyncio.sleep(3)
    found = json.loads(await asyncio.to_thread(kubectl, "-n", namespace, "get", "deployment", "rolled", "-o", "json"))
    assert found["status"]["availableReplicas"] == 1 and found["status"]["replicas"] == 2
