"""`trueup history` on a database of its own: what people read, what programs read, and what others' texts cannot do."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from click.testing import Result
from typer.testing import CliRunner

from support.deployments import a_commit, a_record
from trueup.cli.errors import Problem
from trueup.cli.main import app
from trueup.core.model.deployment_record import Ending
from trueup.history import Entry, Gap, open_database, read_url
from trueup.history.databases import migrate
from trueup.history.entries import entry_of
from trueup.history.ledger import Ledger

Ask = Callable[..., Result]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    url = f"sqlite:///{tmp_path_factory.mktemp('history') / 'history.db'}"
    engine = open_database(read_url(url))
    migrate(engine)
    evil = msgspec.structs.replace(a_commit(3), message='=HYPERLINK("http://x")\x1b[2J\nmore')
    entries = [entry_of(a_record(number)) for number in (1, 2)]
    entries.append(entry_of(a_record(3, commit=evil, ending=Ending.SICK)))
    entries.append(Entry("the-gap", gap=Gap(7, a_record(4).finished, a_record(5).finished, "the disk was full")))
    Ledger(engine, "writer").store(entries)
    engine.dispose()

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["history", *arguments], env={"TRUEUP_HISTORY": url, "KUBECONFIG": "/nowhere"})

    return run


def test_the_newest_come_first_and_a_gap_is_told(ask: Ask) -> None:
    lines = ask().stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["ID", "the-gap", *(f"{number:032x}"[:12] for number in (3, 2, 1))]
    assert "7 deployments since" in lines[1] and "the disk was full" in lines[1]


def test_a_page_says_how_to_go_on(ask: Ask) -> None:
    first = ask("--limit", "2", "--cause", "change")
    last = f"{2:032x}"
    assert f"--before {last}" in first.stderr
    found = json.loads(ask("--limit", "2", "--cause", "change", "--before", last, "-o", "json").stdout)["history"]
    assert [item["id"] for item in found] == [f"{1:032x}"]


def test_csv_is_no_formula_and_text_moves_no_cursor(ask: Ask) -> None:
    rows = list(csv.DictReader(io.StringIO(ask("-o", "csv").stdout)))
    assert len(rows) == 4 and rows[1]["subject"].startswith("'=HYPERLINK")
    assert "\x1b" not in ask("show", f"{3:032x}").stdout and "\x1b" not in ask().stdout


def test_one_deployment_is_told_whole(ask: Ask) -> None:
    out = ask("show", f"{1:032x}").stdout
    for words in (
        "Grace Hopper",
        "Because of ticket 1.",
        "Reviewed-by: Alan",
        "/team/shop/pull/1",
        "spec.replicas: 1 → 3",
    ):
        assert words in out
    assert json.loads(ask("show", f"{1:032x}", "-o", "json").stdout)["led_to"] == []


def test_what_cannot_be_asked_is_said_in_one_line(ask: Ask) -> None:
    for arguments, words in (
        (("--since", "yesterday"), "no time"),
        (("--outcome", "fine"), "none of good"),
        (("show", "0000"), "no single deployment"),
        (("--before", "nothing"), "no entry nothing"),
        (("--history-url", "mysql://u:secret@h/d"), "mysql is no database"),
    ):
        problem = ask(*arguments).exception
        assert isinstance(problem, Problem) and words in problem.message and "secret" not in problem.message


def test_verify_says_that_all_is_well(ask: Ask, tmp_path: Path) -> None:
    done = ask("verify")
    assert done.exit_code == 0 and "4 entries" in done.stderr
    done = ask("verify", "--seal", "another", "-o", "json")
    assert done.exit_code == 1 and json.loads(done.stdout)["findings"][0]["what"] == "checkpoint"
