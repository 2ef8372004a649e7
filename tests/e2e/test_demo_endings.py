"""How a demo ends that is not told to its end: interrupted, killed, or with a step that fails."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from support.demos import DEMO, MAKE_DEMO, PATIENCE, ROOT, in_folder, nothing_is_left, place, running, until
from support.terminals import Terminal

__all__ = ["place"]


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
        if line.startswith("●") and "first deployment" in line:
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
