"""Measured series of objects: what a dialect shows of its units and sources to those who watch dashboards."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Series(msgspec.Struct, frozen=True):
    """The metric's name and help, its labels, and the value. `total`: it only grows, and the value is added."""

    name: str
    help: str
    labels: Mapping[str, str]
    value: float = 1.0
    total: bool = False


class Observed(msgspec.Struct, frozen=True):
    """Something that took seconds or just happened: the metric it is counted in, its help, and the labels.

    With `buckets` (seconds, rising) it is a histogram, without a counter. `own`: the labels name one object, and the
    series goes with it; otherwise several objects share the series, and it stays.
    """

    name: str
    help: str
    labels: Mapping[str, str]
    buckets: tuple[float, ...] = ()
    own: bool = False
