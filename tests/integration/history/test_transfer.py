"""The whole history goes out as lines and into another database, and nothing that was altered on the way."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import Engine, text

from support.deployments import a_record
from trueup.history import History, NotTaken, Question, export_history, import_history, open_database, read_url, verify
from trueup.history.entries import entry_of
from trueup.history.ledger import Ledger
from trueup.history.lifespan import default_url


def fill(engine: Engine, count: int = 30) -> None:
    ledgers = [Ledger(engine, "first"), Ledger(engine, "second")]
    for number in range(count):
        ledgers[number % 2].store([entry_of(a_record(number))])


def exported(engine: Engine) -> list[bytes]:
    lines: list[bytes] = []
    assert export_history(engine, lines.append).findings == ()
    return lines


@pytest.fixture(name="other")
def another_database(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return open_database(read_url(default_url(tmp_path_factory.mktemp("other"))))


def test_what_was_exported_is_brought_in_whole(engine: Engine, other: Engine) -> None:
    fill(engine)
    Ledger(engine, "first").retain(0, 20)
    lines = exported(engine)
    assert [json.loads(line)["line"] for line in lines].count("entry") == 20
    assert import_history(other, lines).findings == ()
    assert exported(other) == lines, "every byte of it"
    question = Question(author="ada", limit=100)
    assert History(other).ask(question) == History(engine).ask(question), "and it can be asked"
    Ledger(other, "first").store([entry_of(a_record(99))])
    assert verify(other).findings == (), "its chains go on"


def test_a_history_that_is_there_is_left_alone(engine: Engine, other: Engine) -> None:
    fill(engine)
    fill(other_tables(other), 2)
    before = exported(other)
    with pytest.raises(NotTaken, match="holds a history already"):
        import_history(other, exported(engine))
    assert exported(other) == before


def other_tables(engine: Engine) -> Engine:
    from trueup.history.databases import migrate

    migrate(engine)
    return engine


@pytest.mark.parametrize(
    ("alter", "words"),
    [
        (lambda lines: lines[:-1], "its end is missing"),
        (lambda lines: lines[1:], "its last one says"),
        (lambda lines: [lines[0].replace(b"Deploy", b"Remove"), *lines[1:]], "not as it was written"),
        (lambda lines: [b"{}", *lines], "line 1 is none of a history"),
        (lambda lines: [b'{"line": "other"}', *lines], "line 1 is none of a history"),
        (lambda lines: [*lines, lines[0]], "follows its last line"),
        (lambda lines: [], "its end is missing"),
    ],
)
def test_what_was_altered_on_the_way_is_refused_and_changes_nothing(
    engine: Engine, other: Engine, alter: object, words: str
) -> None:
    fill(engine)
    with pytest.raises(NotTaken, match=words):
        import_history(other, alter(exported(engine)))  # type: ignore[operator]
    assert len(exported(other)) == 1, "nothing but the end"


def test_an_export_says_what_was_altered(engine: Engine) -> None:
    fill(engine)
    with engine.begin() as connection:
        connection.execute(text("delete from entries where writer = 'first' and link = 3"))
    lines: list[bytes] = []
    verdict = export_history(engine, lines.append)
    assert [(item.what, item.writer) for item in verdict.findings] == [("missing", "first")]
    assert json.loads(lines[-1])["lines"] == len(lines) - 1, "what is there is handed out all the same"
