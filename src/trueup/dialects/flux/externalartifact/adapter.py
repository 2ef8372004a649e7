"""All that is known of Flux' `ExternalArtifact`."""

from __future__ import annotations

from trueup.core.model.dialect import Role, WatchedKind
from trueup.dialects.adapter import KindAdapter
from trueup.dialects.crds.definitions import AGE, READY, STATUS, Definition, column
from trueup.dialects.crds.schema import schema_of
from trueup.dialects.flux.definitions import FluxNames, flux_definition
from trueup.dialects.flux.externalartifact import types as external
from trueup.dialects.flux.externalartifact.translate import translate_external
from trueup.dialects.flux.metrics import flux_source_observed, flux_source_series
from trueup.dialects.flux.object_events import repository_events

PLURAL = "externalartifacts"
SHORT = ("ea",)


def _definition() -> Definition:
    words = "ExternalArtifact is the Schema for the external artifacts API."
    names = FluxNames(external.GROUP, external.KIND, PLURAL, external.VERSIONS, words, SHORT)
    columns = [AGE, READY, STATUS, column("Source", ".spec.sourceRef.name")]
    return flux_definition(names, schema_of(external.Spec), columns)


ADAPTER = KindAdapter(
    kind=WatchedKind(external.GROUP, external.KIND, PLURAL, external.VERSIONS, Role.SOURCE, by_status=True),
    definition=_definition,
    short=SHORT,
    translate=translate_external,
    source_series=flux_source_series,
    source_observed=flux_source_observed,
    events=repository_events,
)
