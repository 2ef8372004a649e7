"""Counting what happens, for Prometheus: a journal, and gauges that are read when somebody asks.

Names and labels that dashboards of both upstreams use come from the dialects; Trueup's own begin with `trueup_`.
It must not know dialects, clients or the engine.
"""

from trueup.telemetry.metrics import Gauge, Metrics

__all__ = ["Gauge", "Metrics"]
