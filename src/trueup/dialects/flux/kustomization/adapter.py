"""All that is known of Flux' `Kustomization`."""

from __future__ import annotations

from datetime import datetime

from trueup.core.model.dialect import Role, WatchedKind
from trueup.core.model.objects import Body
from trueup.core.model.reports import StatusWrite, UnitReport
from trueup.dialects.adapter import KindAdapter
from trueup.dialects.crds.definitions import AGE, READY, STATUS, Definition
from trueup.dialects.crds.schema import schema_of
from trueup.dialects.flux.definitions import FluxNames, flux_definition
from trueup.dialects.flux.kustomization import types as kustomization
from trueup.dialects.flux.kustomization.status import kustomization_ready, kustomization_status, reported_objects
from trueup.dialects.flux.kustomization.translate import translate_kustomization
from trueup.dialects.flux.metrics import flux_unit_observed, flux_unit_series
from trueup.dialects.flux.object_events import kustomization_events
from trueup.dialects.flux.requests import FluxRequests

SHORT = ("ks",)
PLURAL = "kustomizations"


def _definition() -> Definition:
    words = "Kustomization is the Schema for the kustomizations API."
    names = FluxNames(kustomization.GROUP, kustomization.KIND, PLURAL, kustomization.VERSIONS, words, SHORT)
    return flux_definition(names, schema_of(kustomization.Spec), [AGE, READY, STATUS])


def _status(body: Body, report: UnitReport, now: datetime, home: str) -> StatusWrite | None:
    return kustomization_status(body, report, now)


ADAPTER = KindAdapter(
    kind=WatchedKind(kustomization.GROUP, kustomization.KIND, PLURAL, kustomization.VERSIONS, Role.UNIT),
    definition=_definition,
    short=SHORT,
    translate=translate_kustomization,
    unit_status=_status,
    reported=reported_objects,
    ready=kustomization_ready,
    requests=FluxRequests(),
    unit_series=flux_unit_series,
    unit_observed=flux_unit_observed,
    events=kustomization_events,
)
