"""The story of `make demo`, told by the command itself: every step holds, and it leaves nothing behind."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.terminals import Terminal, pasted

ROOT = Path(__file__).parents[2]
PATIENCE = 540.0
"""Seconds that the demo may take on a machine that is busy with other tests."""
DEMO = [sys.executable, "-m", "trueup.cli.main", "demo"]
# What it depends on is there already, and other tests run from it.
MAKE_DEMO = ["make", "-o", ".venv/.ready", "-o", "binaries", "demo"]


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder for temporary files, as short as that of most machines."""
    made = Path(tempfile.mkdtemp(dir="/tmp"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


def test_the_story_holds_from_the_first_deployment_to_the_disaster(place: Path) -> None:
    try:
        done = subprocess.run(
            DEMO, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, env=in_folder(place)
        )
    except subprocess.TimeoutExpired as late:
        raise AssertionError(f"the demo is not over after {PATIENCE:g} s:\n{(late.stdout or b'').decode()}") from late
    assert done.returncode == 0, done.stdout + done.stderr
    summary = [line for line in done.stdout.splitlines() if line.startswith("✓")]
    assert len(summary) >= 10, done.stdout
    assert all(re.search(r"\d+\.\d\d s$", line) and len(line) <= 80 for line in summary)
    nothing_is_left(place)


def test_what_it_says_to_try_works_when_pasted_and_ctrl_c_ends_it_quietly(place: Path) -> None:
    with Terminal(MAKE_DEMO, columns=80, cwd=ROOT, environment=in_folder(place)) as demo:
        demo.until("^Ctrl-C ends it", PATIENCE)
        told = demo.text[demo.text.index("Everything is still running") :]
        commands = [line.removeprefix("  ") for line in told.splitlines() if line.startswith("  ")]
        assert len(commands) >= 10
        assert not [line for line in commands if len(line) > 78], "wrapped in a terminal of 80 columns"
        with Terminal(["bash", "--norc", "--noprofile", "-i"], columns=80, cwd=Path("/"), environment=bare()) as shell:
            for command in commands:
                assert pasted(shell, command, PATIENCE) == 0, shell.text
            waiting = "kubectl -n production wait --timeout=300s"
            assert pasted(shell, f"{waiting} --for=create ingress/shop", PATIENCE) == 0, shell.text
            assert pasted(shell, f"{waiting} --for=jsonpath='{{.spec.replicas}}'=3 deployment/shop", PATIENCE) == 0, (
                shell.text
            )
        before = len(demo.text)
        demo.type("\x03")
        demo.ended(PATIENCE)
        shown = demo.text[before:]
        assert "Stopping everything" in shown and "make:" not in shown and "rror" not in shown, shown
    nothing_is_left(place)


@pytest.mark.parametrize("how", ["ctrl-c", "sigterm", "hangup"])
def test_it_can_be_ended_in_the_middle(how: str, place: Path) -> None:
    with Terminal(MAKE_DEMO, columns=40, cwd=ROOT, environment=in_folder(place)) as demo:
        before = demo.until("Git server", PATIENCE).end()
        if how == "ctrl-c":
            demo.type("\x03")
        elif how == "sigterm":
            demo.process.send_signal(signal.SIGTERM)
        if how != "hangup":
            demo.ended(PATIENCE)
            shown = demo.text[before:]
            assert "Stopping everything" in shown and "make:" not in shown and "rror" not in shown, shown
    nothing_is_left(place)


def test_a_step_that_fails_is_told_in_words_with_commands_to_look_further(place: Path) -> None:
    environment = {**in_folder(place), "TRUEUP_CONTEXT": "another", "TRUEUP_LISTEN": "127.0.0.1:1"}
    demo = subprocess.Popen(
        DEMO, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )
    assert demo.stdout is not None
    told = ""
    for line in demo.stdout:
        told += line
        if "first deployment" in line:
            (controller,) = running(place, "trueup.devtools.demo.tethered")
            os.kill(controller, signal.SIGKILL)
    assert demo.wait(PATIENCE) == 1, told
    assert "the controller has ended with signal 9" in told
    assert "The story ends here, because this did not hold: first deployment" in told
    for unfit in ("Traceback", "{'", "a commit: a new image"):
        assert unfit not in told, told
    (look,) = re.findall(r"^  (tail -n 50 .*)$", told, re.MULTILINE)
    assert "listening" in subprocess.run(["sh", "-c", look], capture_output=True, text=True, check=True).stdout
    assert running(place) == []


def test_one_that_is_killed_ends_its_processes_and_the_next_removes_its_folder(place: Path) -> None:
    killed = subprocess.Popen(DEMO, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=in_folder(place))
    assert killed.stdout is not None
    until(lambda: b"first deployment" in killed.stdout.readline())
    killed.kill()
    killed.wait()
    killed.stdout.close()
    until(lambda: running(place) == [])
    assert list(place.glob("trueup-demo-*"))
    ask = "from trueup.devtools.demo.folder import Folder; Folder().leave(keep=False)"
    subprocess.run([sys.executable, "-c", ask], env=in_folder(place), check=True)
    nothing_is_left(place)


def in_folder(place: Path) -> dict[str, str]:
    """Give an environment whose temporary files are in a folder of the test's own."""
    return {**bare(), "TMPDIR": str(place)}


def bare() -> dict[str, str]:
    """Give an environment that says nothing of a cluster, and in which make is not running already."""
    passing = ("TRUEUP_", "MAKE", "KUBECONFIG", "MFLAGS")
    return {name: value for name, value in os.environ.items() if not name.startswith(passing)}


def nothing_is_left(place: Path) -> None:
    until(lambda: running(place) == [] and not list(place.glob("trueup-demo-*")))


def running(place: Path, word: str = "") -> list[int]:
    """Give the processes whose command names a demo's folder (and a word)."""
    found = subprocess.run(["pgrep", "-f", f"{word}.*{place}/trueup-demo-"], capture_output=True, text=True).stdout
    return [int(pid) for pid in found.split()]


def until(so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not so():
        assert time.monotonic() < deadline
        time.sleep(0.1)
