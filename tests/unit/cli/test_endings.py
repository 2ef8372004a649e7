"""How commands end: exit codes, one line for what went wrong, and nothing more when the reader has gone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer

from trueup.cli import main as program
from trueup.core.problem import Kind, Problem
from trueup.kube.errors import (
    CertificateError,
    ConnectionConfigError,
    Forbidden,
    Invalid,
    KubeError,
    NoConnection,
    NotFound,
    ServerError,
    Timeout,
    Unauthorized,
)
from trueup.queries.problems import no_answer, problem_of, problems

COMMAND = [sys.executable, "-m", "trueup.cli.main"]
OF_A_UNIT = ("tree", "diff", "why", "sync", "suspend", "resume", "rollback", "unpin", "approve")
OF_A_CLUSTER = [("get",), ("get", "-w"), ("blame", "deployment/web"), *((name, "web") for name in OF_A_UNIT)]


class Ended(NamedTuple):
    code: int
    out: str
    err: list[str]


@pytest.fixture
def trueup(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Run the command in this process."""

    def run(*arguments: str, **environment: str) -> Ended:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["trueup", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            program.main()
        told = capsys.readouterr()
        return Ended(int(ended.value.code or 0), told.out, told.err.splitlines())

    return run


def kubeconfig(folder: Path, **changes: Any) -> str:
    cluster = {"server": "http://127.0.0.1:9", **changes}
    config = {
        "clusters": [{"name": "here", "cluster": cluster}],
        "contexts": [{"name": "production", "context": {"cluster": "here", "user": "me"}}],
        "users": [{"name": "me", "user": {}}],
        "current-context": "production",
    }
    (folder / "config").write_text(json.dumps(config))
    return str(folder / "config")


@pytest.mark.parametrize("arguments", OF_A_CLUSTER, ids=" ".join)
def test_without_a_cluster_every_command_says_so(
    trueup: Callable[..., Ended], tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    for config, context, words in (
        (str(tmp_path / "absent"), "", "no kubeconfig"),
        (kubeconfig(tmp_path), "", "127.0.0.1:9"),
        (kubeconfig(tmp_path), "prodution", "prodution"),
    ):
        ended = trueup(*arguments, KUBECONFIG=config, TRUEUP_CONTEXT=context)
        assert (ended.code, ended.out) == (5, ""), ended
        assert len(ended.err) == 2 and words in ended.err[0] and ended.err[1].startswith("hint: ")
        assert ended.err[0].startswith("error: ")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (NoConnection("x"), Kind.NO_CLUSTER),
        (ConnectionConfigError("x"), Kind.NO_CLUSTER),
        (CertificateError("x"), Kind.NO_CLUSTER),
        (Timeout("x"), Kind.NO_CLUSTER),
        (Unauthorized("x"), Kind.FORBIDDEN),
        (Forbidden("x"), Kind.FORBIDDEN),
        (NotFound("x"), Kind.NOT_FOUND),
        (Invalid("x"), Kind.FAILED),
        (ServerError("x"), Kind.FAILED),
    ],
)
def test_every_refusal_of_a_cluster_has_its_exit_code(error: KubeError, kind: Kind) -> None:
    assert problem_of(error).kind is kind


def test_a_question_that_may_be_answered_with_no_never_fails_with_its_code() -> None:
    assert no_answer(Problem("x")).kind is Kind.BAD_USE
    assert no_answer(Problem("x", kind=Kind.FORBIDDEN)).kind is Kind.FORBIDDEN


