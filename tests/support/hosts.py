"""Repositories' hosts on this machine: servers that speak the documented APIs, check who asks, and count.

Each holds one repository, `owner/name`. `faults` are answers given before the real one, one for each request.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable
from typing import Any, Self
from urllib.parse import unquote

from aiohttp import web

TOKEN = "the-host's-token"
PAGE = 3
"""Items of a page, whatever was asked for: few, so that clients must ask for the next."""


class HostServer:
    """What is the same of all: being reached, letting in, pages, faults."""

    prefix = ""
    authorization = ("Authorization", f"Bearer {TOKEN}")

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.faults: deque[Callable[[], web.StreamResponse]] = deque()
        self.pulls: list[dict[str, Any]] = []
        self.statuses: dict[str, list[dict[str, Any]]] = {}
        self.comments: dict[int, list[dict[str, Any]]] = {}
        self.brought: dict[str, int] = {}
        """Which pull request brought a commit."""
        self.ids = itertools.count(1)
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[self._guard])
        app.router.add_route("*", self.prefix + "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def api(self) -> str:
        return self.url + self.prefix

    def writes(self) -> list[str]:
        """The requests that changed something."""
        return [line for line in self.seen if not line.startswith("GET")]

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.seen.append(f"{request.method} {request.rel_url.raw_path}")
        if self.faults:
            return self.faults.popleft()()
        name, value = self.authorization
        if request.headers.get(name) != value:
            return web.json_response({"message": "Bad credentials"}, status=401)
        return await handler(request)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        parts = [unquote(part) for part in request.rel_url.raw_path.removeprefix(self.prefix).strip("/").split("/")]
        body = await request.json() if request.can_read_body else {}
        found = self.answer(request.method, parts, dict(request.query), body)
        if found is None:
            return web.json_response({"message": "Not Found"}, status=404)
        if isinstance(found, list):
            page = int(request.query.get("page", "1"))
            rest = found[page * PAGE :]
            link = {"Link": f'<{request.url.update_query(page=page + 1)}>; rel="next"'} if rest else {}
            return web.json_response(found[(page - 1) * PAGE : page * PAGE], headers=link)
        return web.json_response(found, status=201 if request.method == "POST" else 200)

    def answer(self, method: str, parts: list[str], query: dict[str, str], body: dict[str, Any]) -> Any:
        raise NotImplementedError

    def edit(self, comments: list[dict[str, Any]], id: str, body: dict[str, Any]) -> Any:
        for comment in comments:
            if comment["id"] == int(id):
                comment["body"] = body["body"]
                return comment
        return None


class GitHubServer(HostServer):
    """GitHub, or (see below) Gitea."""

    searches = True

    def answer(self, method: str, parts: list[str], query: dict[str, str], body: dict[str, Any]) -> Any:
        if parts[:3] != ["repos", "owner", "name"]:
            return None
        match method, parts[3:]:
            case "GET", []:
                return {"default_branch": "main"}
            case "GET", ["pulls"]:
                head = query.get("head", "").partition(":")[2] if self.searches else ""
                return [pull for pull in reversed(self.pulls) if not head or pull["head"]["ref"] == head]
            case "POST", ["pulls"]:
                return self.open(body["head"], body["base"], body["title"], body["body"])
            case "GET", ["pulls", number]:
                return next((pull for pull in self.pulls if pull["number"] == int(number)), None)
            case "GET", ["commits", commit, "pulls"] if self.searches:
                # The list does not tell who merged.
                number = self.brought.get(commit)
                return [{**pull, "merged_by": None} for pull in self.pulls if pull["number"] == number]
            case "GET", ["commits", commit, "pull"] if not self.searches:
                return next((pull for pull in self.pulls if pull["number"] == self.brought.get(commit)), None)
            case "GET", ["commits", commit, "statuses"]:
                newest_first = self.searches or query.get("sort") == "recentupdate"
                found = self.statuses.get(commit, [])
                return list(reversed(found)) if newest_first else list(found)
            case "POST", ["statuses", commit]:
                self.statuses.setdefault(commit, []).append(self.status(body))
                return body
            case "GET", ["issues", number, "comments"]:
                return self.comments.get(int(number), [])
            case "POST", ["issues", number, "comments"]:
                comment = {"id": next(self.ids), "body": body["body"]}
                self.comments.setdefault(int(number), []).append(comment)
                return comment
            case "PATCH", ["issues", "comments", id]:
                return self.edit([one for many in self.comments.values() for one in many], id, body)
        return None

    def status(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"id": next(self.ids), **body}

    def open(self, head: str, base: str, title: str = "", body: str = "") -> dict[str, Any]:
        number = next(self.ids)
        pull: dict[str, Any] = {
            "number": number,
            "title": title,
            "body": body,
            "html_url": f"{self.url}/owner/name/pull/{number}",
            "state": "open",
            "merged_at": None,
            "user": {"login": "ada"},
            "merged_by": None,
            "head": {"ref": head},
            "base": {"ref": base},
        }
        self.pulls.append(pull)
        return pull

    def close(self, number: int, merged_by: str = "", commit: str = "") -> None:
        pull = next(pull for pull in self.pulls if pull["number"] == number)
        pull["state"] = "closed"
        if merged_by:
            pull.update(merged_at="2026-03-01T12:00:00Z", merged_by={"login": merged_by})
            self.brought[commit] = number


class GiteaServer(GitHubServer):
    """Gitea: no search by head, statuses that call their state `status`, one pull request of a commit."""

    prefix = "/api/v1"
    authorization = ("Authorization", f"token {TOKEN}")
    searches = False

    def status(self, body: dict[str, Any]) -> dict[str, Any]:
        return {
            **{key: value for key, value in body.items() if key != "state"},
            "status": body["state"],
            "id": next(self.ids),
        }


class GitLabServer(HostServer):
    """GitLab."""

    prefix = "/api/v4"
    authorization = ("PRIVATE-TOKEN", TOKEN)

    def answer(self, method: str, parts: list[str], query: dict[str, str], body: dict[str, Any]) -> Any:
        if parts[:2] != ["projects", "owner/name"]:
            return None
        match method, parts[2:]:
            case "GET", []:
                return {"default_branch": "main"}
            case "GET", ["merge_requests"]:
                return [one for one in reversed(self.pulls) if one["source_branch"] == query["source_branch"]]
            case "POST", ["merge_requests"]:
                return self.open(body["source_branch"], body["target_branch"], body["title"], body["description"])
            case "GET", ["repository", "commits", commit, "merge_requests"]:
                return [pull for pull in self.pulls if pull["iid"] == self.brought.get(commit)]
            case "GET", ["repository", "commits", commit, "statuses"]:
                return [one for one in reversed(self.statuses.get(commit, [])) if one["name"] == query["name"]][:1]
            case "POST", ["statuses", commit]:
                self.statuses.setdefault(commit, []).append({**body, "status": body["state"]})
                return body
            case "GET", ["merge_requests", number, "notes"]:
                return self.comments.get(int(number), [])
            case "POST", ["merge_requests", number, "notes"]:
                note = {"id": next(self.ids), "body": body["body"]}
                self.comments.setdefault(int(number), []).append(note)
                return note
            case "PUT", ["merge_requests", number, "notes", id]:
                return self.edit(self.comments.get(int(number), []), id, body)
        return None

    def open(self, head: str, base: str, title: str = "", body: str = "") -> dict[str, Any]:
        number = next(self.ids)
        merge: dict[str, Any] = {
            "iid": number,
            "title": title,
            "description": body,
            "web_url": f"{self.url}/owner/name/-/merge_requests/{number}",
            "state": "opened",
            "author": {"username": "ada"},
            "merge_user": None,
            "source_branch": head,
            "target_branch": base,
        }
        self.pulls.append(merge)
        return merge

    def close(self, number: int, merged_by: str = "", commit: str = "") -> None:
        merge = next(one for one in self.pulls if one["iid"] == number)
        merge["state"] = "merged" if merged_by else "closed"
        if merged_by:
            merge["merge_user"] = {"username": merged_by}
            self.brought[commit] = number
