"""What an Application's users have been told, in the annotation where Argo CD's notification controller keeps it.

It is JSON: a key for each trigger, condition and recipient, and when it was told (Unix seconds). Reading and writing
the same, neither a takeover from Argo CD nor a restart repeats anything.
"""

from __future__ import annotations

import base64
import hashlib

import msgspec

from trueup.dialects.argo.notifications.subscriptions import PREFIX, Destination

ANNOTATION = "notified." + PREFIX.removesuffix("/")
MAX_REMEMBERED = 100
"""As many as upstream keeps; of more, the oldest go."""

MAX_KEY = 2048
"""Characters of a key; a longer one is shortened by its digest."""


class Remembered(msgspec.Struct, frozen=True):
    """When which message was told."""

    told: dict[str, int] = {}

    def knows(self, key: str) -> bool:
        """Say whether this was told."""
        return key in self.told

    def having_told(self, key: str, now: int) -> Remembered:
        """Add what was told at `now`, in Unix seconds."""
        return Remembered({**self.told, key: now})

    def without(self, key: str) -> Remembered:
        """Forget what no longer holds, so that it is told when it holds again."""
        if key not in self.told:
            return self
        return Remembered({known: at for known, at in self.told.items() if known != key})

    def text(self) -> str | None:
        """Give the annotation's value, `None` where there is nothing to remember."""
        if not self.told:
            return None
        newest = sorted(self.told.items(), key=lambda item: item[1])[-MAX_REMEMBERED:]
        return msgspec.json.encode(dict(sorted(newest))).decode()


def read_remembered(text: str) -> Remembered:
    """Read the annotation's value; what cannot be read counts as nothing."""
    try:
        found = msgspec.json.decode(text or "{}")
    except (msgspec.DecodeError, RecursionError):
        return Remembered()
    if not isinstance(found, dict):
        return Remembered()
    return Remembered({key: int(at) for key, at in found.items() if isinstance(at, int | float)})


def remembered_key(trigger: str, number: int, when: str, once: str, destination: Destination) -> str:
    """Name a message by its trigger, the condition's number and text, the value it is told once for, and its recipient.

    This is upstream's key, letter by letter.
    """
    digest = base64.urlsafe_b64encode(hashlib.sha1(when.encode(), usedforsecurity=False).digest()).decode().rstrip("=")
    key = f"{trigger}:[{number}].{digest}:{destination.service}:{destination.recipient}"
    if once:
        key = f"{once}:{key}"
    return key if len(key) <= MAX_KEY else "sha256:" + hashlib.sha256(key.encode()).hexdigest()
