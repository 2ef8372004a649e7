"""What is kept of live objects beside their health: who owns them, and what tells early that a rollout fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from trueup.core.health import Health, kstatus
from trueup.core.health.decode import section, text, unobserved
from trueup.core.health.pod_failures import trouble
from trueup.core.health.table import RULES
from trueup.core.model.objects import Body, LiveOptions, ObjectRef, PruneMode
from trueup.kube.cache.record import Record

OwnerOf = Callable[[Body], ObjectRef | None]
OptionsOf = Callable[[Body], LiveOptions]

POD = ("", "Pod")
REPLICA_SET = ("apps", "ReplicaSet")
ROLLOUTS = frozenset({("apps", "Deployment"), ("apps", "StatefulSet"), ("apps", "DaemonSet"), REPLICA_SET})
"""Kinds whose pods give early proof that they will not become ready."""


def marks_of(owner_of: OwnerOf, live_options: OptionsOf) -> Callable[[Body], Mapping[str, str]]:
    """Give the function that keeps, of an object's marks, who owns it and its wishes for being pruned."""

    def marks(body: Body) -> Mapping[str, str]:
        found: dict[str, str] = {}
        owner = owner_of(body)
        if owner is not None:
            found["owner"] = "\n".join(owner)
        options = live_options(body)
        if options.prune is not PruneMode.ALLOW:
            found["prune"] = options.prune.value
        if options.delete is not PruneMode.ALLOW:
            found["delete"] = options.delete.value
        if options.left_alone:
            found["left-alone"] = "true"
        if options.wave:
            found["wave"] = str(options.wave)
        return found

    return marks


def _observed(body: Body) -> bool:
    return not unobserved(body)


def _revision_number(body: Body) -> int:
    number_text = text(section(section(body, "metadata"), "annotations"), "deployment.kubernetes.io/revision")
    return int(number_text) if number_text.isascii() and number_text.isdigit() and len(number_text) < 19 else 0


def _stateful_revision(body: Body) -> str | None:
    return None if unobserved(body) else text(section(body, "status"), "updateRevision")


class Extract(msgspec.Struct, frozen=True):
    """What is kept of an object whose kind has a rule: its health by kstatus, and what tells early of a failure.

    `hint` is, for workloads, what finds their newest revision; for pods their trouble; `None` for other kinds. `body`
    is the whole object, where users' expressions judge the kind; `reconciled` is `None` for a kind without a rule.
    """

    reconciled: Health | None
    hint: Any = None
    body: Body | None = None


def extract_of(record: Record) -> Extract | None:
    """Give what was kept of an object, `None` for a kind without a rule."""
    return record.extra if isinstance(record.extra, Extract) else None


def hint_of(record: Record) -> Any:
    """Give what tells early of a failure, as far as anything does."""
    extract = extract_of(record)
    return extract.hint if extract is not None else None


_HINTS: Mapping[tuple[str, str], Callable[[Body], Any]] = {
    POD: trouble,
    REPLICA_SET: _revision_number,
    ("apps", "Deployment"): _observed,
    ("apps", "DaemonSet"): _observed,
    ("apps", "StatefulSet"): _stateful_revision,
}


def _extract(hint: Callable[[Body], Any] | None) -> Callable[[Body], Extract]:
    def extract(body: Body) -> Extract:
        return Extract(kstatus(body).health, hint(body) if hint is not None else None)

    return extract


EXTRACTS: Mapping[tuple[str, str], Callable[[Body], Extract]] = {kind: _extract(_HINTS.get(kind)) for kind in RULES}


class Extracts(dict[tuple[str, str], Callable[[Body], Extract]]):
    """What is kept by kind, to which kinds are added whose whole objects are kept. Those read before are not."""

    def keep_bodies(self, kinds: frozenset[tuple[str, str]]) -> None:
        """From now on keep whole objects of these kinds."""
        for kind in kinds:
            if not isinstance(self.get(kind), _WithBody):
                self[kind] = _WithBody(self.get(kind))


class _WithBody:
    def __init__(self, inner: Callable[[Body], Extract] | None) -> None:
        self._inner = inner

    def __call__(self, body: Body) -> Extract:
        found = self._inner(body) if self._inner is not None else Extract(None)
        metadata = {key: value for key, value in section(body, "metadata").items() if key != "managedFields"}
        return msgspec.structs.replace(found, body={**body, "metadata": metadata})


def owner_from(marks: Mapping[str, str]) -> ObjectRef | None:
    """Read the owner that `marks_of` kept."""
    text = marks.get("owner")
    return ObjectRef(*text.split("\n")) if text else None
