"""What Trueup knows of one kind of users' objects: a `KindAdapter`, in the kind's own folder.

A dialect is a list of them. Whatever a kind has no word for has a default here, so that a new one says only what is
its own. Everything is pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol, TypeAlias

import msgspec

from trueup.core.model.deployment_record import DeploymentRecord
from trueup.core.model.dialect import Context, Translated, WatchedKind
from trueup.core.model.events import Event
from trueup.core.model.metrics import Observed, Series
from trueup.core.model.objects import Body, InventoryEntry, ObjectRef
from trueup.core.model.reports import SourceReport, StatusWrite, UnitReport
from trueup.core.model.unit import SourceDeclaration, Unit
from trueup.core.notification.object_events import ObjectEvent
from trueup.dialects.crds.definitions import Definition
from trueup.dialects.decode import list_of, mapping_of, text_of

NOTICES = "trueup.dev/Notices"
"""The condition that names what the user should know and that changes nothing else."""


class Standing(msgspec.Struct, frozen=True):
    """How an object stands by its status. `ready` is `True`, `False` or `Unknown`; `sync` and `health` are empty where
    its kind has none. `notices` are what people should know beside the message, also where it is ready."""

    ready: str
    sync: str = ""
    health: str = ""
    revision: str = ""
    message: str = ""
    suspended: bool = False
    handled: str = ""
    notices: tuple[str, ...] = ()


class Answer(msgspec.Struct, frozen=True):
    """What came of a request: whether all is well, and in words."""

    good: bool
    message: str


class SyncWish(msgspec.Struct, frozen=True):
    """What somebody asks of a sync by hand. `fresh`: the source is asked anew before."""

    revision: str = ""
    prune: bool = False
    dry_run: bool = False
    fresh: bool = False


class CannotAsk(Exception):
    """A kind has no way to ask for this; the message says what, and `hint` what to do instead."""

    def __init__(self, message: str, hint: str) -> None:
        """Take both."""
        super().__init__(message)
        self.hint = hint


class KindRequests(Protocol):
    """How requests are written on objects of a kind, as merge patches, and how their answers are read.

    `field` is the top-level field that holds a request, empty where requests are annotations alone.
    """

    field: str

    def suspend(self, suspended: bool) -> Body:
        """Have an object left alone, or not any longer."""
        ...

    def reconcile(self, token: str) -> dict[str, str]:
        """Give the annotations that ask for an object's reconciliation."""
        ...

    def reconciled(self, body: Body, token: str) -> Answer | None:
        """Read what came of a reconciliation; `None` while nothing has."""
        ...

    def sync(self, body: Body, wish: SyncWish, user: str, token: str) -> Body:
        """Ask for a sync. Raises `CannotAsk`."""
        ...

    def synced(self, before: Body, body: Body, token: str) -> Answer | None:
        """Read what came of a sync that was asked for when the object was as `before`; `None` while nothing has."""
        ...


UnitStatus: TypeAlias = Callable[[Body, UnitReport, datetime, str], StatusWrite | None]
"""Writes the status of a unit's object; the last argument is Argo CD's namespace. `None`: it says the same already."""

SourceStatus: TypeAlias = Callable[[Body, SourceReport, datetime], StatusWrite | None]
UnitSeries: TypeAlias = Callable[[Unit, UnitReport, str, DeploymentRecord | None], Iterable[Series]]
"""Gives a unit's series, its source's URL given; with a record, what that sync adds to totals."""

SourceSeries: TypeAlias = Callable[[SourceDeclaration, SourceReport], Iterable[Series]]


def no_translation(body: Body, context: Context) -> Translated:
    """Translate to nothing: the kind is read by others of its dialect."""
    return Translated()


def standing_by_conditions(body: Mapping[str, Any]) -> Standing:
    """Read the condition `Ready`, and the fields that Flux' kinds have beside it."""
    status = mapping_of(body, "status")
    conditions = {text_of(item, "type"): item for item in list_of(status, "conditions") if isinstance(item, Mapping)}
    ready = conditions.get("Ready", {})
    # What is being done, and what is waited for, is told by another condition.
    doing = conditions.get("Reconciling", {}) if ready.get("status") == "Unknown" else {}
    notices = text_of(conditions.get(NOTICES, {}), "message")
    artifact = text_of(mapping_of(status, "artifact"), "revision")
    return Standing(
        ready=text_of(ready, "status") or "Unknown",
        revision=text_of(status, "lastAppliedRevision") or artifact,
        message=text_of(doing, "message") or text_of(ready, "message"),
        suspended=mapping_of(body, "spec").get("suspend") is True,
        handled=text_of(status, "lastHandledReconcileAt"),
        notices=(notices,) if notices else (),
    )


def origin_by_reference(body: Mapping[str, Any], urls: Mapping[ObjectRef, str]) -> tuple[str, str]:
    """Read where an object comes from: its own URL, or the source and chart it refers to; and the path in it."""
    spec = mapping_of(body, "spec")
    if url := text_of(spec, "url"):
        return url, ""
    chart = mapping_of(mapping_of(spec, "chart"), "spec")
    source = _referred(body, mapping_of(spec, "sourceRef") or mapping_of(chart, "sourceRef"), urls)
    return source, text_of(spec, "path") or text_of(chart, "chart")


def _referred(body: Mapping[str, Any], reference: Mapping[str, Any], urls: Mapping[ObjectRef, str]) -> str:
    kind, name = text_of(reference, "kind"), text_of(reference, "name")
    namespace = text_of(reference, "namespace") or text_of(mapping_of(body, "metadata"), "namespace")
    for ref, url in urls.items():
        if (ref.kind, ref.namespace, ref.name) == (kind, namespace, name):
            return url
    return f"{kind}/{namespace}/{name}" if name else ""


class KindAdapter(msgspec.Struct, frozen=True, kw_only=True):
    """One kind. `short` are upstream's short names, which commands take too; `definition` makes its CRD.

    `unit_status`, `source_status`, `ready`, `requests`, series and observations are for kinds that are units or
    sources; `events` says what is written as Kubernetes events on the object; `origin` gives URL and path, for tables;
    `reported` the objects that a unit's status names as delivered.
    """

    kind: WatchedKind
    definition: Callable[[], Definition]
    short: tuple[str, ...] = ()
    translate: Callable[[Body, Context], Translated] = no_translation
    unit_status: UnitStatus | None = None
    source_status: SourceStatus | None = None
    reported: Callable[[Body], Iterable[InventoryEntry]] = lambda body: ()
    ready: Callable[[Body], bool] = lambda body: standing_by_conditions(body).ready == "True"
    standing: Callable[[Mapping[str, Any]], Standing] = standing_by_conditions
    origin: Callable[[Mapping[str, Any], Mapping[ObjectRef, str]], tuple[str, str]] = origin_by_reference
    requests: KindRequests | None = None
    unit_series: UnitSeries = lambda unit, report, url, record: ()
    source_series: SourceSeries = lambda declaration, report: ()
    unit_observed: Callable[[Unit], Iterable[Observed]] = lambda unit: ()
    source_observed: Callable[[SourceDeclaration, bool], Iterable[Observed]] = lambda declaration, failed: ()
    events: Callable[[Event], Iterable[ObjectEvent]] = lambda event: ()
