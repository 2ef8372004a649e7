"""How an Application stands by its status, and where it comes from: what tables show."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from trueup.core.health import HealthStatus
from trueup.core.model.dialect import annotations_of
from trueup.core.model.objects import ObjectRef
from trueup.core.redaction import hide_user
from trueup.dialects.adapter import Standing
from trueup.dialects.argo.application.translate import SKIP_RECONCILE
from trueup.dialects.decode import list_of, mapping_of, text_of
from trueup.dialects.sync_options import commit_of

OBJECTS_TOLD = 3
PINNED, SYNC_ERROR = "PinnedWarning", "SyncError"
_PINNED_TO = re.compile(r"pinned to (\S+(?:, \S+)*)")
_WORST_FIRST = (HealthStatus.DEGRADED, HealthStatus.MISSING, HealthStatus.UNKNOWN, HealthStatus.PROGRESSING)


def application_standing(body: Mapping[str, Any]) -> Standing:
    """Read how an Application stands. What is delivered by and by is neither ready nor not, as with other kinds."""
    status = mapping_of(body, "status")
    sync, health = mapping_of(status, "sync"), mapping_of(status, "health")
    conditions = [item for item in list_of(status, "conditions") if isinstance(item, Mapping)]
    said = _once(text_of(item, "message") for item in conditions)
    healthy, synced = text_of(health, "status"), text_of(sync, "status")
    good = synced == "Synced" and healthy in ("Healthy", "Suspended")
    failed = any(text_of(item, "type").endswith("Error") for item in conditions)
    on_its_way = synced == "Synced" and healthy == "Progressing" and not failed
    # What is not healthy comes first, unless a condition names it already.
    sick = [] if good else [text for text in _sick(status) if not any(text.partition(":")[0] in one for one in said)]
    words = [*sick, *said]
    return Standing(
        ready="True" if good else "Unknown" if on_its_way or not synced else "False",
        sync=synced,
        health=healthy,
        revision=_revision(status, conditions),
        message="; ".join(words) or _last_operation(status, good),
        suspended=annotations_of(body).get(SKIP_RECONCILE) == "true",
        notices=tuple(said) if good else (),
    )


def _once(texts: Iterable[str]) -> list[str]:
    """Give texts in their order, without those that another one holds."""
    listed = list(dict.fromkeys(filter(None, texts)))
    return [text for text in listed if not any(text in other for other in listed if other != text)]


def _sick(status: Mapping[str, Any]) -> list[str]:
    """Name the objects that are not healthy, the worst first."""
    found: list[tuple[int, str]] = []
    for item in list_of(status, "resources"):
        if not isinstance(item, Mapping):
            continue
        health = mapping_of(item, "health")
        word = text_of(health, "status")
        if word in _WORST_FIRST:
            name = "/".join(filter(None, (text_of(item, key) for key in ("kind", "namespace", "name"))))
            message = text_of(health, "message")
            text = f"{name}: {word.lower()}" + (f", {message}" if message else "")
            found.append((_WORST_FIRST.index(HealthStatus(word)), text))
    texts = [text for _, text in sorted(found, key=lambda one: one[0])]
    more = len(texts) - OBJECTS_TOLD
    return [*texts[:OBJECTS_TOLD], *([f"and {more} more objects"] if more > 0 else [])]


def _revision(status: Mapping[str, Any], conditions: Iterable[Mapping[str, Any]]) -> str:
    """Give the revision that is delivered: the pinned one, or the last that was, while Git's is refused.

    Those of several sources stand behind each other, each once.
    """
    types = {text_of(item, "type"): text_of(item, "message") for item in conditions}
    if (pinned := _PINNED_TO.match(types.get(PINNED, ""))) is not None:
        return ", ".join(map(commit_of, pinned[1].split(", ")))
    history = [item for item in list_of(status, "history") if isinstance(item, Mapping)]
    delivered = _commits(history[-1]) if history and SYNC_ERROR in types else ""
    return delivered or _commits(mapping_of(status, "sync"))


def _commits(holder: Mapping[str, Any]) -> str:
    several = [item for item in list_of(holder, "revisions") if isinstance(item, str)]
    return ", ".join(dict.fromkeys(several)) or text_of(holder, "revision")


def _last_operation(status: Mapping[str, Any], good: bool) -> str:
    operation = mapping_of(status, "operationState")
    phase = text_of(operation, "phase")
    # What an operation failed of says nothing once Git and the cluster agree again, nor that it succeeded before.
    return text_of(operation, "message") if good is (phase == "Succeeded") else ""


def application_origin(body: Mapping[str, Any], urls: Mapping[ObjectRef, str]) -> tuple[str, str]:
    """Read an Application's repositories and folders (or charts)."""
    spec = mapping_of(body, "spec")
    sources = [item for item in list_of(spec, "sources") if isinstance(item, Mapping)] or [mapping_of(spec, "source")]
    source = ", ".join(filter(None, (hide_user(text_of(item, "repoURL")) for item in sources)))
    return source, ", ".join(filter(None, (text_of(item, "path") or text_of(item, "chart") for item in sources)))
