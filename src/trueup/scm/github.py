"""GitHub's REST API, version 2022-11-28: https://docs.github.com/rest. Also GitHub Enterprise Server's (`/api/v3`)."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

import msgspec

from trueup.scm.api import Api
from trueup.scm.detection import Location
from trueup.scm.host import CommitStatus, Fault, HostError, MergeRequest, State
from trueup.scm.markers import line, marked, sign

DESCRIPTION_LIMIT = 140
PER_PAGE = {"per_page": "100"}
_RANK = (State.OPEN, State.MERGED, State.CLOSED)


class Account(msgspec.Struct, frozen=True):
    """Who did something."""

    login: str = ""


class Branch(msgspec.Struct, frozen=True):
    """One end of a pull request."""

    ref: str = ""


class Pull(msgspec.Struct, frozen=True):
    """A pull request as GitHub and Gitea give it."""

    number: int
    title: str = ""
    html_url: str = ""
    state: str = "open"
    merged: bool = False
    merged_at: str | None = None
    user: Account | None = None
    merged_by: Account | None = None
    head: Branch | None = None
    base: Branch | None = None

    def neutral(self) -> MergeRequest:
        """Give it as this room's value."""
        state = State.MERGED if self.merged or self.merged_at else State.OPEN
        if state is State.OPEN and self.state != "open":
            state = State.CLOSED
        return MergeRequest(
            number=self.number,
            title=self.title,
            url=self.html_url,
            state=state,
            author=self.user.login if self.user else "",
            merged_by=self.merged_by.login if self.merged_by else "",
            head=self.head.ref if self.head else "",
            base=self.base.ref if self.base else "",
        )


class Status(msgspec.Struct, frozen=True):
    """A commit's status; Gitea names its state `status`."""

    id: int = 0
    context: str = ""
    state: str = ""
    status: str = ""
    description: str | None = None
    target_url: str | None = None


class Comment(msgspec.Struct, frozen=True):
    """A comment on a pull request."""

    id: int
    body: str | None = None


class Repository(msgspec.Struct, frozen=True):
    """A repository."""

    default_branch: str = ""


class GitHub:
    """A repository at GitHub. Implements `Host`."""

    _newest_first: Mapping[str, str] = PER_PAGE

    def __init__(self, api: Api, location: Location) -> None:
        """Take the API and where in it the repository is."""
        self._api = api
        self._owner = location.owner
        self._at = f"/repos/{location.path}"

    async def default_branch(self) -> str:
        """Ask the repository."""
        return (await self._api.one(Repository, "GET", self._at)).default_branch

    async def find(self, head: str) -> MergeRequest | None:
        """Ask for pull requests with this head, in any state."""
        query = {"head": f"{self._owner}:{head}", "state": "all", **PER_PAGE}
        return first(await self._api.all(Pull, f"{self._at}/pulls", query), head)

    async def create(self, head: str, base: str, title: str, body: str) -> MergeRequest:
        """Open it."""
        made = {"title": title, "head": head, "base": base, "body": body}
        return (await self._api.one(Pull, "POST", f"{self._at}/pulls", None, made)).neutral()

    async def of_commit(self, commit: str) -> MergeRequest | None:
        """Ask for the commit's pull requests, then for the one itself: only that tells who merged it."""
        try:
            found = await self._api.all(Pull, f"{self._at}/commits/{quote(commit, safe='')}/pulls", PER_PAGE)
        except HostError as error:
            if error.fault in (Fault.NOT_FOUND, Fault.REFUSED):
                return None
            raise
        merged = [pull for pull in found if pull.merged_at] or found
        if not merged:
            return None
        return (await self._api.one(Pull, "GET", f"{self._at}/pulls/{merged[0].number}")).neutral()

    async def set_status(self, commit: str, status: CommitStatus) -> bool:
        """Set it, unless the newest of its name says the same."""
        wanted = {
            "context": status.name,
            "state": status.state.value,
            "description": line(status.description, DESCRIPTION_LIMIT),
            "target_url": status.url,
        }
        at = quote(commit, safe="")
        known = await self._api.all(Status, f"{self._at}/commits/{at}/statuses", self._newest_first)
        newest = max((one for one in known if one.context == status.name), key=lambda one: one.id, default=None)
        if newest is not None:
            told = (newest.state or newest.status, newest.description or "", newest.target_url or "")
            if told == (wanted["state"], wanted["description"], wanted["target_url"]):
                return False
        await self._api.one(Status, "POST", f"{self._at}/statuses/{at}", None, wanted)
        return True

    async def comment(self, number: int, marker: str, body: str) -> bool:
        """Write the comment, or change the one there is."""
        text = marked(marker, body)
        for known in await self._api.all(Comment, f"{self._at}/issues/{number}/comments", PER_PAGE):
            if (known.body or "").startswith(sign(marker)):
                if known.body == text:
                    return False
                await self._api.one(Comment, "PATCH", f"{self._at}/issues/comments/{known.id}", None, {"body": text})
                return True
        await self._api.one(Comment, "POST", f"{self._at}/issues/{number}/comments", None, {"body": text})
        return True


def first(pulls: list[Pull], head: str) -> MergeRequest | None:
    """Give the one that counts among those of a branch: open before merged before closed, then the newest."""
    found = [pull.neutral() for pull in pulls if pull.head is not None and pull.head.ref == head]
    return min(found, key=lambda one: (_RANK.index(one.state), -one.number), default=None)
