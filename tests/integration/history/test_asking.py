"""Who deployed it, when, why: each question has its answer, on both back ends."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine

from support.deployments import START, a_record
from trueup.core.fields.changes import ObjectChange
from trueup.core.model.deployment_record import Cause, DeploymentRecord, Ending
from trueup.history import History, HistoryUnavailable, Question
from trueup.history.databases import migrate
from trueup.history.entries import entry_of
from trueup.history.ledger import Ledger
from trueup.history.schema import METADATA

CREATED = (ObjectChange("apps", "Deployment", "shop", "app-0", "create"),)


def fill(engine: Engine, count: int = 40) -> list[DeploymentRecord]:
    records = [a_record(number) for number in range(count)]
    records[0] = a_record(0, changes=CREATED)
    records[5] = a_record(5, ending=Ending.RETURNED)
    returned = {"commit": None, "revision": records[2].revision, "related": records[5].id, "changes": ()}
    records[8] = a_record(8, cause=Cause.RETURN, **returned)
    records[9] = a_record(9, cause=Cause.REQUEST, initiator="Alan Turing")
    assert Ledger(engine, "writer").store([entry_of(record) for record in records]) == count
    return records


def numbers(history: History, **asked: Any) -> list[int]:
    return [int(entry.id, 16) for entry in history.ask(Question(**asked))]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"unit": "app/argocd/app-1"}, [n for n in range(40) if n % 3 == 1]),
        ({"unit": "application/app-1"}, [n for n in range(40) if n % 3 == 1]),
        ({"unit": "app-1"}, [n for n in range(40) if n % 3 == 1]),
        ({"unit": "/argocd/app-1"}, [n for n in range(40) if n % 3 == 1]),
        ({"unit": "/other/app-1"}, []),
        ({"unit": "pp-1"}, []),
        ({"author": "LOVELACE"}, [n for n in range(40) if n % 2 == 0]),
        ({"author": "grace@"}, [n for n in range(40) if n % 2 == 1 and n != 8]),
        ({"author": "%"}, []),
        ({"revision": "0000000a"}, [10]),
        ({"revision": "main@sha1:0000000b"}, [11]),
        ({"revision": "main"}, list(range(40))),
        ({"image": "nginx:1.27"}, list(range(40))),
        ({"image": "team/app-2:1.2.5"}, [5]),
        ({"image": "app-2", "outcome": Ending.RETURNED}, [5]),
        ({"image": "docker.io/library/nginx"}, list(range(40))),
        ({"version": "1.2.7"}, [7]),
        ({"version": "v1.2.7"}, [7]),
        ({"object": "Deployment/shop/app-1"}, [n for n in range(40) if n % 3 == 1]),
        ({"object": "deployment/app-1", "until": START + timedelta(seconds=10)}, [1, 4, 7]),
        ({"object": "Deployment/shop/app-0", "field": "spec.replicas"}, [n for n in range(40) if n % 3 == 0]),
        ({"field": "spec"}, [n for n in range(1, 40) if n != 8]),
        ({"field": "spec.rep"}, []),
        ({"object": "Deployment/shop/none", "field": "spec"}, []),
        ({"outcome": Ending.RETURNED}, [5]),
        ({"cause": Cause.RETURN}, [8]),
        ({"initiator": "turing"}, [9]),
        ({"pull_request": 12}, [12]),
        ({"since": START + timedelta(seconds=30), "author": "ada"}, [30, 32, 34, 36, 38]),
        ({"since": START + timedelta(seconds=3), "until": START + timedelta(seconds=5)}, [3, 4]),
    ],
)
def test_each_question_has_its_answer(engine: Engine, asked: dict[str, Any], expected: list[int]) -> None:
    fill(engine)
    assert numbers(History(engine), **asked) == sorted(expected, reverse=True)


def test_all_of_many_terms_and_pages_follow_each_other(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(engine)
    for few, counted in ((50, 20_000), (0, 20_000), (0, 0)):
        monkeypatch.setattr("trueup.history.queries.FEW", few)
        monkeypatch.setattr("trueup.history.queries.COUNTED", counted)
        history, found, before = History(engine), list[int](), ""
        while page := history.ask(Question(author="example", image="nginx", before=before, limit=7)):
            found += [int(entry.id, 16) for entry in page]
            before = page[-1].id
        assert found == list(range(39, -1, -1))
    with pytest.raises(HistoryUnavailable, match="no entry nowhere"):
        history.ask(Question(before="nowhere"))


def test_a_return_has_the_commit_of_what_came_back_and_links_both_ways(engine: Engine) -> None:
    records = fill(engine)
    history = History(engine)
    sick, back = history.one(records[5].id), history.one(records[8].id)
    assert sick is not None and back is not None and back.entry.record is not None
    assert back.entry.record.commit == records[2].commit
    assert back.entry.pull_request == "https://github.com/team/shop/pull/2"
    assert back.cause == sick.entry and sick.effects == (back.entry,)
    assert history.one("0" * 20) is None, "the beginning of several"


def test_what_comes_again_is_stored_once(engine: Engine) -> None:
    ledger = Ledger(engine, "writer")
    entries = [entry_of(a_record(number)) for number in (1, 2, 2, 3)]
    assert ledger.store(entries) == 3 and ledger.store(entries) == 0
    assert numbers(History(engine)) == [3, 2, 1]


def test_hostile_text_is_stored_and_shown_as_it_is(engine: Engine) -> None:
    nasty = "x\0y'; drop table entries; -- %_\\ \U0001f600" + "z" * 5000
    record = a_record(1, initiator=nasty, images=(nasty,), message=nasty)
    assert Ledger(engine, "writer").store([entry_of(record)]) == 1
    (entry,) = History(engine).ask(Question(initiator="drop table"))
    assert entry.record == record


def test_migrating_twice_at_once_is_safe_and_gives_the_schema(url: str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from trueup.history.databases import open_database, read_url

    engines = [open_database(read_url(url)) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(migrate, engines))
    with engines[0].connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    for engine in engines:
        engine.dispose()
