"""Nothing is told twice, bad news is followed by its end, and a restart tells nothing anew."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from support.events import event
from trueup.core.model.objects import ObjectRef
from trueup.core.notification.notification import NotificationEvent
from trueup.notifications.memory import ON_THE_WAY, STALE, Memory

ALERT = ObjectRef("notification.toolkit.fluxcd.io", "Alert", "flux-system", "all")
OTHER = ObjectRef("notification.toolkit.fluxcd.io", "Alert", "flux-system", "other")


async def test_the_same_is_told_once_to_each(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "told.json")
    assert memory.news(ALERT, event()) and not memory.news(ALERT, event())
    assert memory.news(OTHER, event())
    assert memory.news(ALERT, event(revision="main@sha1:" + "b" * 40))


async def test_another_count_of_restarts_is_nothing_new(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "told.json")
    assert memory.news(ALERT, event(bad=True, message="pod web-5d9fc crash-loops: 1 restart"))
    assert not memory.news(ALERT, event(bad=True, message="pod web-7a0bc1 crash-loops: 2 restart"))
    assert memory.news(ALERT, event(bad=True, message="cannot pull its image"))


async def test_recovery_is_told_after_bad_news_alone(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "told.json")
    recovered = event(recovered=True, message="well again")
    assert not memory.news(ALERT, recovered)
    assert memory.news(ALERT, event(bad=True)) and memory.was_bad(ALERT, recovered.about)
    assert memory.news(ALERT, recovered) and not memory.was_bad(ALERT, recovered.about)
    assert not memory.news(ALERT, recovered)


async def test_a_restart_remembers(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "told.json")
    assert memory.news(ALERT, event(bad=True))
    await memory.flush()
    again = Memory(tmp_path / "told.json")
    again.load()
    assert not again.news(ALERT, event(bad=True)) and again.was_bad(ALERT, event().about)


async def test_a_broken_file_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "told.json").write_bytes(b'{"half')
    memory = Memory(tmp_path / "told.json")
    memory.load()
    assert memory.news(ALERT, event(bad=True))
    await memory.flush()


def recently(name: str = "web", **fields: Any) -> NotificationEvent:
    return event(name, at=datetime.now(UTC), **fields)


async def reopened(memory: Memory, folder: Path) -> Memory:
    await memory.flush()
    again = Memory(folder / "told.json")
    again.load()
    return again


async def test_what_has_not_arrived_is_kept_over_a_restart_until_it_has(tmp_path: Path) -> None:
    memory, first, second = Memory(tmp_path / "told.json"), recently("a", bad=True), recently("b")
    assert memory.news(ALERT, first) and memory.news(ALERT, second)
    memory.arrived(ALERT, second)
    again = await reopened(memory, tmp_path)
    assert [(sent.listener, sent.event) for sent in again.on_the_way()] == [(ALERT, first)]
    assert not again.news(ALERT, first)
    again.arrived(ALERT, first)
    assert (await reopened(again, tmp_path)).on_the_way() == ()


async def test_the_arrival_of_old_news_leaves_newer_on_its_way(tmp_path: Path) -> None:
    memory, bad, well = Memory(tmp_path / "told.json"), recently(bad=True), recently(recovered=True)
    assert memory.news(ALERT, bad) and memory.news(ALERT, well)
    memory.arrived(ALERT, bad)
    assert [sent.event for sent in memory.on_the_way()] == [well]


async def test_what_comes_too_late_is_not_told(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "told.json")
    assert memory.news(ALERT, event(at=datetime.now(UTC) - STALE - timedelta(minutes=1)))
    assert (await reopened(memory, tmp_path)).on_the_way() == ()


async def test_a_change_while_the_file_is_written_is_written_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trueup.notifications.memory.WRITE_AFTER", 0)
    memory, write, late = Memory(tmp_path / "told.json"), Memory._write, recently("late")
    loop = asyncio.get_running_loop()

    def slow(self: Memory, data: bytes) -> None:
        if not memory.was_bad(ALERT, recently("meanwhile").about):
            asyncio.run_coroutine_threadsafe(meanwhile(), loop).result(5)
        write(self, data)

    async def meanwhile() -> None:
        memory.news(ALERT, recently("meanwhile", bad=True))

    monkeypatch.setattr(Memory, "_write", slow)
    assert memory.news(ALERT, late)
    again = await reopened(memory, tmp_path)
    assert again.was_bad(ALERT, recently("meanwhile").about)


async def test_what_is_on_the_way_is_bounded(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "told.json")
    for number in range(ON_THE_WAY + 5):
        assert memory.news(ALERT, recently(f"unit-{number}"))
    assert len(memory.on_the_way()) == ON_THE_WAY and memory.on_the_way()[0].event.about.name == "unit-5"
    await memory.flush()


async def test_a_sync_that_a_restart_interrupted_is_told_once_whatever_its_words(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "told.json")
    told = msgspec.structs.replace(event(message="Reconciliation finished in 3.081s"), sync="a")
    assert memory.news(ALERT, told)
    again = msgspec.structs.replace(told, message="Reconciliation finished in 4.2s")
    assert not memory.news(ALERT, again) and memory.news(ALERT, msgspec.structs.replace(again, sync="b"))
    await memory.flush()
