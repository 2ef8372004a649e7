"""Gitea's and Forgejo's API (`/api/v1`), which is GitHub's but for a few questions: https://docs.gitea.com/api."""

from __future__ import annotations

from urllib.parse import quote

from trueup.scm.api import Api
from trueup.scm.detection import Location
from trueup.scm.github import GitHub, Pull, first
from trueup.scm.host import Fault, HostError, MergeRequest

_PER_PAGE = {"limit": "50"}


class Gitea(GitHub):
    """A repository at Gitea or Forgejo. Implements `Host`."""

    # Without being asked, Gitea begins with the oldest status.
    _newest_first = {"sort": "recentupdate", **_PER_PAGE}

    def __init__(self, api: Api, location: Location) -> None:
        """Take the API and where in it the repository is."""
        super().__init__(api, location)
        self._pulls = f"{self._at}/pulls"

    async def find(self, head: str) -> MergeRequest | None:
        """Look through the newest pull requests: Gitea does not search by their head."""
        query = {"state": "all", "sort": "recentupdate", **_PER_PAGE}
        return first(await self._api.all(Pull, self._pulls, query), head)

    async def of_commit(self, commit: str) -> MergeRequest | None:
        """Ask for the pull request that was merged with this commit."""
        try:
            pull = await self._api.one(Pull, "GET", f"{self._at}/commits/{quote(commit, safe='')}/pull")
        except HostError as error:
            if error.fault is Fault.NOT_FOUND:
                return None
            raise
        return pull.neutral()
