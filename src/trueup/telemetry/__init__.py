"""Telling what happens: counted for Prometheus, as lines of the log, as traces.

Names and labels that dashboards of both upstreams use come from the dialects; Trueup's own begin with `trueup_`.
It must not know dialects, clients or the engine.
"""

from trueup.telemetry.metrics import Gauge, Metrics

__all__ = ["Gauge", "Metrics"]
