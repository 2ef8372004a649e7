"""Words in cells: what others wrote, revisions, and how long ago something was."""

from __future__ import annotations

from datetime import UTC, datetime


def visible(text: str) -> str:
    """Take control characters out of what others wrote: a commit's message must not move the terminal's cursor."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() or character == "\n" else " " for character in text)


def short(revision: str) -> str:
    """Shorten a revision's commit to eight digits, or those of several sources."""
    if ", " in revision:
        return ", ".join(map(short, revision.split(", ")))
    head, colon, commit = revision.rpartition(":")
    if colon:
        return f"{head.removesuffix('sha1').removesuffix('sha256')}{commit[:8]}"
    return revision[:8] if len(revision) in (40, 64) else revision


def age(when: str) -> str:
    """Say how long ago an RFC 3339 time was."""
    try:
        seconds = int((datetime.now(UTC) - datetime.fromisoformat(when)).total_seconds())
    except ValueError:
        return ""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{max(seconds, 0)}s"
