"""GitLab's REST API, version 4: https://docs.gitlab.com/api/rest."""

from __future__ import annotations

from urllib.parse import quote

import msgspec

from trueup.scm.api import Api
from trueup.scm.detection import Location
from trueup.scm.host import CommitState, CommitStatus, Fault, HostError, MergeRequest, State
from trueup.scm.markers import line, marked, sign

DESCRIPTION_LIMIT = 255
_PER_PAGE = {"per_page": "100"}
_STATES = {CommitState.PENDING: "pending", CommitState.SUCCESS: "success", CommitState.FAILURE: "failed"}
_RANK = (State.OPEN, State.MERGED, State.CLOSED)


class _User(msgspec.Struct, frozen=True):
    username: str = ""


class _Merge(msgspec.Struct, frozen=True):
    iid: int
    title: str = ""
    web_url: str = ""
    state: str = "opened"
    author: _User | None = None
    merge_user: _User | None = None
    merged_by: _User | None = None
    source_branch: str = ""
    target_branch: str = ""

    def neutral(self) -> MergeRequest:
        merger = self.merge_user or self.merged_by
        states = {"opened": State.OPEN, "locked": State.OPEN, "merged": State.MERGED}
        return MergeRequest(
            number=self.iid,
            title=self.title,
            url=self.web_url,
            state=states.get(self.state, State.CLOSED),
            author=self.author.username if self.author else "",
            merged_by=merger.username if merger else "",
            head=self.source_branch,
            base=self.target_branch,
        )


class _Status(msgspec.Struct, frozen=True):
    name: str = ""
    status: str = ""
    description: str | None = None
    target_url: str | None = None


class _Note(msgspec.Struct, frozen=True):
    id: int
    body: str | None = None


class _Project(msgspec.Struct, frozen=True):
    default_branch: str | None = None


class GitLab:
    """A project at GitLab. Implements `Host`."""

    def __init__(self, api: Api, location: Location) -> None:
        """Take the API and where in it the project is."""
        self._api = api
        self._at = f"/projects/{quote(location.path, safe='')}"

    async def default_branch(self) -> str:
        """Ask the project."""
        return (await self._api.one(_Project, "GET", self._at)).default_branch or ""

    async def find(self, head: str) -> MergeRequest | None:
        """Ask for merge requests of this branch, in any state."""
        found = await self._api.all(
            _Merge, f"{self._at}/merge_requests", {"source_branch": head, "state": "all", **_PER_PAGE}
        )
        merges = [merge.neutral() for merge in found if merge.source_branch == head]
        return min(merges, key=lambda one: (_RANK.index(one.state), -one.number), default=None)

    async def create(self, head: str, base: str, title: str, body: str) -> MergeRequest:
        """Open it; its branch is removed when it is merged."""
        made = {
            "source_branch": head,
            "target_branch": base,
            "title": title,
            "description": body,
            "remove_source_branch": True,
        }
        return (await self._api.one(_Merge, "POST", f"{self._at}/merge_requests", None, made)).neutral()

    async def of_commit(self, commit: str) -> MergeRequest | None:
        """Ask for the commit's merge requests."""
        try:
            found = await self._api.all(_Merge, f"{self._commit(commit)}/merge_requests", _PER_PAGE)
        except HostError as error:
            if error.fault is Fault.NOT_FOUND:
                return None
            raise
        merges = [merge.neutral() for merge in found]
        return next((one for one in merges if one.state is State.MERGED), merges[0] if merges else None)

    async def set_status(self, commit: str, status: CommitStatus) -> bool:
        """Set it, unless that of its name says the same."""
        state, description = _STATES[status.state], line(status.description, DESCRIPTION_LIMIT)
        known = await self._api.all(_Status, f"{self._commit(commit)}/statuses", {"name": status.name, **_PER_PAGE})
        wanted = (state, description, status.url)
        newest = next((one for one in known if one.name == status.name), None)
        if newest and (newest.status, newest.description or "", newest.target_url or "") == wanted:
            return False
        made = {"state": state, "name": status.name, "description": description}
        if status.url:
            made["target_url"] = status.url
        try:
            await self._api.one(_Status, "POST", f"{self._at}/statuses/{quote(commit, safe='')}", None, made)
        except HostError as error:
            # GitLab sets no state twice, not even with other words.
            if error.fault is Fault.REFUSED and "cannot transition" in str(error).lower():
                return False
            raise
        return True

    async def comment(self, number: int, marker: str, body: str) -> bool:
        """Write the note, or change the one there is."""
        text, notes = marked(marker, body), f"{self._at}/merge_requests/{number}/notes"
        for known in await self._api.all(_Note, notes, _PER_PAGE):
            if (known.body or "").startswith(sign(marker)):
                if known.body == text:
                    return False
                await self._api.one(_Note, "PUT", f"{notes}/{known.id}", None, {"body": text})
                return True
        await self._api.one(_Note, "POST", notes, None, {"body": text})
        return True

    def _commit(self, commit: str) -> str:
        return f"{self._at}/repository/commits/{quote(commit, safe='')}"
