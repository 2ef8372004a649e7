"""What a dialect is to the engine: kinds to watch, translation to units, status back.

The engine holds a list of `Dialect`s and knows none of their names. Every method is pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from trueup.core.model.objects import Body, ObjectOptions, ObjectRef
from trueup.core.model.reports import SourceReport, StatusWrite, UnitReport
from trueup.core.model.unit import ReturnPolicy, SourceDeclaration, Unit
from trueup.core.plugins import NO_PLUGINS, KnownPlugins


class Role(StrEnum):
    """What objects of a kind are to the engine."""

    UNIT = "unit"
    SOURCE = "source"
    PROJECT = "project"
    """Rules for units; known to the dialect alone."""

    OTHER = "other"
    """Neither: a controller of its own works on it."""


class WatchedKind(msgspec.Struct, frozen=True):
    """A kind of a dialect. `versions` has all that are understood, the preferred first.

    `by_status`: another controller says in an object's status what it asks for. `reads` are kinds of the same dialect
    (group and kind) whose objects, in the same namespace, its translation reads.
    """

    group: str
    kind: str
    plural: str
    versions: tuple[str, ...]
    role: Role
    by_status: bool = False
    reads: tuple[tuple[str, str], ...] = ()


class Context(msgspec.Struct, frozen=True):
    """What translation depends on besides the object itself.

    `projects` are the objects of role PROJECT, by (namespace, name), and `configuration` is the data of `argocd-cm`.
    `home` is the namespace whose objects may stand for the whole installation. `poll` and `jitter` are the seconds
    between polls of sources that set no interval of their own. `cross_namespace`: objects may refer to sources and
    units in other namespaces. `default_service_account` is the service account used when a unit names none. `age_keys`
    is the Secret (namespace, name) with age identities for units that decrypt and name no keys. `returns` is the
    rollback policy of units that name none, `taken_over` that of those which another controller delivered before.
    `proven`: the API server admits no request in another person's name. `plugins` are the config management plugins.
    `others` are the objects of kinds that some kind reads, as they are now.
    """

    projects: Mapping[tuple[str, str], Body] = {}
    configuration: Mapping[str, str] = {}
    home: str = "argocd"
    poll: float = 120.0
    jitter: float = 60.0
    cross_namespace: bool = True
    default_service_account: str = ""
    age_keys: tuple[str, str] | None = None
    returns: ReturnPolicy = ReturnPolicy.AUTO
    taken_over: ReturnPolicy = ReturnPolicy.REPORT
    proven: bool = False
    plugins: KnownPlugins = NO_PLUGINS
    others: Mapping[ObjectRef, Body] = {}


class Translated(msgspec.Struct, frozen=True):
    """What an object says: a unit (also one that has problems), sources, both, or (a project) neither."""

    unit: Unit | None = None
    sources: tuple[SourceDeclaration, ...] = ()


class Dialect(Protocol):
    """One family of user manifests."""

    @property
    def name(self) -> str:
        """Its name, for people."""
        ...

    @property
    def kinds(self) -> tuple[WatchedKind, ...]:
        """The kinds it understands."""
        ...

    def translate(self, body: Body, context: Context) -> Translated:
        """Translate one object of these kinds. Never raises: what is wrong in it becomes a problem of the unit."""
        ...

    def options(self, body: Body) -> ObjectOptions:
        """Read a delivered object's own wishes from its labels and annotations."""
        ...

    def owner(self, body: Body) -> ObjectRef | None:
        """Say which unit of this dialect the marks of an object (or its metadata alone) name as its owner."""
        ...

    def unit_status(self, body: Body, report: UnitReport, now: datetime) -> StatusWrite | None:
        """Write the status of a unit's object; `None` when it already says the same."""
        ...

    def source_status(self, body: Body, report: SourceReport, now: datetime) -> StatusWrite | None:
        """Write the status of a source's object; `None` when it already says the same, or shows none."""
        ...

    def ready(self, body: Body) -> bool:
        """Say whether a unit's object tells that it is ready and has observed its own generation."""
        ...


def annotations_of(body: Mapping[str, Any]) -> dict[str, str]:
    """Give an object's annotations, leaving out what is no text."""
    return _texts(body, "annotations")


def labels_of(body: Mapping[str, Any]) -> dict[str, str]:
    """Give an object's labels, leaving out what is no text."""
    return _texts(body, "labels")


def _texts(body: Mapping[str, Any], field: str) -> dict[str, str]:
    metadata = body.get("metadata")
    found = metadata.get(field) if isinstance(metadata, Mapping) else None
    if not isinstance(found, Mapping):
        return {}
    return {key: value for key, value in found.items() if isinstance(key, str) and isinstance(value, str)}
