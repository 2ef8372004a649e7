"""Tables in terminals of every width and in a pipe: one line for each object, and no two that look alike."""

from __future__ import annotations

import fcntl
import os
import pty
import random
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Sequence
from pathlib import Path

import pytest

from trueup.cli import cluster
from trueup.cli.history.columns import DEPLOYMENTS, FINDINGS, SHORT
from trueup.cli.options import Form
from trueup.cli.tables import ESSENTIAL, Column, Cut, show
from trueup.cli.tables.fitting import GAP, fit
from trueup.cli.tables.shortening import ELLIPSIS, cells, clipped, distinct, narrowest
from trueup.cli.views import blame, get, tree

MESSAGE = "health check failed: Deployment/shop/web: container app of pod web-5d9f crash-loops: exit code 1, 3 restarts"
LABEL = 63
"""The most characters that a name of a unit or a namespace has."""


def long_names(count: int) -> list[str]:
    """Names of full length that share their beginnings and ends, as those of a fleet do."""
    name = "payments-checkout-{:03d}-of-the-european-region-number-one-production"
    return [name.format(number)[:LABEL].ljust(LABEL, "n") for number in range(count)]


def fleet(count: int = 200) -> list[Sequence[str]]:
    return [
        (
            ("Kustomization", "Application")[at % 2],
            f"team-{at % 7}-of-the-department-for-payments-in-the-whole-of-europe-x"[:LABEL],
            name,
            ("True", "False", "Unknown")[at % 3],
            ("Synced", "OutOfSync")[at % 2],
            ("Healthy", "Degraded", "Progressing")[at % 3],
            "release-2026@0123abcd",
            "3d",
            "2h",
            f"https://git.example.com/teams/payments/{name}.git",
            f"clusters/production/{name}",
            MESSAGE if at % 3 else "everything is applied and healthy",
        )
        for at, name in enumerate(long_names(count))
    ]


def deployments() -> list[Sequence[str]]:
    return [
        (f"{at:012x}", "2026-11-25T16:44:32", f"Kustomization/{row[1]}/{row[2]}", "release-2026@0123abcd",
         ("good", "superseded")[at % 2], "request", "Augusta Ada King, Countess of Lovelace",
         "system:serviceaccount:ci", MESSAGE)
        for at, row in enumerate(fleet())
    ]  # fmt: skip


def short_history() -> list[Sequence[str]]:
    started, finished = "2026-11-25T16:44:32", "2026-11-25T16:49:32"
    return [
        (str(at), f"a-branch-of-some-length-{at}@0123abcd", started, finished, "returned", "x" * 70) for at in range(20)
    ]


def findings() -> list[Sequence[str]]:
    return [("altered", "controller-0-1-c57c0f", f"{at:032x}", "2026-11-25T16:44:32+00:00", MESSAGE) for at in range(5)]


def fields() -> list[Sequence[str]]:
    return [
        (f'spec.template.spec.containers[name="{name}"].resources.limits.memory', '"' + "v" * 110 + '"', "0123abcd",
         "Augusta Ada King", "2026-11-25", f"{MESSAGE} [https://github.com/team/shop/pull/7]",
         f"overlays/{name}.yaml:7")
        for name in long_names(30)
    ]  # fmt: skip


def objects() -> list[Sequence[str]]:
    namespace = fleet(1)[0][1]
    return [(f"│   ├── Deployment/{namespace}/{name}", "Progressing", MESSAGE) for name in long_names(50)]


TABLES = {
    "get": ([column for column in get.COLUMNS if not column.wide], [(*row[:8], row[11]) for row in fleet()]),
    "history": (list(DEPLOYMENTS), deployments()),
    "short history": (list(SHORT), short_history()),
    "verify": (list(FINDINGS), findings()),
    "blame": (list(blame.COLUMNS), fields()),
    "tree": (list(tree.COLUMNS), objects()),
    "cluster status": (
        list(cluster.COLUMNS),
        [(part, "not running", "1234567", "2026-11-25T16:44:32Z", "512 MiB") for part in ("kube-apiserver", "etcd")],
    ),
}


