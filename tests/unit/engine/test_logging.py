"""What is logged while a unit is looked at says which one, at which revision and in which sync; nothing else does."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from support.engine import World, config
from trueup.cli.options import Log, LogFormat, LogLevel
from trueup.cli.run import _log_to_stderr


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Log as `trueup run --log-format json` does, into a string."""
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    before = structlog.get_config()
    _log_to_stderr(Log(LogFormat.JSON, LogLevel.INFO))
    # A logger that is kept would go on writing here in the tests that come later.
    structlog.configure(cache_logger_on_first_use=False)
    yield stream
    structlog.configure(**before)


def entries(lines: io.StringIO, event: str) -> list[dict[str, Any]]:
    return [entry for entry in map(json.loads, lines.getvalue().splitlines()) if entry["event"] == event]


async def test_two_units_at_once_are_told_apart(world: World, lines: io.StringIO) -> None:
    log = structlog.get_logger("somebody deep below")

    def wrote() -> None:
        log.info("written")

    world.cluster.after_write = wrote
    world.declare(world.unit("web"), world.unit("api"))
    commit = await world.commit(web=[config("a"), config("b")], api=[config("c")])
    await asyncio.sleep(0)
    log.info("afterwards")
    written = entries(lines, "written")
    syncs = {record.unit.name: record.id for record in world.event_sink.records}
    told = sorted((entry["unit"].rsplit("/", 1)[-1], entry["sync"]) for entry in written)
    assert told == sorted([("web", syncs["web"]), ("web", syncs["web"]), ("api", syncs["api"])])
    assert all(commit in entry["revision"] for entry in written)
    assert all(entry["level"] == "info" and entry["timestamp"].endswith("Z") for entry in written)
    (after,) = entries(lines, "afterwards")
    assert not {"unit", "revision", "sync"} & set(after)
