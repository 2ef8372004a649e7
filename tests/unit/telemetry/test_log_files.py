"""The log of a process is kept in bounded files of its own, apart for each cluster, and nobody waits for it."""

from __future__ import annotations

import json
import os
from pathlib import Path

from trueup.telemetry import log_files
from trueup.telemetry.log_files import LogFiles


def say(files: LogFiles, **event: object) -> None:
    assert files.processor(None, "info", dict(event)) == event, "the next processor gets it as it was"


def lines(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for path in sorted(folder.glob("*")) for line in path.read_text().splitlines()]


def test_what_was_said_before_the_cluster_was_known_is_kept_too(tmp_path: Path) -> None:
    files = LogFiles(tmp_path, 1_000_000)
    say(files, event="early")
    files.open("cluster-1", "host-1-a")
    files.open("cluster-1", "host-1-a")
    say(files, event="later", path=Path("/x"))
    files.open("cluster-2", "host-1-a")
    say(files, event="elsewhere")
    files.close()
    assert [line["event"] for line in lines(tmp_path / "cluster-1")] == ["early", "later"]
    assert [line["event"] for line in lines(tmp_path / "cluster-2")] == ["elsewhere"]
    assert [path.name for path in (tmp_path / "cluster-1").iterdir()] == ["host-1-a.jsonl"]


def test_a_log_keeps_within_its_bound(tmp_path: Path) -> None:
    files = LogFiles(tmp_path, 40_000)
    files.open("cluster", "host-1-a")
    for number in range(2000):
        say(files, event="a line of the log", number=number)
    files.close()
    assert sum(path.stat().st_size for path in (tmp_path / "cluster").iterdir()) <= 40_000
    assert (tmp_path / "cluster" / "host-1-a.jsonl").is_file()


def test_old_logs_make_room_and_those_of_others_at_work_stay(tmp_path: Path) -> None:
    folder = tmp_path / "cluster"
    folder.mkdir()
    for name, age in (("old-1-a.jsonl", 10_000), ("older-1-a.jsonl", 20_000), ("young-1-a.jsonl", 0)):
        path = folder / name
        path.write_text("x" * 600)
        os.utime(path, (path.stat().st_mtime - age,) * 2)
    files = LogFiles(tmp_path, 1000)
    files.open("cluster", "host-1-a")
    files.close()
    assert {path.name for path in folder.iterdir()} == {"young-1-a.jsonl", "host-1-a.jsonl"}


def test_an_exception_is_kept_in_words(tmp_path: Path) -> None:
    files = LogFiles(tmp_path, 1_000_000)
    files.open("cluster", "host-1-a")
    try:
        raise ValueError("it is so")
    except ValueError:
        files.processor(None, "error", {"event": "it broke", "exc_info": True})
    files.close()
    assert "ValueError: it is so" in str(lines(tmp_path / "cluster")[0]["exception"])


def test_a_folder_that_cannot_be_written_harms_nobody(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file stands in the way")
    files = LogFiles(tmp_path / "logs", 1000)
    files.open("cluster", "host-1-a")
    for number in range(log_files.WAITING + 10):
        say(files, number=number)
    files.close()
