"""All that is known of Flux' `OCIRepository`."""

from __future__ import annotations

from trueup.core.model.dialect import Role, WatchedKind
from trueup.dialects.crds.definitions import AGE, READY, STATUS, Definition, column
from trueup.dialects.crds.schema import schema_of
from trueup.dialects.flux.definitions import FluxNames, flux_definition
from trueup.dialects.flux.ocirepository import types as repository
from trueup.dialects.flux.ocirepository.translate import artifact_status, translate_artifact
from trueup.dialects.flux.source_adapter import source_adapter

SHORT = ("ocirepo",)
PLURAL = "ocirepositories"


def _definition() -> Definition:
    words = "OCIRepository is the Schema for the ocirepositories API."
    names = FluxNames(repository.GROUP, repository.KIND, PLURAL, repository.VERSIONS, words, SHORT)
    return flux_definition(names, schema_of(repository.Spec), [column("URL", ".spec.url"), READY, STATUS, AGE])


ADAPTER = source_adapter(
    WatchedKind(repository.GROUP, repository.KIND, PLURAL, repository.VERSIONS, Role.SOURCE),
    _definition,
    translate_artifact,
    artifact_status,
    SHORT,
)