def test_all_exit_codes_are_documented() -> None:
    page = (Path(__file__).parents[3] / "docs/cli.md").read_text()
    for code in (*Kind, program.INTERRUPTED, program.READER_GONE):
        assert f"\n| {int(code)} |" in page


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("why",), "missing argument 'UNIT'"),
        (("why", "a", "b"), "unexpected extra argument"),
        (("history", "verfy", "x"), "no such command 'verfy'"),
        (("get", "--namespce", "x"), "no such option: --namespce"),
        (("get", "-o", "jsn"), "'jsn' is not one of"),
        (("crds", "-o", "table"), "'table' is not one of"),
        (("sync", "x", "--timeout", "soon"), "--timeout"),
        (("history", "--outcome", "god"), "none of good"),
        (("history", "--limit", "0"), "--limit"),
        (("run", "--rollback", "atuo"), "none of auto"),
        (("cluster", "up", "--nodes", "0"), "--nodes"),
        (("cluster", "reset", "--name", "../x"), "name"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_use_is_said_in_one_line_with_what_was_meant(
    trueup: Callable[..., Ended], arguments: tuple[str, ...], said: str
) -> None:
    ended = trueup(*arguments, TRUEUP_HISTORY="sqlite:////nowhere/history.db")
    assert (ended.code, ended.out) == (2, "") and said in ended.err[0] and len(ended.err) <= 2, ended


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (("gte",), "did you mean 'get'?"),
        (("history", "verfy", "x"), "did you mean 'verify'?"),
        (("get", "--namespce", "x"), "--namespace"),
        (("get", "-o", "jsn"), "did you mean 'json'?"),
        (("history", "--cause", "changes"), "did you mean 'change'?"),
        (("run", "--rollback", "atuo"), "did you mean 'auto'?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_misspelt_is_told_what_was_meant(
    trueup: Callable[..., Ended], arguments: tuple[str, ...], meant: str
) -> None:
    assert meant in trueup(*arguments).err[1]


def groups() -> list[list[str]]:
    root: Any = typer.main.get_command(program.app)
    return [[], *([name] for name, command in root.commands.items() if hasattr(command, "commands"))]


@pytest.mark.parametrize("group", groups(), ids=lambda group: " ".join(group) or "trueup")
def test_each_command_has_one_line_of_help_at_eighty_columns(trueup: Callable[..., Ended], group: list[str]) -> None:
    out = trueup(*group, "--help", COLUMNS="80").out
    lines = out.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
    assert lines and all(line[2:3] != " " and line.endswith(".") for line in lines), "one line each"
    assert not any(line.endswith("..") for line in lines) and all(len(line) <= 80 for line in lines), "and whole"


def test_an_error_is_one_line_whatever_others_wrote(trueup: Callable[..., Ended]) -> None:
    ended = trueup("run", "--rollback", "a\nb\x1b[2J")
    assert len(ended.err) == 1 and "\x1b" not in ended.err[0]


def test_the_reader_may_leave_before_the_end() -> None:
    for arguments in (["crds"], ["crds", "-o", "json"]):
        with subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None and process.stderr is not None
            process.stdout.close()
            assert process.stderr.read() == b""
        assert process.returncode == 141


def test_a_reader_who_has_gone_is_no_problem_of_the_cluster() -> None:
    with pytest.raises(BrokenPipeError), problems():
        raise BrokenPipeError


def test_a_full_disk_is_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*COMMAND, "crds"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1 and done.stderr == "error: [Errno 28] No space left on device\n"


def test_a_terminal_without_unicode_ends_no_command() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    done = subprocess.run([*COMMAND, "sync", "--help"], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0 and "app/?" in done.stdout


def test_ctrl_c_ends_without_a_word(tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        config = kubeconfig(tmp_path, server=f"http://127.0.0.1:{silent.getsockname()[1]}")
        command = [*COMMAND, "get", "--kubeconfig", config]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            silent.settimeout(60)
            connection, _ = silent.accept()
            time.sleep(0.1)
            process.send_signal(signal.SIGINT)
            try:
                out, err = process.communicate(timeout=60)
            finally:
                # One that did not end must not keep the test from saying so.
                process.kill()
                connection.close()
    assert (process.returncode, out, err.strip()) == (130, b"", b"")


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("history --outcome ", {"good", "sick", "returned", "refused", "failed", "superseded"}),
        ("history list --cause re", {"request", "return"}),
        ("get -o ", {"table", "wide", "name", "json", "yaml"}),
        ("run --rollback ", {"auto", "propose", "report"}),
        ("get --context ", {"production"}),
        ("get so", {"sources"}),
        ("get --names", {"--namespace"}),
        ("rollback web --to ", set()),
        ("blame depl", set()),
        ("history show ", set()),
        ("why ", set()),
    ],
)
def test_the_shell_is_told_what_there_is_and_nothing_without_a_cluster(
    trueup: Callable[..., Ended], tmp_path: Path, words: str, offered: set[str]
) -> None:
    ended = trueup(
        _TRUEUP_COMPLETE="complete_bash",
        COMP_WORDS=f"trueup {words}",
        COMP_CWORD=str(words.count(" ") + 1),
        KUBECONFIG=kubeconfig(tmp_path),
        TRUEUP_HISTORY="sqlite:////nowhere/history.db",
    )
    assert (set(ended.out.split()), ended.err) == (offered, [])
