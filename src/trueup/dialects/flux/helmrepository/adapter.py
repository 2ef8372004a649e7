"""All that is known of Flux' `HelmRepository`."""

from __future__ import annotations

from trueup.core.model.dialect import Role, WatchedKind
from trueup.dialects.adapter import KindAdapter
from trueup.dialects.crds.definitions import AGE, READY, STATUS, Definition, column
from trueup.dialects.crds.schema import schema_of
from trueup.dialects.flux.definitions import FluxNames, flux_definition
from trueup.dialects.flux.helmrepository import types as repository
from trueup.dialects.flux.helmrepository.translate import helm_repository_status, translate_helm_repository
from trueup.dialects.flux.metrics import flux_source_observed, flux_source_series
from trueup.dialects.flux.object_events import repository_events
from trueup.dialects.flux.requests import FluxRequests

SHORT = ("helmrepo",)
PLURAL = "helmrepositories"


def _definition() -> Definition:
    words = "HelmRepository is the Schema for the helmrepositories API."
    names = FluxNames(repository.GROUP, repository.KIND, PLURAL, repository.VERSIONS, words, SHORT)
    return flux_definition(names, schema_of(repository.Spec), [column("URL", ".spec.url"), AGE, READY, STATUS])


ADAPTER = KindAdapter(
    kind=WatchedKind(repository.GROUP, repository.KIND, PLURAL, repository.VERSIONS, Role.SOURCE),
    definition=_definition,
    short=SHORT,
    translate=translate_helm_repository,
    source_status=helm_repository_status,
    requests=FluxRequests(),
    source_series=flux_source_series,
    source_observed=flux_source_observed,
    events=repository_events,
)
