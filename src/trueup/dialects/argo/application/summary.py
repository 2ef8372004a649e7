"""How an Application stands by its status, and where it comes from: what tables show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trueup.core.model.dialect import annotations_of
from trueup.core.model.objects import ObjectRef
from trueup.core.redaction import hide_user
from trueup.dialects.adapter import Standing
from trueup.dialects.argo.application.translate import SKIP_RECONCILE
from trueup.dialects.decode import list_of, mapping_of, text_of


def application_standing(body: Mapping[str, Any]) -> Standing:
    """Read how an Application stands."""
    status = mapping_of(body, "status")
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
        suspended=annotations_of(body).get(SKIP_RECONCILE) == "true",
    )


def application_origin(body: Mapping[str, Any], urls: Mapping[ObjectRef, str]) -> tuple[str, str]:
    """Read an Application's repositories and folders (or charts)."""
    spec = mapping_of(body, "spec")
    sources = [item for item in list_of(spec, "sources") if isinstance(item, Mapping)] or [mapping_of(spec, "source")]
    source = ", ".join(filter(None, (hide_user(text_of(item, "repoURL")) for item in sources)))
    return source, ", ".join(filter(None, (text_of(item, "path") or text_of(item, "chart") for item in sources)))