@pytest.mark.parametrize("width", [80, 100, 120, 200])
@pytest.mark.parametrize("name", TABLES)
def test_a_table_fits_its_terminal_and_no_two_rows_look_alike(name: str, width: int) -> None:
    columns, rows = TABLES[name]
    fitted = fit(columns, rows, width)
    lines = [fitted.cells(row) for row in rows]
    assert all(sum(map(cells, line)) + GAP * (len(line) - 1) <= width for line in [*lines, fitted.headings])
    told = [at for at, part in enumerate(fitted.parts) if part.column.identifies]
    names = [at for at, column in enumerate(columns) if column.identifies]
    assert len(told) == len(names), "what tells rows apart is always there"
    assert len({tuple(line[at] for at in told) for line in lines}) == len(
        {tuple(row[at] for at in names) for row in rows}
    )
    shown = [part.column.heading for part in fitted.parts]
    left_out = [column for column in columns if column.heading not in shown]
    kept = [column.importance for column in columns if column.heading in shown]
    assert all(column.importance <= min(kept) for column in left_out), "the least important go first"


@pytest.mark.parametrize("name", TABLES)
def test_a_program_gets_every_column_whole(name: str) -> None:
    columns, rows = TABLES[name]
    fitted = fit(columns, rows, None)
    assert [heading.strip() for heading in fitted.headings] == [column.heading for column in columns]
    assert [[cell.strip() for cell in fitted.cells(row)] for row in rows] == [
        [cell.strip() for cell in row] for row in rows
    ]


def test_at_eighty_columns_a_usual_fleet_keeps_its_names_health_and_a_message() -> None:
    state = ("False", "", "Degraded", "main@0123abcd", "3d", MESSAGE)
    rows = [("Kustomization", "flux-system", f"shop-{at}-production", *state) for at in range(9)]
    columns, _ = TABLES["get"]
    fitted = fit(columns, rows, 80)
    assert [part.column.heading for part in fitted.parts][:4] == ["KIND", "NAMESPACE", "NAME", "READY"]
    first = [cell.strip() for cell in fitted.cells(rows[0])]
    assert first[:3] == ["ks", "flux-system", "shop-0-production"] and "Degraded" in first
    assert first[-1] == "health check failed…", "it ends after a word"


def test_names_are_cut_where_that_tells_them_apart() -> None:
    few = ["a" * 30 + middle + "z" * 30 for middle in "bcd"]
    assert distinct(few, 20) is None
    width = narrowest(few, 20)
    found = distinct(few, width)
    assert found is not None and len(set(found.values())) == 3 and width < 61
    assert distinct(few, width - 1) is None, "and no wider than that needs"


def test_whatever_the_names_are_no_two_of_them_look_alike() -> None:
    chosen = random.Random(7)
    for _ in range(60):
        stem = [chosen.choice("ab") for _ in range(LABEL)]
        names = set()
        for _ in range(chosen.randint(2, 60)):
            other = list(stem)
            for _ in range(chosen.randint(0, 3)):
                other[chosen.randrange(LABEL)] = chosen.choice("xyz-")
            names.add("".join(other[: chosen.choice((LABEL, LABEL, 40, 12))]))
        width = narrowest(names, 24)
        found = distinct(names, width)
        assert found is not None and len(set(found.values())) == len(names)
        assert all(cells(short) <= width for short in found.values())


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("all is well", 11, "all is well"),
        ("all is well", 10, "all is…"),
        ("all is well", 7, "all is…"),
        ("health check failed: web", 21, "health check failed…"),
        ("averylongword", 6, "avery…"),
        ("配置已应用并且健康", 9, "配置已应…"),
    ],
)
def test_a_text_is_shortened_after_a_word(text: str, width: int, shown: str) -> None:
    assert clipped(text, width) == shown and cells(shown) <= width


def test_an_object_keeps_its_kind_and_its_name_before_its_namespace() -> None:
    names = [f"Deployment/{'n' * 40}/{name}" for name in ("web", "api-of-the-shop")]
    found = distinct(names, 32)
    assert found is not None
    assert set(found.values()) == {"Deployment/nnnnnnnnnn…nnnnnn/web", "Deployment/nn…nn/api-of-the-shop"}
    long = [f"Deployment/{'n' * 40}/{name}" for name in long_names(3)]
    assert all(short.startswith("Deployment/…/payments-") for short in (distinct(long, 48) or {}).values())


def test_names_and_texts_share_the_room_that_is_left() -> None:
    columns = [Column("NAME", ESSENTIAL, Cut.NAME, 5, identifies=True), Column("TEXT", 1, Cut.TEXT, 4), Column("X", 2)]
    fitted = fit(columns, [("a" * 20, "some words here", "")], 30)
    assert [part.width for part in fitted.parts] == [13, 12, 1]
    fitted = fit(columns, [("a" * 20, "short", "")], 30)
    assert [part.width for part in fitted.parts] == [20, 5, 1], "what one does not need the other gets"
    assert [part.column.heading for part in fit(columns, [("a" * 20, "some words", "")], 12).parts] == ["NAME", "TEXT"]


