"""A dialect that is made of kind adapters: what all dialects share."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Protocol

import msgspec

from trueup.core.model import dialect
from trueup.core.model.dialect import Context, Role, Translated, WatchedKind
from trueup.core.model.objects import Body, ObjectOptions, ObjectRef
from trueup.core.model.reports import SourceReport, StatusWrite, UnitReport
from trueup.dialects.adapter import KindAdapter


class Dialect(dialect.Dialect, Protocol):
    """A dialect, and what it knows of its kinds."""

    @property
    def adapters(self) -> tuple[KindAdapter, ...]:
        """What is known of each kind."""
        ...


class Family(msgspec.Struct, frozen=True):
    """Implements `Dialect` by its `adapters`; options and owners of delivered objects are the dialect's own.

    `home` is Argo CD's namespace.
    """

    home: str = "argocd"

    name: ClassVar[str] = ""
    adapters: ClassVar[tuple[KindAdapter, ...]] = ()

    @property
    def kinds(self) -> tuple[WatchedKind, ...]:
        """The kinds that are watched to know units and sources."""
        return tuple(one.kind for one in self.adapters if one.kind.role is not Role.OTHER)

    def adapter(self, body: Body) -> KindAdapter | None:
        """Give the adapter of an object's kind."""
        return next((one for one in self.adapters if one.kind.kind == body.get("kind")), None)

    def translate(self, body: Body, context: Context) -> Translated:
        """Translate an object."""
        found = self.adapter(body)
        return found.translate(body, context) if found is not None else Translated()

    def options(self, body: Body) -> ObjectOptions:
        """Read nothing: delivered objects have no wishes of their own."""
        return ObjectOptions()

    def owner(self, body: Body) -> ObjectRef | None:
        """Know no owner."""
        return None

    def unit_status(self, body: Body, report: UnitReport, now: datetime) -> StatusWrite | None:
        """Write the status of a unit's object."""
        found = self.adapter(body)
        return found.unit_status(body, report, now, self.home) if found and found.unit_status else None

    def source_status(self, body: Body, report: SourceReport, now: datetime) -> StatusWrite | None:
        """Write the status of a source's object."""
        found = self.adapter(body)
        return found.source_status(body, report, now) if found and found.source_status else None

    def ready(self, body: Body) -> bool:
        """Say whether a unit's object tells that it is ready and has observed its own generation."""
        found = self.adapter(body)
        return found is not None and found.ready(body)
