"""Looking at units without a controller: what a sync would change, where a field came from, why a unit is as it is.

Nothing here writes to the cluster.
"""

from trueup.queries.blame import Blame, blame
from trueup.queries.diff import Difference, between, compared, differences
from trueup.queries.managers import FieldBlame
from trueup.queries.subject import CannotInspect
from trueup.queries.troubles import Cause
from trueup.queries.why import Explanation, explanation

__all__ = [
    "Blame",
    "CannotInspect",
    "Cause",
    "Difference",
    "Explanation",
    "FieldBlame",
    "between",
    "blame",
    "compared",
    "differences",
    "explanation",
]
