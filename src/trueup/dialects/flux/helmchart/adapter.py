"""All that is known of Flux' `HelmChart`."""

from __future__ import annotations

from trueup.core.model.dialect import Role, WatchedKind
from trueup.dialects.crds.definitions import AGE, READY, STATUS, Definition, column
from trueup.dialects.crds.schema import schema_of
from trueup.dialects.flux.definitions import FluxNames, flux_definition
from trueup.dialects.flux.helmchart import types as chart
from trueup.dialects.flux.helmchart.status import chart_status
from trueup.dialects.flux.helmchart.translate import READ, translate_chart
from trueup.dialects.flux.source_adapter import source_adapter

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


ADAPTER = source_adapter(
    WatchedKind(chart.GROUP, chart.KIND, PLURAL, chart.VERSIONS, Role.SOURCE, reads=READ),
    _definition,
    translate_chart,
    chart_status,
    SHORT,
)
