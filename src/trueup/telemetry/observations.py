"""Histograms and counters under names that dialects choose: kept by object, so that they go with it, and bounded.

The client library's own histograms cannot tell whose a series is; so these are kept as plain numbers and handed over as
families when somebody asks.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

from trueup.core.model.metrics import Observed
from trueup.core.model.objects import ObjectRef

Key: TypeAlias = tuple[str, tuple[str, ...]]


@dataclass(slots=True)
class _Series:
    """One series. `counts` has one number for each bucket and one for what is longer than the last."""

    observed: Observed
    counts: list[int] = field(default_factory=list)
    seconds: float = 0.0

    def take(self, seconds: float) -> None:
        self.counts[bisect_left(self.observed.buckets, seconds)] += 1
        self.seconds += seconds


class Observations:
    """What was observed of objects, and of what they share; of either no more than `limit` are kept."""

    def __init__(self, limit: int) -> None:
        """Take how many objects may have series, and how many series may be shared."""
        self._limit = limit
        self._own: dict[ObjectRef, dict[Key, _Series]] = {}
        self._shared: dict[Key, _Series] = {}

    def take(self, owner: ObjectRef, observed: Iterable[Observed], seconds: float) -> None:
        """Count what took so many seconds; one object or series too many is left out."""
        for one in observed:
            key = (one.name, tuple(one.labels.values()))
            if one.own:
                if owner not in self._own and len(self._own) >= self._limit:
                    continue
                known = self._own.setdefault(owner, {})
            else:
                known = self._shared
                if key not in known and len(known) >= self._limit:
                    continue
            if key not in known:
                known[key] = _Series(one, [0] * (len(one.buckets) + 1))
            known[key].take(max(seconds, 0.0))

    def forget(self, owner: ObjectRef) -> None:
        """Let go of an object's own series."""
        self._own.pop(owner, None)

    def clear(self) -> None:
        """Let go of every object's own series; what is shared goes on."""
        self._own.clear()

    def collect(self) -> Iterator[Metric]:
        """Give all of it."""
        families: dict[str, CounterMetricFamily | HistogramMetricFamily] = {}
        for series in self._all():
            observed = series.observed
            family = families.get(observed.name)
            if family is None:
                kind = HistogramMetricFamily if observed.buckets else CounterMetricFamily
                family = families[observed.name] = kind(observed.name, observed.help, labels=list(observed.labels))
            labels = list(observed.labels.values())
            if isinstance(family, HistogramMetricFamily):
                family.add_metric(labels, _cumulative(series), series.seconds)
            else:
                family.add_metric(labels, sum(series.counts))
        yield from families.values()

    def _all(self) -> list[_Series]:
        # A scrape runs beside the event loop, which may add series meanwhile: only copies are walked.
        own = [series for known in list(self._own.values()) for series in list(known.values())]
        return own + list(self._shared.values())


def _cumulative(series: _Series) -> list[tuple[str, float]]:
    """Give the counts as Prometheus wants them: each with all that took less, the last without an upper end."""
    ends = [*(f"{end:g}" for end in series.observed.buckets), "+Inf"]
    total, rising = 0, []
    for end, count in zip(ends, series.counts, strict=True):
        total += count
        rising.append((end, float(total)))
    return rising
