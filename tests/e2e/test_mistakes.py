"""Mistakes of beginners, all at once against one controller: each is told with its cause and what helps, everywhere.

What is put into Git and the cluster, and the words that are expected, is the table in `support.mistakes`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import structlog

from support.e2e import World, ready, repository, synced, told, world
from support.mistakes import MISTAKES, Case, Dialect, cases
from support.mistakes.mistake import PRIVATE, REPO, SHARED, URL
from trueup.cli.views.why import told as explained
from trueup.core.model.objects import Body
from trueup.devtools.gitserver import GitServer, Repository
from trueup.devtools.localcluster import Cluster
from trueup.dialects.status_summary import standing
from trueup.queries import explanation

CASES = cases(MISTAKES)
OWNER = "owned-by-other"
"""The namespace of an object that a unit made without a mistake delivers, and others want."""

OTHER = f"""apiVersion: v1
kind: Namespace
metadata: {{name: {OWNER}}}
"""


PAGE = Path(__file__).parents[2] / "docs" / "troubleshooting.md"
ELSEWHERE = {
    "not taken back",
    "is held back",
    "no controller has worked on this cluster yet",
    "no controller works",
    "is left to",
    "is suspended",
    "it is pinned",
    "waits: a sync is asked for by hand",
    "it is encrypted for",
    "its MAC does not fit",
}
"""Words on that page that no mistake of this table leads to: other tests hold them."""


class Told:
    """What people were told of each mistake: by the object itself, `why`, the log and events."""

    def __init__(self, logged: list[Mapping[str, Any]]) -> None:
        self.bodies: dict[str, Body] = {}
        self.why: dict[str, str] = {}
        self.events: list[Body] = []
        self.logged = logged


@pytest_asyncio.fixture(scope="module", loop_scope="session", name="seen")
async def all_mistakes(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Told]:
    """Make all mistakes, wait until each is told, and take down what is said of them."""
    folder = tmp_path_factory.mktemp("mistakes")
    private = folder / "private"
    private.mkdir()
    with structlog.testing.capture_logs() as logged:
        async with (
            Cluster.start(ephemeral=True, nodes=1) as cluster,
            GitServer(private, users={"me": "right"}) as guarded,
            world(
                cluster,
                folder,
                poll=3600.0,
                jitter=0.0,
                instead_of=f"{PRIVATE.partition('/team')[0]}/={guarded.url}/",
            ) as made,
        ):
            for name in ("mistakes", "mistakes-wrong"):
                Repository.create(guarded.root / "team" / name).commit({"a.yaml": ""}, "first")
            seen = Told(logged)
            await _make(made)
            await asyncio.gather(*(_told_of(made, case, seen) for case in CASES))
            for case in CASES:
                found = await explanation(made.client, made.mapper, seen.bodies[case.namespace])
                seen.why[case.namespace] = "\n".join(explained(found))
            events = made.mapper.known("", "Event")
            assert events is not None
            seen.events = (await made.client.list_all(events, "flux-system")).items
            yield seen


async def _make(made: World) -> None:
    files = {f"{name}/{path}": text for name, one in MISTAKES.items() for path, text in one.files.items()}
    owner = MISTAKES[OWNER].files["map.yaml"].replace("'2'", "'1'")
    repo = made.repository(REPO, {**files, "owner/map.yaml": owner})
    repo.git("tag", "v1.0.0", "main")
    await made.apply(repository(SHARED, URL))
    await made.apply(OTHER)
    await made.apply(_owner())
    await asyncio.gather(*(made.apply(case.before()) for case in CASES))
    await made.until(("", "ConfigMap"), OWNER, "settings", lambda body: body is not None)
    await asyncio.gather(*(made.apply(case.unit()) for case in CASES))
    later = [case for case in CASES if case.mistake.then]
    await asyncio.gather(*(_delivered(made, case) for case in later))
    repo.commit({f"{name}/{path}": text for name, one in MISTAKES.items() for path, text in one.then.items()}, "then")
    for case in later:
        if case.dialect is Dialect.ARGO:
            marks = {"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}}
            await made.patch(case.kind, case.home, case.name, marks)


def _owner() -> str:
    return Case("owner", Dialect.FLUX, MISTAKES[OWNER]).unit()


async def _delivered(made: World, case: Case) -> None:
    await made.until(case.kind, case.home, case.name, ready if case.dialect is Dialect.FLUX else synced)


async def _told_of(made: World, case: Case, seen: Told) -> None:
    """Wait until an object tells of its mistake."""

    def says(body: Body | None) -> bool:
        text = shown(body or {})
        return all(word in text for word in case.mistake.cause)

    try:
        body = await made.until(case.kind, case.home, case.name, says)
    except AssertionError:
        # Its own test says what is missing.
        body = await made.get(case.kind, case.home, case.name) or {}
    seen.bodies[case.namespace] = body


def shown(body: Body) -> str:
    """Give all that an object's status says, in whatever field."""
    resources = ((body.get("status") or {}).get("resources")) or []
    healths = [str((item.get("health") or {}).get("message") or "") for item in resources]
    return " ".join((told(body), standing(body).message if body else "", *healths))


def missing(words: tuple[str, ...], text: str) -> list[str]:
    return [word for word in words if word not in text]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.namespace)
async def test_a_mistake_is_told_with_its_cause_and_what_helps(case: Case, seen: Told) -> None:
    mistake, body, why = case.mistake, seen.bodies[case.namespace], seen.why[case.namespace]
    found = standing(body)
    assert not missing(mistake.cause, shown(body)), shown(body)
    row = "; ".join((found.message, *found.notices))
    assert not missing(mistake.cause, row), f"`get` says: {row}"
    assert not missing(mistake.cause, why), f"`why` says: {why}"
    assert not missing(mistake.remedy, f"{shown(body)} {why}"), f"`why` says: {why}"
    assert "as it should be" not in why
    assert (found.ready == "True") is mistake.works, found
    if mistake.log:
        lines = [str(line) for line in seen.logged if str(line.get("source", "")).endswith(f"/{case.name}")]
        assert any(not missing(mistake.cause, line) for line in lines), lines
    if case.dialect is Dialect.FLUX and mistake.event:
        mine = [item for item in seen.events if item["involvedObject"]["name"] == case.name]
        warnings = [item["message"] for item in mine if item["type"] == "Warning"]
        assert all(not missing(mistake.cause, text) for text in warnings[-1:]), warnings


def test_the_table_is_large_and_no_row_is_empty() -> None:
    assert len(MISTAKES) >= 40
    assert all(one.cause and one.remedy for one in MISTAKES.values())
    assert {case.dialect for case in CASES} == set(Dialect)


async def test_the_page_on_troubles_has_the_words_of_every_mistake(seen: Told) -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    words = [found[1] for line in rows if (found := re.match(r"\| `(.+?)` \|", line))]
    texts = {name: f"{shown(body)} {seen.why[name]}" for name, body in seen.bodies.items()}
    untold = [name for name, text in texts.items() if not any(word in text for word in words)]
    assert not untold, "the page says nothing of these"
    unmade = [word for word in words if not any(word in text for text in texts.values())]
    assert set(unmade) <= ELSEWHERE, "nothing says these words any more"
