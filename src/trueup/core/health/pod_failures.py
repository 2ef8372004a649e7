"""Early proof, from its pods, that a rollout fails.

A Deployment's controller gives up only after its progress deadline (10 minutes by default), and that of a StatefulSet
or DaemonSet never. Their pods know much earlier: at once that an image's name is none, after a few restarts that a
container crashes, after a minute that an image cannot be pulled. What is merely slow (no room on a node, a volume that
is being attached, a Secret that an operator makes) is no proof.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from trueup.core.health.decode import Fields, entries, number, section, text
from trueup.core.health.status import Health, HealthStatus, Proof
from trueup.core.wording import cut

RESTARTS = 1
"""So many restarts, with a container waiting in `CrashLoopBackOff`, are the beginning of a crash loop.

A kubelet starts a container again at once when it ends for the first time, and only lets it wait when it ends again
within the back-off: one restart and a wait are two crashes. A single one, say while a database starts, is no trouble.
"""

SEVERAL_RESTARTS = 2
"""So many restarts, with a container waiting, are a crash loop."""

_INVALID = frozenset({"InvalidImageName", "ErrInvalidImageName"})
"""What no waiting can mend."""

_NOT_MADE_YET = frozenset({"CreateContainerConfigError"})
"""What mostly ends when somebody has made a Secret or ConfigMap: no trouble, but the rollout waits for it."""

_NEVER_STARTS = {
    "ImagePullBackOff": "cannot pull its image",
    "ErrImagePull": "cannot pull its image",
    "ErrImageNeverPull": "has no image on its node, and its policy forbids to pull it",
    "InvalidImageName": "has an invalid image name",
    "ErrInvalidImageName": "has an invalid image name",
    "CreateContainerConfigError": "cannot be configured",
    "CreateContainerError": "cannot be created",
    "RunContainerError": "cannot be run",
}
"""What a kubelet says of a container that waits in vain, in words."""

_LONGEST_DETAIL = 200

_REVISION_LABELS = ("pod-template-hash", "controller-revision-hash", "batch.kubernetes.io/job-name")


class PodTrouble(msgspec.Struct, frozen=True):
    """What keeps one container of one pod from running, for a cache to hold in place of the pod.

    `owner` is the uid of the pod's controller and `owner_name` its name; `revision` is the label by which the
    controller tells its revisions apart, `created` the pod's creation as RFC 3339.
    """

    namespace: str
    pod: str
    container: str
    image: str
    reason: str
    detail: str = ""
    exit_code: int = 0
    restarts: int = 0
    owner: str = ""
    owner_name: str = ""
    revision: str = ""
    created: str = ""

    @property
    def words(self) -> str:
        """Say it in one line."""
        who = f"container {self.container} of pod {self.pod}"
        image = f"; image {self.image}" if self.image else ""
        if self.reason == "CrashLoopBackOff":
            restarts = f"{self.restarts} restart" + ("" if self.restarts == 1 else "s")
            why = self.detail or f"exit code {self.exit_code}"
            return f"{who} crash-loops: {why}, {restarts}{image}"
        detail = f": {self.detail}" if self.detail else ""
        return f"{who} {_NEVER_STARTS.get(self.reason, 'does not start')} ({self.reason}){detail}{image}"


def trouble(pod: Fields) -> PodTrouble | None:
    """Extract from a live Pod what keeps it from running; `None` where nothing proves that it will not.

    A pod on its way out is in no trouble, and one that is ready neither.
    """
    metadata, status = section(pod, "metadata"), section(pod, "status")
    if metadata.get("deletionTimestamp") or text(status, "phase") == "Succeeded":
        return None
    for item in (*entries(status, "initContainerStatuses"), *entries(status, "containerStatuses")):
        waiting = section(section(item, "state"), "waiting")
        reason = text(waiting, "reason")
        restarts = number(item, "restartCount")
        if reason == "CrashLoopBackOff":
            if restarts < RESTARTS:
                continue
            ended = section(section(item, "lastState"), "terminated")
            code = number(ended, "exitCode")
            # An application's own last words are not repeated: they may hold a secret.
            detail = "killed for want of memory (OOMKilled)" if ended.get("reason") == "OOMKilled" else ""
        elif reason in _NEVER_STARTS:
            code, detail = 0, cut(text(waiting, "message"), _LONGEST_DETAIL)
        else:
            continue
        owner = next((one for one in entries(metadata, "ownerReferences") if one.get("controller") is True), {})
        return PodTrouble(
            namespace=text(metadata, "namespace"),
            pod=text(metadata, "name"),
            container=text(item, "name"),
            image=_image(section(pod, "spec"), text(item, "name")) or text(item, "image"),
            reason=reason,
            detail=detail,
            exit_code=code,
            restarts=restarts,
            owner=text(owner, "uid"),
            owner_name=text(owner, "name"),
            revision=_revision(metadata),
            created=text(metadata, "creationTimestamp"),
        )
    return None


def _image(spec: Fields, container: str) -> str:
    """Give a container's image as the pod's spec writes it; the status may hold a resolved one."""
    for item in (*entries(spec, "initContainers"), *entries(spec, "containers")):
        if item.get("name") == container:
            return text(item, "image")
    return ""


def _revision(metadata: Fields) -> str:
    labels = section(metadata, "labels")
    return next((value for key in _REVISION_LABELS if (value := text(labels, key))), "")


def evidence(troubles: Iterable[PodTrouble]) -> Health | None:
    """Give the verdict that these troubles, all of one workload's newest revision, prove; `None` for none."""
    found = sorted(troubles, key=lambda one: (-one.restarts, one.namespace, one.pod))
    if not found:
        return None
    more = len(found) - 1
    others = f" (and {more} more pod{'' if more == 1 else 's'})" if more else ""
    words = found[0].words + others
    proofs = {proof for one in found if (proof := _proof(one)) is not None}
    for proof in Proof:
        if proof in proofs:
            # What may pass is shown as on its way, with its trouble in words.
            status = HealthStatus.PROGRESSING if proof is Proof.LIKELY else HealthStatus.DEGRADED
            return Health(status, words, proof)
    return Health(HealthStatus.PROGRESSING, words)


