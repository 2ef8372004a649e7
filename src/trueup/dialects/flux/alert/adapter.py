"""All that is known of Flux' `Provider` and `Alert`, which have a controller of their own."""

from __future__ import annotations

from functools import partial

from trueup.core.model.dialect import Role, WatchedKind
from trueup.dialects.adapter import KindAdapter
from trueup.dialects.crds.definitions import AGE, Definition
from trueup.dialects.crds.schema import schema_of
from trueup.dialects.flux.alert import types as alert
from trueup.dialects.flux.definitions import FluxNames, flux_definition


def _definition(kind: str, plural: str, spec: type) -> Definition:
    words = f"{kind} is the Schema for the {plural} API."
    return flux_definition(FluxNames(alert.GROUP, kind, plural, alert.VERSIONS, words), schema_of(spec), [AGE])


def _adapter(kind: str, plural: str, spec: type) -> KindAdapter:
    return KindAdapter(
        kind=WatchedKind(alert.GROUP, kind, plural, alert.VERSIONS, Role.OTHER),
        definition=partial(_definition, kind, plural, spec),
    )


PROVIDER_ADAPTER = _adapter(alert.PROVIDER, "providers", alert.ProviderSpec)
ALERT_ADAPTER = _adapter(alert.ALERT, "alerts", alert.AlertSpec)
