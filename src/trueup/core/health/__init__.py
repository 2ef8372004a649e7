"""Health of one object as a pure function of what the API server says of it.

`assess` judges as Argo CD does, `kstatus` as Flux does; `judged` says where Argo CD shows a health at all. `trouble`,
`evidence` and `explain` say from an object's pods and events, earlier and in more words, what is wrong. Nothing here
raises, whatever the object's shape.
"""

from trueup.core.health.explain import explain
from trueup.core.health.kstatus import KResult, KStatus, kstatus
from trueup.core.health.pod_failures import PodTrouble, Revision, evidence, newest, rollout_evidence, trouble
from trueup.core.health.status import Health, HealthStatus, Proof, worst
from trueup.core.health.table import assess, judged

__all__ = [
    "Health",
    "HealthStatus",
    "KResult",
    "KStatus",
    "PodTrouble",
    "Proof",
    "Revision",
    "assess",
    "evidence",
    "explain",
    "judged",
    "kstatus",
    "newest",
    "rollout_evidence",
    "trouble",
    "worst",
]
