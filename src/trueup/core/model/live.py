"""What is kept of a live object: the little that deciding needs, reduced from the watch's events."""

from __future__ import annotations

from enum import Enum

import msgspec

from trueup.core.health import Health
from trueup.core.model.objects import Body, ObjectRef, PruneMode


class Presence(Enum):
    """What is known of an object that no record describes."""

    ABSENT = "absent"
    """The cluster was read, and the object is not there."""

    UNKNOWN = "unknown"
    """The cluster could not be read: nothing may be concluded."""


class Live(msgspec.Struct, frozen=True):
    """One live object, reduced.

    `managed_digest` is the digest of our managed fields' entry and of the values at those fields. `owner` is the unit
    that its tracking labels name. `reconciled` is the health by kstatus' rules, where these differ. `prune`, `delete`
    (when its unit is deleted) and `wave` are read from its annotations, because Git no longer has the object when they
    matter. `progress` is how far a rollout has come, where its health tells of something else. `left_alone`: somebody
    has marked the live object so that nothing of it is changed. `by_hand`: kubectl has set fields of it. `body` is the
    whole object, of kinds whose health is judged by users' expressions.
    """

    ref: ObjectRef
    uid: str
    resource_version: str
    managed_digest: str
    health: Health
    deleting: bool = False
    owner: ObjectRef | None = None
    prune: PruneMode = PruneMode.ALLOW
    delete: PruneMode = PruneMode.ALLOW
    wave: int = 0
    reconciled: Health | None = None
    progress: str = ""
    left_alone: bool = False
    by_hand: bool = False
    body: Body | None = None
