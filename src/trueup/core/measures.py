"""One measured series of one object: what a dialect shows of its units and sources to those who watch dashboards."""

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
