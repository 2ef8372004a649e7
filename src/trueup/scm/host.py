"""What a repository's host can be asked, whichever it is, and how it fails."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

import msgspec


class Fault(StrEnum):
    """Why a host did not do what it was asked."""

    CREDENTIALS = "credentials"
    """It does not know who asks (401), or does not let them (403)."""

    NOT_FOUND = "not found"
    REFUSED = "refused"
    """It understood and will not: another try will not help."""

    RATE_LIMITED = "rate limited"
    UNREACHABLE = "unreachable"
    """No answer, or one that says it is out of order."""

    ANSWER = "answer"
    """Its answer is too large, or nothing that its API describes."""

    UNKNOWN_HOST = "unknown host"
    """Nobody has said what kind of host it is."""


class HostError(Exception):
    """A host did not do what it was asked: the text is for people and holds no secret.

    `again` is after how many seconds another try may help; `None`: it will not.
    """

    def __init__(self, fault: Fault, message: str, again: float | None = None) -> None:
        super().__init__(message)
        self.fault = fault
        self.again = again


class State(StrEnum):
    """Where a pull request stands."""

    OPEN = "open"
    CLOSED = "closed"
    MERGED = "merged"


class MergeRequest(msgspec.Struct, frozen=True):
    """A pull or merge request. `author` and `merged_by` are names of accounts, empty where unknown."""

    number: int
    title: str = ""
    url: str = ""
    state: State = State.OPEN
    author: str = ""
    merged_by: str = ""
    head: str = ""
    base: str = ""


class CommitState(StrEnum):
    """What a status says of a commit."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILURE = "failure"


class CommitStatus(msgspec.Struct, frozen=True):
    """One status of a commit. `name` tells it from others': a second one of the name replaces the first."""

    name: str
    state: CommitState
    description: str = ""
    url: str = ""


class Host(Protocol):
    """One repository at its host. Every method raises `HostError`."""

    async def default_branch(self) -> str:
        """Give the name of the branch that pull requests are for."""
        ...

    async def find(self, head: str) -> MergeRequest | None:
        """Give the pull request of a branch of this repository, an open one before closed and merged ones."""
        ...

    async def create(self, head: str, base: str, title: str, body: str) -> MergeRequest:
        """Open a pull request from one branch of this repository for another; `body` is Markdown."""
        ...

    async def of_commit(self, commit: str) -> MergeRequest | None:
        """Give the pull request that brought a commit, a merged one before others."""
        ...

    async def set_status(self, commit: str, status: CommitStatus) -> bool:
        """Set a commit's status; gives whether that changed anything: the same status is not set again."""
        ...

    async def comment(self, number: int, marker: str, body: str) -> bool:
        """Keep one comment on a pull request, known by `marker` and changed in place; gives whether it was written.

        `marker` is put into the comment where people do not see it.
        """
        ...