# ------------------------------------------------------------------------------------------------- real terminals

PROGRAM = """
import sys
sys.path.insert(0, {tests!r})
from trueup.cli.options import Form
from trueup.cli.tables import show, tell
from unit.cli.test_tables import MESSAGE, TABLES
if {words}:
    tell(["• " + MESSAGE, "  → mend it in Git"])
else:
    for name, (columns, rows) in TABLES.items():
        show(Form({form!r}), [], columns, rows)
        print({end!r}, flush=True)
"""
END = "-- the end of a table"


def printed(form: str = "table", *, words: bool = False, width: int | None, **environment: str) -> str:
    """Give what is printed into a terminal of this width, or without one into a pipe."""
    tests = str(Path(__file__).parents[2])
    program = [sys.executable, "-c", PROGRAM.format(tests=tests, form=form, words=words, end=END)]
    given = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "NO_COLOR", "FORCE_COLOR")}
    given |= {"TERM": "xterm-256color", **environment}
    if width is None:
        return subprocess.run(program, env=given, capture_output=True, text=True, check=True, timeout=60).stdout
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    process = subprocess.Popen(program, env=given, stdout=theirs, stdin=theirs, stderr=subprocess.PIPE)
    os.close(theirs)
    told = b""
    try:
        while part := os.read(ours, 65536):
            told += part
    except OSError:
        pass  # The other end is closed: that is how Linux says so.
    _, error = process.communicate(timeout=60)
    os.close(ours)
    assert process.returncode == 0, error.decode()
    return told.decode().replace("\r\n", "\n")


def tables(out: str) -> dict[str, list[str]]:
    """Give the lines of each table."""
    return dict(zip(TABLES, (part.strip("\n").splitlines() for part in out.split(END + "\n")), strict=False))


@pytest.mark.parametrize("width", [80, 120, 200])
def test_in_a_terminal_each_object_has_one_line_of_it(width: int) -> None:
    for name, lines in tables(printed(width=width, NO_COLOR="1")).items():
        assert len(lines) == len(TABLES[name][1]) + 1 and max(map(cells, lines)) <= width, name
        assert len(set(lines)) == len(lines) and not any("\x1b" in line for line in lines), name


def test_in_a_pipe_each_object_has_one_line_with_its_full_text_and_no_colours() -> None:
    out = printed(width=None, FORCE_COLOR="1", COLUMNS="80")
    assert "\x1b" not in out and ELLIPSIS not in out
    for name, lines in tables(out).items():
        columns, rows = TABLES[name]
        assert all(column.heading in lines[0] for column in columns), name
        for line, row in zip(lines[1:], rows, strict=True):
            assert all(cell in line for cell in row), name


def test_wide_has_every_column_whole_in_a_terminal_too() -> None:
    found = tables(printed("wide", width=80, NO_COLOR="1"))
    for name, lines in found.items():
        assert all(all(cell in line for cell in row) for line, row in zip(lines[1:], TABLES[name][1], strict=True))


def test_what_is_for_wide_tables_alone_is_not_in_others(capsys: pytest.CaptureFixture[str]) -> None:
    row = fleet(1)
    show(Form.TABLE, [], get.COLUMNS, row)
    assert "SOURCE" not in capsys.readouterr().out
    show(Form.WIDE, [], get.COLUMNS, row, headings=False)
    out = capsys.readouterr().out
    assert "NAME" not in out and "https://git.example.com" in out


def test_colours_are_for_terminals_that_want_them() -> None:
    plain = re.compile("\x1b\\[[0-9;]*m")
    out = printed(width=120)
    assert "\x1b[32m" in out and "\x1b[31m" in out
    bare = printed(width=120, TERM="dumb")
    assert "\x1b" not in bare and bare == plain.sub("", out), "the same without them"


def test_words_are_broken_between_words_in_a_terminal_and_nowhere_in_a_pipe() -> None:
    lines = printed(words=True, width=40).splitlines()
    assert max(map(len, lines)) <= 40 and " ".join(" ".join(lines[:-1]).split()) == "• " + MESSAGE
    assert all(line.startswith("  ") for line in lines[1:-1])
    assert printed(words=True, width=None).splitlines()[0] == "• " + MESSAGE
