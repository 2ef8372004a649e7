"""Proposals: a change that takes a bad commit back, offered to people as a branch and a pull request.

What is proposed is decided here and in the engine; making the commit, pushing it and talking to the host of the
repository is the work of whoever implements the `Proposals` port. A proposal is known by its repository and its bad
commit: one bad commit that sickens 50 units is one branch and one pull request.
"""

from __future__ import annotations

import msgspec

from trueup.core.model.artifact import Provenance, Revision
from trueup.core.model.objects import ObjectRef

TITLE_LIMIT = 200
BODY_LIMIT = 20_000
"""In characters; the least of what hosts accept is above both."""


class Proposal(msgspec.Struct, frozen=True):
    """What shall be taken back, and why.

    `unit` is the unit that became sick, `source` the object that declares its repository (its credentials are used),
    `repository` the repository's URL as declared. `bad` and `good` are full commit ids: the one that made the unit
    sick, and the one it was healthy with. `branch` is the name that the bad one was found by; where that is no branch
    of the repository (a tag, or empty), the pull request is for its default branch. `paths` are the files and folders
    of the repository that the unit's rendering looked at: of several commits between, only those that touch one of
    these are taken back; empty: all are. `title` and `body` (Markdown) say who, why and what failed; no secret value
    stands in them.
    """

    unit: ObjectRef
    source: ObjectRef
    repository: str
    bad: str
    good: str
    branch: str = ""
    paths: tuple[str, ...] = ()
    title: str = ""
    body: str = ""


class Proposed(msgspec.Struct, frozen=True):
    """What has been made of a proposal: the branch, and its pull request's URL and number (empty: only the branch)."""

    branch: str
    url: str = ""
    number: int = 0

    def __str__(self) -> str:
        """Say it to people: the pull request's URL, else the branch."""
        return self.url or f"branch {self.branch}"


class ProposalError(Exception):
    """Nothing could be proposed; the text says why and what to do. `retriable`: time alone may help."""

    def __init__(self, message: str, *, retriable: bool = False) -> None:
        super().__init__(message)
        self.retriable = retriable


def title_of(bad: str, commit: Provenance | None) -> str:
    """Give a proposal's title, as `git revert` would: `Revert "…"`; the short commit where its message is unknown."""
    subject = commit.subject if commit is not None and commit.subject else bad[:8]
    return f'Revert "{_line(subject, TITLE_LIMIT - 10)}"'


def body_of(unit: ObjectRef, revision: str, commit: Provenance | None, failed: tuple[str, ...], good: str) -> str:
    """Give a proposal's text (Markdown): what became sick, with whose commit, what failed, and what comes back.

    `revision` and `good` are revisions as Flux writes them, `failed` one line per object that failed. Lines of
    others' making are quoted as code, so that nothing in them is read as Markdown or mentions anybody.
    """
    lines = [f"{unit} became unhealthy with this commit and is proposed to go back to {_code(_short(good))}.", ""]
    lines.append(f"- bad revision: {_code(_short(revision))}")
    if commit is not None:
        lines.append(f"- commit: {_code(commit.subject)}")
        if commit.author is not None:
            lines.append(f"- author: {_code(commit.author.name)}, {commit.author.when.isoformat()}")
    if failed:
        lines += ["", "What failed:", ""]
        lines += [f"- {_code(line)}" for line in failed[:20]]
        if len(failed) > 20:
            lines.append(f"- and {len(failed) - 20} more")
    lines += ["", "If the commit shall stay, close this pull request: it is not opened again."]
    return "\n".join(lines)[:BODY_LIMIT]


def _short(revision: str) -> str:
    try:
        return Revision.parse(revision).short
    except ValueError:
        return revision


def _line(text: str, limit: int) -> str:
    words = " ".join(text.split())
    return words if len(words) <= limit else f"{words[: limit - 1]}…"


def _code(text: str) -> str:
    return f"`{_line(text.replace('`', chr(39)), 400)}`"
