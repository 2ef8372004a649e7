"""Kills, a database that is away, read-only or gone amid a write, a full disk: nothing is held up or lost."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from support.deployments import START, a_record
from support.postgres import Postgres
from trueup.core.model.events import SyncEnded, UnitChanged
from trueup.core.model.reports import Reason, UnitPhase, UnitReport
from trueup.core.model.state import HistoryEntry
from trueup.history import Bounds, Entry, History, HistorySettings, Question, keeping, open_database, read_url, verify
from trueup.history.journal import HistoryEventSink
from trueup.testing import a_unit

UNIT = a_unit("web", a_record(0).unit)


def told(url: str) -> list[Entry]:
    engine = open_database(read_url(url), read_only=True)
    try:
        return History(engine).ask(Question(limit=100_000))
    finally:
        engine.dispose()


def sound(url: str) -> bool:
    engine = open_database(read_url(url), read_only=True)
    try:
        return verify(engine).findings == ()
    finally:
        engine.dispose()


async def until(holds: Callable[[], bool], patience: float = 120.0) -> None:
    deadline = time.monotonic() + patience
    while not await asyncio.to_thread(_safely, holds):
        assert time.monotonic() < deadline, "it did not come true"
        await asyncio.sleep(0.05)


def _safely(holds: Callable[[], bool]) -> bool:
    try:
        return holds()
    except Exception:
        return False


@asynccontextmanager
async def kept(folder: Path, url: str, identity: str = "writer", **fields: object) -> AsyncIterator[HistoryEventSink]:
    bounds = Bounds(days=0, patience=0.0)
    async with keeping(HistorySettings(folder, url, bounds, **fields), identity) as journal:  # type: ignore[arg-type]
        assert isinstance(journal, HistoryEventSink)
        yield journal


def note(journal: HistoryEventSink, *numbers: int) -> None:
    for number in numbers:
        journal.publish(SyncEnded(UNIT, a_record(number)))


def ids(entries: list[Entry]) -> list[int]:
    return sorted(int(entry.id, 16) for entry in entries if entry.gap is None)


def lost_of(entries: list[Entry]) -> int:
    return sum(entry.gap.count for entry in entries if entry.gap is not None)


async def test_what_is_noted_is_stored_and_a_polite_end_leaves_nothing_behind(url: str, tmp_path: Path) -> None:
    async with kept(tmp_path / "history", url) as journal:
        note(journal, *range(700))
        await until(lambda: len(told(url)) == 700)
    assert sound(url) and list((tmp_path / "history" / "spool").iterdir()) == []


async def test_a_killed_process_loses_nothing_that_the_disk_had(url: str, tmp_path: Path) -> None:
    for life in range(3):
        command = [sys.executable, "-m", "support.history_process", str(tmp_path / "history"), url, f"life-{life}"]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:
            assert process.stdout is not None
            durable = 0
            for line in process.stdout:
                durable = int(line)
                if durable >= 200 * (life + 1):
                    break
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert durable >= 200
    async with kept(tmp_path / "history", url, "last") as journal:
        note(journal, 10**6)
        await until(lambda: 10**6 in ids(told(url)) and durable in ids(told(url)))
    assert set(range(durable)) <= set(ids(told(url))) and sound(url)
    assert list((tmp_path / "history" / "spool").iterdir()) == [], "what others left is stored and removed"


async def test_verifying_while_others_write_finds_nothing(url: str, tmp_path: Path) -> None:
    async with kept(tmp_path / "history", url) as journal:
        note(journal, 0)
        await until(lambda: len(told(url)) == 1)
        for number in range(1, 601, 20):
            note(journal, *range(number, number + 20))
            assert await asyncio.to_thread(sound, url)
        await until(lambda: len(told(url)) == 601)


async def test_two_writers_at_once_have_a_chain_each(url: str, tmp_path: Path) -> None:
    async with kept(tmp_path / "a", url, "a") as first, kept(tmp_path / "b", url, "b") as second:
        for number in range(0, 400, 4):
            note(first, number, number + 1)
            note(second, number + 2, number + 3)
            await asyncio.sleep(0)
        await until(lambda: len(told(url)) == 400)
    engine = open_database(read_url(url), read_only=True)
    verdict = verify(engine)
    engine.dispose()
    assert (verdict.findings, verdict.writers, verdict.entries) == ((), 2, 400)


async def test_postgresql_killed_in_the_middle_of_writing_and_back(postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.database()
    async with kept(tmp_path / "history", url) as journal:
        note(journal, *range(100))
        await until(lambda: len(told(url)) == 100)
        for number in range(100, 600, 10):
            note(journal, *range(number, number + 10))
            await asyncio.sleep(0.002)
            if number == 300:
                postgres.kill()
        took = time.perf_counter()
        note(journal, *range(600, 700))
        assert time.perf_counter() - took < 3.0, "whoever tells waits for nothing"
        postgres.start()
        await until(lambda: len(told(url)) == 700)
    assert ids(told(url)) == list(range(700)) and sound(url)


async def test_a_database_that_is_read_only_is_written_to_when_it_is_not(url: str, tmp_path: Path) -> None:
    async with kept(tmp_path / "history", url) as journal:
        note(journal, 1)
        await until(lambda: len(told(url)) == 1)
        lock, unlock = _read_only(url)
        lock()
        note(journal, 2, 3)
        await asyncio.sleep(1.0)
        assert ids(told(url)) == [1]
        unlock()
        await until(lambda: ids(told(url)) == [1, 2, 3])
    assert sound(url)


def _read_only(url: str) -> tuple[Callable[[], None], Callable[[], None]]:
    """Give what keeps writers out, and what lets them in again."""
    if url.startswith("sqlite"):
        other = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None, timeout=30)

        def forbid() -> None:
            other.execute("create trigger no_writing before insert on entries begin select raise(abort, 'no'); end")

        return forbid, lambda: other.execute("drop trigger no_writing") and None
    import psycopg

    connection = psycopg.connect(url, autocommit=True)
    name = url.rpartition("/")[2]

    def turn(word: str) -> None:
        connection.execute("set default_transaction_read_only = off")
        connection.execute(f"alter database {name} set default_transaction_read_only = {word}".encode())
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s and pid <> pg_backend_pid()",
            (name,),
        )

    return lambda: turn("on"), lambda: turn("off")


async def test_an_unreachable_database_and_a_full_spool_leave_a_gap_that_is_told(url: str, tmp_path: Path) -> None:
    folder = tmp_path / "history"
    away = "postgresql://nobody@127.0.0.1:1/none"
    async with kept(folder, away, "first", spool=20_000) as journal:
        for number in range(3000):
            note(journal, number)
            if number % 100 == 0:
                await asyncio.sleep(0.002)
        assert journal.lost > 0
    async with kept(folder, url, "second") as journal:
        note(journal, 5000)
        await until(lambda: len(ids(told(url))) + lost_of(told(url)) == 3001)
    assert lost_of(told(url)) > 0 and {0, 5000} <= set(ids(told(url)))
    assert sound(url)


async def test_a_gap_is_recorded_once_there_is_room(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = True
    fsync = os.fsync

    def failing(descriptor: int) -> None:
        if full:
            raise OSError(28, "No space left on device")
        fsync(descriptor)

    monkeypatch.setattr("trueup.history.spool.os.fsync", failing)
    async with kept(tmp_path / "history", url) as journal:
        note(journal, 0)
        await until(lambda: len(journal._waiting) == 0)
        note(journal, *range(1, 1500))
        assert journal.lost == 499
        full = False
        await until(lambda: len(told(url)) == 1002)
        assert (journal.lost, journal.lost_ever) == (0, 499), "who measures must not miss it"
        await until(lambda: journal.spooled == 0)
    (gap,) = (entry.gap for entry in told(url) if entry.gap is not None)
    assert (gap.count, gap.since, gap.until) == (499, a_record(1001).finished, a_record(1499).finished)
    assert ids(told(url)) == list(range(1001)) and sound(url)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")
async def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(small)], capture_output=True)
    if mounted.returncode:
        pytest.skip("this machine lets nobody mount")
    url = f"sqlite:///{small / 'history' / 'history.db'}"
    try:
        async with kept(small / "history", url) as journal:
            note(journal, 0)
            await until(lambda: ids(told(url)) == [0])
            ballast = small / "ballast"
            with pytest.raises(OSError), ballast.open("wb", buffering=0) as file:
                while True:
                    file.write(b"x" * 4096)
            note(journal, *range(1, 1800))
            await asyncio.sleep(1.5)
            note(journal, *range(1800, 1900))
            ballast.unlink()
            await until(lambda: any(entry.gap is not None for entry in told(url)))
            (gap,) = (entry.gap for entry in told(url) if entry.gap is not None)
            await until(lambda: len(told(url)) == 1900 - gap.count + 1)
        assert sound(url)
    finally:
        subprocess.run(["umount", str(small)], check=True)


async def test_a_folder_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    async with keeping(HistorySettings(tmp_path / "file" / "history"), "writer") as journal:
        journal.publish(SyncEnded(UNIT, a_record(1)))


async def test_lost_records_come_back_from_the_short_history(url: str, tmp_path: Path) -> None:
    def line(number: int, sync: str, age: float) -> HistoryEntry:
        when = (datetime.now(UTC) - timedelta(seconds=age)).isoformat()
        return HistoryEntry(number, "main@sha1:ab", when, when, "good", sync=sync)

    report = UnitReport(
        phase=UnitPhase.SETTLED,
        reason=Reason.SUCCEEDED,
        message="",
        history=(line(1, f"{1:032x}", 50), line(2, "lost", 40), line(3, "now", -40), line(4, "", 30)),
    )
    async with kept(tmp_path / "history", url) as journal:
        note(journal, 1)
        journal.publish(UnitChanged(UNIT, None, report, START))
        await until(lambda: {entry.id for entry in told(url)} == {f"{1:032x}", "lost"})
    found = {entry.id: entry for entry in told(url)}
    assert found["lost"].recovered and not found[f"{1:032x}"].recovered
    assert found["lost"].record is not None and found["lost"].record.unit == UNIT.ref
    assert sound(url)


async def test_a_record_that_cannot_be_written_leaves_a_gap_and_stops_no_other(url: str, tmp_path: Path) -> None:
    async with kept(tmp_path / "history", url) as journal:
        journal.publish(SyncEnded(UNIT, a_record(1, message="half a character: \ud800")))
        note(journal, 2)
        await until(lambda: len(told(url)) == 2)
    assert ids(told(url)) == [2] and sound(url)


async def test_telling_costs_microseconds_and_never_raises(tmp_path: Path) -> None:
    record = a_record(1)
    async with kept(tmp_path / "history", f"sqlite:///{tmp_path / 'h.db'}") as journal:
        took = time.perf_counter()
        for _ in range(5000):
            journal.publish(SyncEnded(UNIT, record))
        assert time.perf_counter() - took < 10.0
