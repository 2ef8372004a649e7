"""What is kept of a live object: the little that deciding needs, reduced from the watch's events."""

from __future__ import annotations

from enum import Enum

import msgspec

from trueup.core.health import Health
from trueup.core.objects import ObjectRef, PruneMode


class Presence(Enum):
    """What is known of an object that no record describes."""

    ABSENT = "absent"
    """The cluster was read, and the object is not there."""

    UNKNOWN = "unknown"
    """The cluster could not be read: nothing may be concluded."""


class Live(msgspec.Struct, frozen=True):
    """One live object, reduced.

    `seal` is the digest of our managed fields' entry and of the values at those fields. `owner` is the unit named by
    its marks. `reconciled` is the health by kstatus' rules, where these differ. `prune` and `wave` are read from its
    annotations, because Git no longer has the object when they matter.
    """

    ref: ObjectRef
    uid: str
    resource_version: str
    seal: str
    health: Health
    deleting: bool = False
    owner: ObjectRef | None = None
    prune: PruneMode = PruneMode.ALLOW
    wave: int = 0
    reconciled: Health | None = None
