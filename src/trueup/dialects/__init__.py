"""The dialects of users' manifests, translated to neutral units and sources, and status back.

Everything here is pure. Nothing outside this package knows a dialect's names.
"""

from trueup.dialects.adapter import KindAdapter
from trueup.dialects.argo import Argo
from trueup.dialects.flux import Flux
from trueup.dialects.registry import (
    adapter_of,
    adapters,
    definitions,
    dialect_of,
    dialects,
    live_options,
    owner_of,
    reported,
)

__all__ = [
    "Argo",
    "Flux",
    "KindAdapter",
    "adapter_of",
    "adapters",
    "definitions",
    "dialect_of",
    "dialects",
    "live_options",
    "owner_of",
    "reported",
]
