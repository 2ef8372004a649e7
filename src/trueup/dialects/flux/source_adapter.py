"""What the adapters of all Flux' sources have in common."""

from __future__ import annotations

from collections.abc import Callable

from trueup.core.model.dialect import Context, Translated, WatchedKind
from trueup.core.model.objects import Body
from trueup.dialects.adapter import KindAdapter, SourceStatus
from trueup.dialects.crds.definitions import Definition
from trueup.dialects.flux.metrics import flux_source_observed, flux_source_series
from trueup.dialects.flux.object_events import repository_events
from trueup.dialects.flux.requests import FluxRequests


def source_adapter(
    kind: WatchedKind,
    definition: Callable[[], Definition],
    translate: Callable[[Body, Context], Translated],
    status: SourceStatus,
    short: tuple[str, ...] = (),
) -> KindAdapter:
    """Give the adapter of a kind that source-controller works on: asked, measured and told of like all of them."""
    return KindAdapter(
        kind=kind,
        definition=definition,
        short=short,
        translate=translate,
        source_status=status,
        requests=FluxRequests(),
        source_series=flux_source_series,
        source_observed=flux_source_observed,
        events=repository_events,
    )
