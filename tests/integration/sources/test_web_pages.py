"""A remote that is a web page, as where a login is asked for, is named as that."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web

from trueup.core.model.artifact import SourceError
from trueup.core.model.git import GitRef, GitSpec
from trueup.sources.git import GitProvider, GitSettings, GitSource

PAGES = {
    "lines": "<!DOCTYPE html>\n<html>\n<body>Sign in</body>\n</html>\n",
    "one-line": "<html><body>Sign in</body></html>",
    "empty": "",
}


@pytest_asyncio.fixture
async def url() -> AsyncIterator[str]:
    async def answer(request: web.Request) -> web.Response:
        name = request.path.split("/")[1]
        if name == "redirect" and "login" not in request.path:
            raise web.HTTPFound("/redirect/login?then=repo")
        return web.Response(text=PAGES.get(name, PAGES["lines"]), content_type="text/html")

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.mark.parametrize("page", [*PAGES, "redirect"])
async def test_a_login_page_is_named_and_no_missing_branch(url: str, page: str, tmp_path: Path) -> None:
    async with GitSource(GitSettings(tmp_path)) as git:
        with pytest.raises(SourceError) as refused:
            await GitProvider(git).resolve(GitSpec(f"{url}/{page}/repo.git", GitRef(branch="main")), None)
    assert "web page" in str(refused.value) and "credentials" in str(refused.value)
    assert "branch main does not exist" not in str(refused.value)
