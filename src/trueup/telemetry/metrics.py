"""All metrics of one process, in a registry of their own.

Series of single objects come and go with the objects and are bounded in number; everything else has few labels with few
values, none of which a user can choose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias

import msgspec
import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from trueup.core.model.deployment_record import Cause, DeploymentRecord, Ending
from trueup.core.model.events import (
    Event,
    ReconcileEnded,
    SourceChanged,
    SourceGone,
    SourcePolled,
    SyncEnded,
    UnitChanged,
    UnitGone,
)
from trueup.core.model.metrics import Observed, Series
from trueup.core.model.objects import ObjectRef
from trueup.core.model.reports import SourceReport, UnitPhase, UnitReport
from trueup.core.model.unit import SourceDeclaration, Unit
from trueup.telemetry.observations import Observations

log = structlog.get_logger(__name__)

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
PER_OBJECT = 5000
"""Objects that have series of their own; of more, how many there are."""


class Gauge(msgspec.Struct, frozen=True):
    """Values that are read when somebody asks, beside the event loop; `total`: they only grow.

    `read` gives the value for each combination of the `labels`' values, in their order: `()` where there are none.
    """

    name: str
    help: str
    read: Callable[[], Mapping[tuple[str, ...], float]]
    labels: tuple[str, ...] = ()
    total: bool = False


UnitSeries: TypeAlias = Callable[
    [Unit, UnitReport, SourceDeclaration | None, DeploymentRecord | None], Iterable[Series]
]
SourceSeries: TypeAlias = Callable[[SourceDeclaration, SourceReport], Iterable[Series]]
ObservedOfUnit: TypeAlias = Callable[[Unit], Iterable[Observed]]
ObservedOfSource: TypeAlias = Callable[[SourceDeclaration, bool], Iterable[Observed]]


class Metrics(Collector):
    """Implements the `EventSink` port, and a collector of what is read when somebody asks."""

    def __init__(
        self,
        unit_series: UnitSeries,
        source_series: SourceSeries,
        per_object: int = PER_OBJECT,
        unit_observed: ObservedOfUnit = lambda unit: (),
        source_observed: ObservedOfSource = lambda declaration, failed: (),
    ) -> None:
        """Take how dialects show their objects, and how many objects may have series of their own.

        `unit_observed` and `source_observed` name the metrics that a unit's reconciliation and a source's poll have
        beside our own.
        """
        self._unit_series = unit_series
        self._source_series = source_series
        self._per_object = per_object
        self._units: dict[ObjectRef, tuple[Unit, UnitReport]] = {}
        self._totals: dict[ObjectRef, dict[tuple[str, tuple[tuple[str, str], ...]], Series]] = {}
        self._sources: dict[ObjectRef, tuple[SourceDeclaration, SourceReport]] = {}
        self._gauges: list[Gauge] = []
        self._unit_observed, self._source_observed = unit_observed, source_observed
        self._observations = Observations(per_object)
        self.registry = CollectorRegistry(auto_describe=False)
        self._syncs = Counter(
            "trueup_syncs",
            "Ended syncs, by cause and outcome.",
            ("cause", "ending"),
            registry=self.registry,
        )
        self._sync_seconds = Histogram(
            "trueup_sync_duration_seconds",
            "Time from the first step of a sync to its verdict.",
            ("cause",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._since_commit = Histogram(
            "trueup_commit_to_applied_seconds",
            "Time from a commit (its committer's date) until the sync that delivers it has ended well.",
            buckets=(1, 2, 5, 10, 30, 60, 120, 300, 900, 3600, 86400),
            registry=self.registry,
        )
        self._changes = Counter(
            "trueup_object_changes", "Objects that syncs have written or removed.", ("action",), registry=self.registry
        )
        self._steps = Histogram(
            "trueup_step_duration_seconds",
            "Duration of a step of a reconciliation.",
            ("step",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._polls = Histogram(
            "trueup_source_poll_duration_seconds",
            "Time to ask a source's remote, by what went wrong (empty: nothing).",
            ("fault",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._requests = Histogram(
            "trueup_api_request_duration_seconds",
            "Time of requests to the API server, waiting for a slot included; code 0 where no answer came.",
            ("verb", "code"),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._looks = Counter(
            "controller_runtime_reconcile",
            "Reconciliations of units, under the name that Flux' dashboards know.",
            ("controller", "result"),
            registry=self.registry,
        )
        self._look_seconds = Histogram(
            "controller_runtime_reconcile_time_seconds",
            "Duration of a unit's reconciliation, under the name that Flux' dashboards know.",
            ("controller",),
            buckets=SECONDS,
            registry=self.registry,
        )
        ProcessCollector(registry=self.registry)
        self.registry.register(self)

    def add(self, *gauges: Gauge) -> None:
        """Read these too when somebody asks; one of the same name takes the place of the earlier."""
        names = {gauge.name for gauge in gauges}
        self._gauges = [gauge for gauge in self._gauges if gauge.name not in names] + list(gauges)

    def requested(self, verb: str, code: int, seconds: float) -> None:
        """Count a request to the API server."""
        if verb != "watch":
            self._requests.labels(verb, str(code)).observe(seconds)

    # ------------------------------------------------------------------------------------------------- events

    def publish(self, event: Event) -> None:
        """Count an event."""
        if isinstance(event, UnitChanged):
            self._units[event.unit.ref] = (event.unit, event.after)
        elif isinstance(event, UnitGone):
            self._units.pop(event.unit.ref, None)
            self._totals.pop(event.unit.ref, None)
            self._observations.forget(event.unit.ref)
        elif isinstance(event, SourceChanged):
            self._sources[event.declaration.ref] = (event.declaration, event.after)
        elif isinstance(event, SourceGone):
            self._sources.pop(event.declaration.ref, None)
            self._observations.forget(event.declaration.ref)
        elif isinstance(event, SourcePolled):
            self._polls.labels(event.fault).observe(event.seconds)
            source_observed = self._source_observed(event.declaration, bool(event.fault))
            self._observations.take(event.declaration.ref, source_observed, event.seconds)
        elif isinstance(event, ReconcileEnded):
            for step in event.steps:
                self._steps.labels(step.name).observe(step.seconds)
            self._count_look(event)
        elif isinstance(event, SyncEnded):
            self._synced(event)

    def _count_look(self, event: ReconcileEnded) -> None:
        """Count a reconciliation as upstream's controllers count a reconciliation: per kind, whatever the object."""
        seconds = sum(step.seconds for step in event.steps)
        phase = event.report.phase if event.report else UnitPhase.WAITING
        result = "error" if phase is UnitPhase.FAILED else "success"
        kind = event.unit.ref.kind.lower()
        self._looks.labels(kind, result).inc()
        self._look_seconds.labels(kind).observe(seconds)
        self._observations.take(event.unit.ref, self._unit_observed(event.unit), seconds)

    def rest(self) -> None:
        """Let go of every object, because another controller works on them from now on."""
        for known in (self._units, self._totals, self._sources):
            known.clear()
        self._observations.clear()

    def _synced(self, event: SyncEnded) -> None:
        record = event.record
        self._syncs.labels(record.cause.value, record.ending.value).inc()
        self._sync_seconds.labels(record.cause.value).observe(max(record.seconds, 0.0))
        for change in record.changes:
            self._changes.labels("refused" if change.error else change.action).inc()
        committer = record.commit.committer if record.commit is not None else None
        if record.ending is Ending.GOOD and record.cause is Cause.CHANGE and committer is not None:
            passed = (record.finished - committer.when).total_seconds()
            self._since_commit.observe(max(passed, 0.0))
        known = self._units.get(event.unit.ref)
        report = known[1] if known else None
        if report is None or (event.unit.ref not in self._totals and len(self._totals) >= self._per_object):
            return
        totals = self._totals.setdefault(event.unit.ref, {})
        for series in self._unit_series(event.unit, report, self._source_of(event.unit), record):
            if series.total:
                key = (series.name, tuple(sorted(series.labels.items())))
                before = totals[key].value if key in totals else 0.0
                totals[key] = msgspec.structs.replace(series, value=before + series.value)

    # ------------------------------------------------------------------------------------------------ scrapes

    def collect(self) -> Iterator[Metric]:
        """Give what is read at this moment."""
        yield from self._phases()
        yield from _families(self._objects())
        yield from self._observations.collect()
        for gauge in self._gauges:
            family = (CounterMetricFamily if gauge.total else GaugeMetricFamily)(
                gauge.name, gauge.help, labels=gauge.labels
            )
            try:
                for values, value in gauge.read().items():
                    family.add_metric(values, value)
            except Exception as error:
                # One room that cannot tell must not take all other metrics away.
                log.error("a metric cannot be read", metric=gauge.name, error=f"{type(error).__name__}: {error}")
                continue
            yield family

    def _source_of(self, unit: Unit) -> SourceDeclaration | None:
        known = self._sources.get(unit.source)
        return known[0] if known else None

    def _phases(self) -> Iterator[Metric]:
        phases = GaugeMetricFamily("trueup_units", "Units by phase.", labels=["phase"])
        counts = dict.fromkeys(UnitPhase, 0)
        contested = objects = 0
        for _, report in list(self._units.values()):
            counts[report.phase] += 1
            contested += sum(1 for notice in report.notices if notice.code == "contested")
            objects += len(report.inventory.entries)
        for phase, count in counts.items():
            phases.add_metric([phase.value], count)
        yield phases
        yield GaugeMetricFamily("trueup_objects", "Objects that units own.", value=objects)
        yield GaugeMetricFamily(
            "trueup_contested_objects", "Objects that another writer keeps changing back.", value=contested
        )
        failing = sum(1 for _, report in list(self._sources.values()) if report.fault is not None)
        yield GaugeMetricFamily("trueup_sources", "Sources that are declared.", value=len(self._sources))
        yield GaugeMetricFamily("trueup_sources_failing", "Sources that cannot be fetched.", value=failing)
        left_out = max(0, len(self._units) - self._per_object)
        words = "Units that have no series of their own, for there are too many."
        yield GaugeMetricFamily("trueup_units_without_series", words, value=left_out)

    def _objects(self) -> Iterator[Series]:
        for number, (unit, report) in enumerate(list(self._units.values())):
            if number >= self._per_object:
                break
            shown = self._unit_series(unit, report, self._source_of(unit), None)
            yield from (series for series in shown if not series.total)
        for totals in list(self._totals.values()):
            yield from list(totals.values())
        for declaration, seen in list(self._sources.values())[: self._per_object]:
            yield from self._source_series(declaration, seen)


def _families(found: Iterable[Series]) -> Iterator[Metric]:
    """Gather series by their metric; all of a metric have the same labels."""
    families: dict[str, tuple[GaugeMetricFamily | CounterMetricFamily, list[str]]] = {}
    for series in found:
        known = families.get(series.name)
        if known is None:
            names = list(series.labels)
            kind = CounterMetricFamily if series.total else GaugeMetricFamily
            known = families[series.name] = (kind(series.name, series.help, labels=names), names)
        known[0].add_metric([series.labels.get(name, "") for name in known[1]], series.value)
    for family, _ in families.values():
        yield family
