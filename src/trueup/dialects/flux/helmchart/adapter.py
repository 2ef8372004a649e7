"""All that is known of Flux' `HelmChart`."""

from __future__ import annotations

from trueup.core.model.dialect import Role, WatchedKind
from trueup.dialects.adapter import KindAdapter
from trueup.dialects.crds.definitions import AGE, READY, STATUS, Definition, column
from trueup.dialects.crds.schema import schema_of
from trueup.dialects.flux.definitions import FluxNames, flux_definition
from trueup.dialects.flux.helmchart import types as chart
from trueup.dialects.flux.helmchart.status import chart_status
from trueup.dialects.flux.helmchart.translate import READ, translate_chart
from trueup.dialects.flux.metrics import flux_source_observed, flux_source_series
from trueup.dialects.flux.object_events import repository_events
from trueup.dialects.flux.requests import FluxRequests

SHORT = ("hc",)
PLURAL = "helmcharts"


def _definition() -> Definition:
    words = "HelmChart is the Schema for the helmcharts API."
    names = FluxNames(chart.GROUP, chart.KIND, PLURAL, chart.VERSIONS, words, SHORT)
    columns = [
        column("Chart", ".spec.chart"),
        column("Version", ".spec.version"),
        column("Source Kind", ".spec.sourceRef.kind"),
        column("Source Name", ".spec.sourceRef.name"),
        AGE,
        READY,
        STATUS,
    ]
    return flux_definition(names, schema_of(chart.Spec), columns)


ADAPTER = KindAdapter(
    kind=WatchedKind(chart.GROUP, chart.KIND, PLURAL, chart.VERSIONS, Role.SOURCE, reads=READ),
    definition=_definition,
    short=SHORT,
    translate=translate_chart,
    source_status=chart_status,
    requests=FluxRequests(),
    source_series=flux_source_series,
    source_observed=flux_source_observed,
    events=repository_events,
)
