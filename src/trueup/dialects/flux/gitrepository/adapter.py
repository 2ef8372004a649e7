"""All that is known of Flux' `GitRepository`."""

from __future__ import annotations

from trueup.core.model.dialect import Role, WatchedKind
from trueup.dialects.crds.definitions import AGE, READY, STATUS, Definition, column
from trueup.dialects.crds.schema import schema_of
from trueup.dialects.flux.definitions import FluxNames, flux_definition
from trueup.dialects.flux.gitrepository import types as repository
from trueup.dialects.flux.gitrepository.translate import repository_status, translate_repository
from trueup.dialects.flux.source_adapter import source_adapter

SHORT = ("gitrepo",)
PLURAL = "gitrepositories"


def _definition() -> Definition:
    words = "GitRepository is the Schema for the gitrepositories API."
    names = FluxNames(repository.GROUP, repository.KIND, PLURAL, repository.VERSIONS, words, SHORT)
    return flux_definition(names, schema_of(repository.Spec), [column("URL", ".spec.url"), AGE, READY, STATUS])


ADAPTER = source_adapter(
    WatchedKind(repository.GROUP, repository.KIND, PLURAL, repository.VERSIONS, Role.SOURCE),
    _definition,
    translate_repository,
    repository_status,
    SHORT,
)
