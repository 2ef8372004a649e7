"""Many objects of which the same is told become one message: a bad commit on fifty units is one piece of news.

Pure: happenings in, groups out; when a group is complete is decided by times that are handed in (monotonic seconds).
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

import msgspec

from trueup.core.model.objects import ObjectRef
from trueup.core.notification.notification import NotificationEvent

QUIET = 1.5
"""Seconds without another of its kind after which a group is told."""

LONGEST = 10.0
"""Seconds after which it is told in any case."""

MEMBERS = 1000
LINES = 10


@dataclass(slots=True)
class Group:
    """Happenings that belong together, from the first to the last."""

    first: float
    last: float
    members: list[NotificationEvent] = field(default_factory=list)
    left_out: int = 0

    def due(self, now: float) -> float:
        """Give the seconds until the group is complete; 0 or less: it is."""
        return min(self.last + QUIET, self.first + LONGEST) - now


def key_of(event: NotificationEvent) -> Hashable:
    """Give what belongs together: the same commit's doing, of the same kind."""
    return (event.thread or event.about, event.severity, event.reason, event.recovered)


def add(group: Group | None, event: NotificationEvent, now: float) -> Group:
    """Add to a group, or begin one."""
    if group is None:
        group = Group(now, now)
    group.last = now
    if len(group.members) < MEMBERS:
        group.members.append(event)
    else:
        group.left_out += 1
    return group


def take_back(group: Group, event: NotificationEvent) -> tuple[NotificationEvent, ...]:
    """Take out of a group what `event` says the opposite of, about the same object and revision; gives that."""
    gone = tuple(
        item
        for item in group.members
        if (item.about, item.revision) == (event.about, event.revision) and item.severity is not event.severity
    )
    if gone:
        group.members = [item for item in group.members if item not in gone]
    return gone


def together(group: Group) -> NotificationEvent:
    """Give one happening for the whole group."""
    latest: dict[ObjectRef, NotificationEvent] = {item.about: item for item in group.members}
    members = list(latest.values())
    first = members[0]
    if len(members) == 1 and not group.left_out:
        return first
    lines = [f"{item.about}: {item.message.splitlines()[0] if item.message else item.reason}" for item in members]
    more = len(lines) - LINES + group.left_out
    shown = "\n".join(lines[:LINES]) + (f"\nand {more} more" if more > 0 else "")
    return msgspec.structs.replace(
        first, message=f"{len(members) + group.left_out} objects:\n{shown}", also=tuple(latest)[1:]
    )
