"""How a unit or source stands by its own status, in the same few words for both dialects: what a table shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from trueup.core.model.dialect import annotations_of
from trueup.dialects.decode import list_of, mapping_of, text_of


class Standing(msgspec.Struct, frozen=True):
    """`ready` is `True`, `False` or `Unknown`; `sync` and `health` are empty where the dialect has none."""

    ready: str
    sync: str = ""
    health: str = ""
    revision: str = ""
    message: str = ""
    suspended: bool = False
    handled: str = ""


def standing(body: Mapping[str, Any]) -> Standing:
    """Read an object's standing from its status; an object without one is not known yet."""
    status = mapping_of(body, "status")
    if body.get("kind") == "Application":
        return _application(body, status)
    ready: Mapping[str, Any] = next((item for item in list_of(status, "conditions") if _is(item, "Ready")), {})
    artifact = text_of(mapping_of(status, "artifact"), "revision")
    return Standing(
        ready=text_of(ready, "status") or "Unknown",
        revision=text_of(status, "lastAppliedRevision") or artifact,
        message=text_of(ready, "message"),
        suspended=mapping_of(body, "spec").get("suspend") is True,
        handled=text_of(status, "lastHandledReconcileAt"),
    )


def conditions_since(body: Mapping[str, Any]) -> str:
    """Say since when an object stands as it does (RFC 3339), as far as its status tells; empty where it does not."""
    status = mapping_of(body, "status")
    conditions = [item for item in list_of(status, "conditions") if isinstance(item, Mapping)]
    ready = [item for item in conditions if item.get("type") == "Ready"] or conditions
    times = [text_of(item, "lastTransitionTime") for item in ready]
    return max(times, default="") or text_of(mapping_of(status, "health"), "lastTransitionTime")


def _application(body: Mapping[str, Any], status: Mapping[str, Any]) -> Standing:
    sync, health = mapping_of(status, "sync"), mapping_of(status, "health")
    operation = mapping_of(status, "operationState")
    said = [text_of(item, "message") for item in list_of(status, "conditions") if isinstance(item, Mapping)]
    healthy = text_of(health, "status")
    synced = text_of(sync, "status")
    good = synced == "Synced" and healthy in ("Healthy", "Suspended")
    # What an operation failed of says nothing once Git and the cluster agree again.
    last = "" if good and text_of(operation, "phase") != "Succeeded" else text_of(operation, "message")
    return Standing(
        ready="True" if good else ("False" if synced else "Unknown"),
        sync=synced,
        health=healthy,
        revision=text_of(sync, "revision"),
        message="; ".join(filter(None, said)) or last,
        suspended=annotations_of(body).get("argocd.argoproj.io/skip-reconcile") == "true",
    )


def _is(item: object, kind: str) -> bool:
    return isinstance(item, Mapping) and item.get("type") == kind
