"""Whether a controller works on what is asked about, as its lease tells."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from trueup.kube.client import KubeClient
from trueup.kube.errors import KubeError
from trueup.kube.lease import HISTORY, LEASES

NAMESPACE, NAME = "trueup-system", "trueup-controller"
LATE = 45.0
"""Seconds beyond a lease's duration after which nobody renews it: clocks of two machines may differ by some."""


async def absent_controller(client: KubeClient) -> str:
    """Say that no controller works, and since when; empty where one does, or where that may not be read."""
    try:
        found = await client.find(LEASES, NAME, NAMESPACE)
        body = found.body if found is not None else await _elsewhere(client)
    except KubeError:
        return ""
    if body is None:
        return "no controller has worked on this cluster yet: start one with `trueup run`"
    return lapsed(body.get("spec") or {}, datetime.now(UTC))


async def history_place(client: KubeClient) -> str:
    """Say where the cluster's controller keeps the history; empty where nobody says. Raises `KubeError`."""
    found = await client.find(LEASES, NAME, NAMESPACE)
    body = found.body if found is not None else await _elsewhere(client)
    annotations = ((body or {}).get("metadata") or {}).get("annotations") or {}
    return str(annotations.get(HISTORY) or "")


async def _elsewhere(client: KubeClient) -> dict[str, Any] | None:
    """Find the lease of a controller that keeps it in a namespace of its own choice. Raises `KubeError`."""
    listed = await client.list_all(LEASES, selectors={"fieldSelector": f"metadata.name={NAME}"})
    return next(iter(listed.items), None)


def lapsed(lease: dict[str, Any], now: datetime) -> str:
    """Say that nobody holds a lease (its spec) any more; empty where somebody does."""
    renewed = str(lease.get("renewTime") or "")
    try:
        when = datetime.fromisoformat(renewed)
    except ValueError:
        return ""
    shown = when.strftime("%Y-%m-%d %H:%M:%S UTC")
    if not lease.get("holderIdentity"):
        return f"no controller works: the last one was stopped at {shown}; start one with `trueup run`"
    if (now - when).total_seconds() > float(lease.get("leaseDurationSeconds") or 15) + LATE:
        return (
            f"no controller works: {lease['holderIdentity']} renewed its lease last at {shown}; see its log, or start "
            "one with `trueup run`"
        )
    return ""
