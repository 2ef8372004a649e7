"""How the command answers words it does not understand, and how quickly it says what it can do."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from trueup import __version__


def trueup(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "trueup.cli.main", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["gt"], ["error: no such command 'gt'", "hint: did you mean 'get'?"]),
        (["cluster", "dwn"], ["error: no such command 'dwn'", "hint: did you mean 'down'?"]),
        (["tree"], ["error: missing argument 'UNIT'", "hint: `trueup tree --help` says what it takes"]),
        (["get", "--outptu", "x"], ["error: no such option: --outptu", "hint: possible options: --output"]),
    ],
)
def test_bad_use_is_one_line_and_a_hint(words: list[str], said: list[str]) -> None:
    done = trueup(*words)
    assert (done.returncode, done.stdout, done.stderr.splitlines()) == (2, "", said)


def test_a_bad_value_names_the_option_and_what_it_takes() -> None:
    done = trueup("get", "-o", "xml")
    assert done.returncode == 2
    error, hint = done.stderr.splitlines()
    assert error.startswith("error: invalid value for '--output'") and "'json'" in error
    assert hint.startswith("hint: ")


def test_a_bad_value_of_a_variable_names_the_variable() -> None:
    done = trueup("run", TRUEUP_POLL="often")
    assert done.returncode == 2 and "TRUEUP_POLL" in done.stderr.splitlines()[0]


def test_no_words_are_a_wish_for_help() -> None:
    done = trueup()
    assert done.returncode == 0 and "Usage: trueup" in done.stdout and done.stderr == ""


def test_the_version_is_told_shortly_and_to_programs() -> None:
    assert trueup("--version").stdout == f"trueup {__version__}\n"
    assert f'"version": "{__version__}"' in trueup("version", "-o", "json").stdout


def test_help_waits_for_nothing_heavy() -> None:
    program = "import sys, trueup.cli.main; print(*sys.modules)"
    loaded = set(subprocess.check_output([sys.executable, "-c", program], text=True).split())
    heavy = {
        "aiohttp",
        "cryptography",
        "msgspec",
        "rich",
        "sqlalchemy",
        "structlog",
        "trueup.runtime.controller",
        "yaml",
    }
    assert loaded & heavy == set()


def test_the_log_has_what_was_asked_for_and_nothing_below() -> None:
    program = (
        "import structlog\n"
        "from trueup.cli.options import Log, LogFormat, LogLevel\n"
        "from trueup.cli.run import _log_to_stderr\n"
        "_log_to_stderr(Log(LogFormat.JSON, LogLevel.WARNING))\n"
        "log = structlog.get_logger()\n"
        "log.info('quiet')\n"
        "log.warning('loud', unit='web')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    (entry,) = map(json.loads, done.stderr.splitlines())
    assert (entry["event"], entry["unit"], entry["level"]) == ("loud", "web", "warning")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_can_complete_commands(shell: str) -> None:
    words = {"COMP_WORDS": "trueup ge", "COMP_CWORD": "1", "_TYPER_COMPLETE_ARGS": "trueup ge"}
    done = trueup(_TRUEUP_COMPLETE=f"complete_{shell}", _TYPER_COMPLETE_FISH_ACTION="get-args", **words)
    assert "get" in done.stdout, done.stderr
