"""The dialects of users' manifests, translated to neutral units and sources, and status back.

Everything here is pure. Nothing outside this room knows a dialect's names.
"""

from trueup.dialects.argo import Argo
from trueup.dialects.flux import Flux
from trueup.dialects.registry import DIALECTS, dialect_of, dialects, live_options, owner_of

__all__ = ["DIALECTS", "Argo", "Flux", "dialect_of", "dialects", "live_options", "owner_of"]
