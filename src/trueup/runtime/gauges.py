"""What is read of the parts when somebody asks for metrics: the wiring between rooms that know nothing of metrics."""

from __future__ import annotations

from collections.abc import Mapping

from trueup.core.ports import EventSink, Target
from trueup.dialects.metrics import CLUSTER_LABELS, cluster_labels
from trueup.engine.engine import Engine
from trueup.history import HistoryEventSink
from trueup.render import WorkerRenderer
from trueup.telemetry import Gauge


def history_gauges(event_sink: EventSink) -> tuple[Gauge, ...]:
    """Give what the history's event_sink shows; nothing where no history is kept."""
    if not isinstance(event_sink, HistoryEventSink):
        return ()
    return (
        Gauge(
            "trueup_history_records_waiting",
            "History records that are not on disk yet.",
            lambda: {(): event_sink.waiting},
        ),
        Gauge(
            "trueup_history_spool_bytes",
            "What waits on disk until the history's database takes it.",
            lambda: {(): event_sink.spooled},
        ),
        Gauge(
            "trueup_history_records_lost",
            "Records that were lost because neither queue nor disk had room; the history has a gap there.",
            lambda: {(): event_sink.lost_ever},
            total=True,
        ),
    )


def leader_gauges(
    engine: Engine, delivered: Mapping[tuple[str, str], int], renderer: WorkerRenderer, target: Target
) -> tuple[Gauge, ...]:
    """Give what one tenure's parts show; `delivered` counts messages by service and how they ended."""
    return (
        Gauge(
            "trueup_queue_waiting",
            "Keys that wait in a queue, by queue.",
            lambda: {("units",): engine.queue.waiting(), ("sources",): engine.source_controller.queue.waiting()},
            ("queue",),
        ),
        Gauge("trueup_renders", "Renders that workers were asked for.", lambda: {(): renderer.renders}, total=True),
        Gauge(
            "trueup_notifications",
            "Messages to services, by service and how it ended.",
            lambda: dict(list(delivered.items())),
            ("service", "ending"),
            total=True,
        ),
        Gauge(
            "argocd_cluster_info",
            "The cluster, as Argo CD's dashboards know it.",
            lambda: {cluster_labels(target.capabilities().kube_version): 1},
            CLUSTER_LABELS,
        ),
    )
