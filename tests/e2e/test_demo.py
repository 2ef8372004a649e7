"""The story of `make demo`, told by the command itself: every step holds, and what it says to try works."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from support.demos import DEMO, MAKE_DEMO, PATIENCE, ROOT, bare, in_folder, nothing_is_left, place
from support.terminals import Terminal, pasted

__all__ = ["place"]


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