def _proof(one: PodTrouble) -> Proof | None:
    """Say what one container's trouble proves."""
    if one.reason in _INVALID:
        return Proof.CERTAIN
    if one.reason == "CrashLoopBackOff" and one.restarts >= SEVERAL_RESTARTS:
        return Proof.CRASHING
    return None if one.reason in _NOT_MADE_YET else Proof.LIKELY


class Revision(msgspec.Struct, frozen=True):
    """The newest revision of a workload: the uid of the object that controls its pods, and their revision label.

    Either may be empty where it is not known; then the other alone decides.
    """

    owner: str = ""
    label: str = ""

    def covers(self, one: PodTrouble) -> bool:
        """Say whether a troubled pod is of this revision."""
        if not self.owner and not self.label:
            return False
        return (not self.owner or one.owner == self.owner) and (not self.label or one.revision == self.label)


def newest(workload: Fields, replica_sets: Iterable[Fields] = ()) -> Revision | None:
    """Find a workload's newest revision; `None` while its controller has not made it yet, or where it is not known.

    A Deployment's needs its ReplicaSets (live ones, or anything with their metadata); a StatefulSet says it in its
    status; a DaemonSet does not say it at all, so all its pods are taken.
    """
    metadata, status = section(workload, "metadata"), section(workload, "status")
    if number(status, "observedGeneration") < number(metadata, "generation"):
        return None
    uid, kind = text(metadata, "uid"), text(workload, "kind")
    if kind == "Deployment":
        mine = [item for item in replica_sets if uid and _controlled(item, uid)]
        last = max(mine, key=_number_of_revision, default=None)
        if last is None:
            return None
        owned = section(last, "metadata")
        return Revision(text(owned, "uid"), text(section(owned, "labels"), "pod-template-hash"))
    if kind == "StatefulSet":
        return Revision(uid, text(status, "updateRevision"))
    return Revision(uid) if uid else None


def _controlled(obj: Fields, uid: str) -> bool:
    return any(
        one.get("uid") == uid and one.get("controller") is True
        for one in entries(section(obj, "metadata"), "ownerReferences")
    )


def _number_of_revision(replica_set: Fields) -> tuple[int, str]:
    metadata = section(replica_set, "metadata")
    raw = text(section(metadata, "annotations"), "deployment.kubernetes.io/revision")
    count = int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 19 else 0
    return count, text(metadata, "creationTimestamp")


def rollout_evidence(
    workload: Fields, pods: Sequence[dict[str, Any]], replica_sets: Iterable[Fields] = ()
) -> Health | None:
    """Give the proof that a workload's rollout fails, from its live pods (and a Deployment's ReplicaSets)."""
    revision = newest(workload, replica_sets)
    if revision is None:
        return None
    found = (trouble(pod) for pod in pods)
    return evidence(one for one in found if one is not None and revision.covers(one))
