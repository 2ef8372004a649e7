"""The inputs that were good, as a short list from which a unit can go back by itself or by hand.

Each entry can be rendered again, from its revision and recipe. The list is bounded in number and size, because it is
stored with every sync.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from trueup.core.model.state import GoodRevision, HistoryEntry, Inputs

KEPT = 10
"""So many good inputs are remembered."""

SHORTEST = 7
"""So many digits of a commit or of a record's id name it."""

BYTES_KEPT = 64 * 1024
"""…as far as they take no more than this (recipes may carry whole patches)."""


def with_good(
    past: tuple[GoodRevision, ...], inputs: Inputs, id: int, since: str, sync: str, first: str = ""
) -> tuple[GoodRevision, ...]:
    """Give the list with inputs that are good now as its last; those that are last already stay the same entry.

    Inputs that give the very same objects are no other deployment: a newer renderer, or a comment in a file, moves
    nothing. `first` is the revision that brought them, their own where it is not given.
    """
    if past and (past[-1].inputs.digest == inputs.digest or _same_objects(past[-1].inputs, inputs)):
        return (*past[:-1], msgspec.structs.replace(past[-1], inputs=inputs))
    earlier = tuple(item for item in past if item.inputs.digest != inputs.digest)
    return _bounded((*earlier, GoodRevision(id, inputs, first or inputs.revision, since, sync)))


def _same_objects(one: Inputs, other: Inputs) -> bool:
    return bool(one.objects) and one.objects == other.objects


def with_latest_revision(past: tuple[GoodRevision, ...], inputs: Inputs) -> tuple[GoodRevision, ...]:
    """Give the list with the last revision under which these inputs stood."""
    return tuple(msgspec.structs.replace(item, inputs=inputs) if _same(item, inputs) else item for item in past)


def before(past: tuple[GoodRevision, ...], digest: str) -> GoodRevision | None:
    """Give the newest entry with other inputs than these; `None` where there is none."""
    return next((item for item in reversed(past) if item.inputs.digest != digest), None)


def find(past: tuple[GoodRevision, ...], word: str) -> GoodRevision | None:
    """Find an entry by the id of the short history, of its deployment record, or by (the beginning of) its commit.

    A commit may be written as any table or status shows it: `main@af0a272c`, `main@sha1:…`, `sha1:…`.
    """
    for item in reversed(past):
        if named(word, item.id, item.sync, (item.first, *item.inputs.revisions)):
            return item
    return None


def named(word: str, id: int, sync: str, revisions: Iterable[str]) -> bool:
    """Say whether a word names a deployment: by its id, its record's, or its commit, the latter two also in part."""
    if not word:
        return False
    if word == str(id) or word == sync or word in revisions:
        return True
    start = word.rpartition("@")[2].rpartition(":")[2]
    if len(start) < SHORTEST:
        return False
    commits = (revision.rpartition("@")[2].rpartition(":")[2] for revision in revisions)
    return sync.startswith(word) or any(commit.startswith(start) for commit in commits)


def delivered(history: Iterable[HistoryEntry], past: Iterable[GoodRevision], word: str) -> tuple[str, ...]:
    """Give the revisions, of all sources, of the deployment that a word names, good or not; or none."""
    for entry in reversed(tuple(history)):
        if named(word, entry.id, entry.sync, entry.revisions or (entry.revision,)):
            return entry.revisions or (entry.revision,)
    found = find(tuple(past), word)
    return found.inputs.revisions if found is not None else ()


def choices(past: Iterable[GoodRevision]) -> str:
    """Name what can be gone back to, the newest first, as tables show it."""
    shown = [
        f"{item.id} ({_short(item.inputs.revision)}{f', record {item.sync[:12]}' if item.sync else ''})"
        for item in reversed(tuple(past))
    ]
    return ", ".join(shown)


def _short(revision: str) -> str:
    name, at, digest = revision.rpartition("@")
    return f"{name}{at}{digest.rpartition(':')[2][:8]}"


def _same(item: GoodRevision, inputs: Inputs) -> bool:
    return item.inputs.digest == inputs.digest and item.inputs != inputs


def _bounded(past: tuple[GoodRevision, ...]) -> tuple[GoodRevision, ...]:
    kept: list[GoodRevision] = []
    size = 0
    for item in reversed(past[-KEPT:]):
        size += len(msgspec.json.encode(item))
        if kept and size > BYTES_KEPT:
            break
        kept.append(item)
    return tuple(reversed(kept))
