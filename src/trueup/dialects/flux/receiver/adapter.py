"""All that is known of Flux' `Receiver`, which has a controller of its own."""

from __future__ import annotations

from trueup.core.model.dialect import Role, WatchedKind
from trueup.dialects.adapter import KindAdapter
from trueup.dialects.crds.definitions import AGE, READY, STATUS, Definition
from trueup.dialects.crds.schema import schema_of
from trueup.dialects.flux.definitions import FluxNames, flux_definition
from trueup.dialects.flux.receiver import types as receiver

PLURAL = "receivers"


def _definition() -> Definition:
    words = "Receiver is the Schema for the receivers API."
    names = FluxNames(receiver.GROUP, receiver.KIND, PLURAL, receiver.VERSIONS, words)
    return flux_definition(names, schema_of(receiver.Spec), [AGE, READY, STATUS])


ADAPTER = KindAdapter(
    kind=WatchedKind(receiver.GROUP, receiver.KIND, PLURAL, receiver.VERSIONS, Role.OTHER),
    definition=_definition,
)
