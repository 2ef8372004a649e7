"""The chain that shows whether somebody has altered the history: each link carries the digest of the one before.

Pure. Each writer (one run of one controller) has a chain of its own, so that several never wait for each other. A
digest is SHA-256 over canonical JSON; nothing in it is secret: the chain finds what was altered, removed or inserted
by whoever does not also compute anew all that follows, and checkpoints tell those who do.
"""

from __future__ import annotations

import hashlib

import msgspec

from trueup.core.model.objects import canonical_json


class Head(msgspec.Struct, frozen=True):
    """The last link of a writer's chain: its place (from 1), its digest, and which entry it is of, at what time (µs).

    The entry and time stand in the next link too, so that one that is missing can be named.
    """

    link: int = 0
    digest: str = ""
    id: str = ""
    at: int = 0


START = Head()


def link_digest(writer: str, before: Head, entry: bytes) -> str:
    """Give the digest of the link that follows `before` in a writer's chain and holds this entry (canonical JSON)."""
    envelope = canonical_json([writer, before.link + 1, before.digest, before.id, before.at])
    return hashlib.sha256(envelope + b"\n" + entry).hexdigest()


def seal_of(before: str, values: list[str | int]) -> str:
    """Give the seal of a checkpoint: the digest of its values and of the checkpoint before it."""
    return hashlib.sha256(canonical_json([before, *values])).hexdigest()
