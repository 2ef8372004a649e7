"""Which digest a version of a chart was last, kept beside the chart's files: a status shows the version alone."""

from __future__ import annotations

import hashlib

from trueup.core.model.artifact import CHART, Fault, Revision, SourceError
from trueup.git.mirror import Mirror
from trueup.git.process import GitFailed

_ROOT = "refs/trueup/versions"


async def known_revision(mirror: Mirror, version: str) -> Revision | None:
    """Give the revision that a version was last; `None` where it was never fetched."""
    if not mirror.folder.exists():
        return None
    try:
        raw = await mirror.git(["for-each-ref", "--format=%(refname)", f"{_folder(version)}/"])
    except GitFailed:
        return None
    names = raw.decode().split()
    return Revision(version, f"{CHART}:{names[0].rpartition('/')[2]}") if names else None


async def remember(mirror: Mirror, revision: Revision, shown: str) -> None:
    """Take note of what a version is now. Raises `SourceError`."""
    known = await known_revision(mirror, revision.name)
    if known == revision:
        return
    folder = _folder(revision.name)
    gone = f"delete {folder}/{known.id}\n" if known is not None else ""
    try:
        # Only the name counts; an empty blob is what any repository can have.
        blob = (await mirror.git(["hash-object", "-w", "--stdin"])).decode().strip()
        asked = f"{gone}update {folder}/{revision.id} {blob}\n"
        await mirror.git(["update-ref", "--stdin"], stdin=asked.encode())
    except GitFailed as error:
        raise unusable(error, shown) from None


def _folder(version: str) -> str:
    return f"{_ROOT}/{hashlib.sha256(version.encode()).hexdigest()[:32]}"


def unusable(error: GitFailed, shown: str) -> SourceError:
    """Say that something could not be read or written in the cache; what failed there is tried again."""
    return SourceError(Fault.CACHE, f"{shown}: it cannot be kept in the cache: {error.words.strip()}; tried again")
