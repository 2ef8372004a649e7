"""What a real controller gives to Prometheus: everything that is documented, and nothing of what is gone."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path

import aiohttp

from support.e2e import (
    APPLICATION,
    KUSTOMIZATION,
    PATIENCE,
    REPOSITORY,
    World,
    application,
    kustomization,
    ready,
    repository,
    synced,
)

DOCUMENTED = Path(__file__).parents[2] / "docs" / "metrics.md"
WHERE = "flux-system"
CONDITIONAL = {
    "argocd_app_condition",  # While something is wrong.
    "argocd_git_fetch_fail_total",  # Once something was.
    "trueup_notifications_total",  # Once somebody was told something.
}


def config(name: str) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n"


async def scraped(world: World) -> str:
    async with aiohttp.ClientSession() as session, session.get(f"{world.controller.address}/metrics") as answer:
        assert answer.status == 200
        return await answer.text()


async def until_scraped(world: World, pattern: str, *, there: bool = True) -> str:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        text = await scraped(world)
        if bool(re.search(pattern, text, re.MULTILINE)) is there:
            return text
        await asyncio.sleep(0.1)
    raise AssertionError(f"{pattern} is {'not ' if there else 'still '}in:\n{text}")


async def test_all_that_is_documented_is_given_and_goes_with_its_object(world: World) -> None:
    git = world.repository("team/measured", {"flux/map.yaml": config("by-flux"), "argo/map.yaml": config("by-argo")})
    url = "https://github.com/team/measured"
    await world.apply(repository("measured", url))
    await world.apply(kustomization("measured", "./flux", "measured"))
    await world.apply(application("measured", url, "argo", "measured"))
    await world.until(KUSTOMIZATION, WHERE, "measured", lambda body: ready(body, git.head("main")))
    await world.until(APPLICATION, "argocd", "measured", synced)

    text = await until_scraped(world, r'^argocd_app_sync_total\{.*phase="Succeeded"')
    await until_scraped(world, r'^gotk_resource_info\{.*customresource_kind="Kustomization".*ready="True"')
    given = set(re.findall(r"^# TYPE (\w+) ", text, re.MULTILINE))
    names = set(re.findall(r"`((?:trueup|argocd|gotk|controller_runtime)_\w+)`", DOCUMENTED.read_text()))
    assert len(names) > 25 and names - given <= CONDITIONAL, names - given
    assert re.search(rf'^argocd_git_request_total\{{repo="{url}"', text, re.MULTILINE)
    assert re.search(r'^trueup_syncs_total\{cause="change",ending="good"\} [2-9]', text, re.MULTILINE)

    await world.delete(KUSTOMIZATION, WHERE, "measured")
    await world.delete(REPOSITORY, WHERE, "measured")
    await world.delete(APPLICATION, "argocd", "measured")
    await until_scraped(world, r'^(gotk|argocd_app)_\w+\{.*name="measured"', there=False)
