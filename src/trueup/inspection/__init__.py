"""Looking at units without a controller: what a sync would change, where a field came from, why a unit is as it is.

Nothing here writes to the cluster.
"""

from trueup.inspection.blame import Blame, blame
from trueup.inspection.differences import Difference, between, compared, differences
from trueup.inspection.explanation import Cause, Explanation, explanation
from trueup.inspection.managers import FieldBlame
from trueup.inspection.subject import CannotInspect

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
