"""Whoever alters the history by hand is found out: the entry is named, on both back ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from support.deployments import START, a_record
from trueup.history import History, Question, verify
from trueup.history.entries import entry_of
from trueup.history.ledger import Ledger


def id_of(number: int) -> str:
    return f"{number:032x}"


def fill(engine: Engine, count: int = 30) -> Ledger:
    ledgers = [Ledger(engine, "first"), Ledger(engine, "second")]
    for number in range(count):
        ledgers[number % 2].store([entry_of(a_record(number))])
    assert verify(engine).findings == ()
    return ledgers[0]


def alter(engine: Engine, statement: str, **values: object) -> None:
    with engine.begin() as connection:
        assert connection.execute(text(statement), values).rowcount > 0


def found(engine: Engine) -> list[tuple[str, str, str]]:
    return [(item.what, item.writer, item.id) for item in verify(engine).findings]


@pytest.mark.parametrize("number", [0, 9, 29])
def test_an_altered_entry_is_named(engine: Engine, number: int) -> None:
    fill(engine)
    alter(engine, "update entries set entry = replace(entry, 'Deploy', 'Remove') where id = :id", id=id_of(number))
    assert found(engine) == [("altered", ["first", "second"][number % 2], id_of(number))]
    assert verify(engine).findings[0].at == a_record(number).finished


def test_an_altered_time_or_id_is_named(engine: Engine) -> None:
    fill(engine)
    alter(engine, "update entries set at = at + 1 where id = :id", id=id_of(4))
    alter(engine, "update entries set id = 'other' where id = :id", id=id_of(7))
    assert {(what, id) for what, _, id in found(engine)} >= {("altered", id_of(4)), ("altered", "other")}


@pytest.mark.parametrize("number", [0, 9, 28, 29])
def test_a_removed_entry_is_named_also_at_both_ends(engine: Engine, number: int) -> None:
    fill(engine)
    alter(engine, "delete from entries where id = :id", id=id_of(number))
    assert found(engine) == [("missing", ["first", "second"][number % 2], id_of(number))]


def test_a_whole_chain_that_is_gone_is_missed(engine: Engine) -> None:
    fill(engine)
    alter(engine, "delete from entries where writer = 'second'")
    alter(engine, "delete from chains where writer = 'second'")
    assert [item[:2] for item in found(engine)] == [("missing", "second")], "its first checkpoint tells"


def test_an_inserted_entry_is_named(engine: Engine) -> None:
    fill(engine)
    with engine.begin() as connection:
        row = dict(connection.execute(text("select * from entries where id = :id"), {"id": id_of(28)}).mappings().one())
        row.update(number=1000, id="forged", link=16)
        names = ", ".join(row)
        connection.execute(text(f"insert into entries ({names}) values (:{', :'.join(row)})"), row)
    assert ("altered", "first", "forged") in found(engine) or ("inserted", "first", "forged") in found(engine)


def test_an_entry_in_another_ones_place_is_named_with_what_it_replaced(engine: Engine) -> None:
    from trueup.core.model.objects import canonical_json
    from trueup.history.chain import Head, link_digest

    fill(engine)
    forged = entry_of(a_record(500))
    with engine.begin() as connection:
        row = connection.execute(text("select * from entries where id = :id"), {"id": id_of(10)}).one()
        before = Head(row.link - 1, row.before_digest, row.before_id, row.before_at)
        raw = canonical_json(forged)
        values = {"old": id_of(10), "id": forged.id, "entry": raw.decode(), "at": row.at + 490_000_000}
        digest = link_digest("first", before, raw)
        connection.execute(
            text("update entries set id = :id, entry = :entry, at = :at, digest = :digest where id = :old"),
            {**values, "digest": digest},
        )
    assert found(engine) == [("inserted", "first", forged.id), ("missing", "first", id_of(10))]


def test_an_altered_checkpoint_is_named(engine: Engine) -> None:
    fill(engine)
    alter(engine, "update checkpoints set digest = 'x' where number = 1")
    assert ("checkpoint", "first", id_of(0)) in found(engine)


def test_a_seal_kept_elsewhere_tells_a_history_computed_anew(engine: Engine) -> None:
    fill(engine)
    seal = verify(engine).seal
    assert verify(engine, seal).findings == ()
    with engine.begin() as connection:
        for table in ("entries", "chains", "checkpoints", "terms", "mentions"):
            connection.execute(text(f"delete from {table}"))
    Ledger(engine, "first").store([entry_of(a_record(1))])
    assert verify(engine).findings == ()
    assert [item.what for item in verify(engine, seal).findings] == ["checkpoint"]


def test_retention_by_count_and_age_keeps_the_rest_sound(engine: Engine) -> None:
    ledger = fill(engine)
    while ledger.retain(0, 12, batch=5):
        pass
    assert len(History(engine).ask(Question())) == 12
    verdict = verify(engine)
    assert verdict.findings == () and verdict.entries == 12
    late = Ledger(engine, "first", wall=lambda: START + timedelta(days=1, seconds=25.1))
    while late.retain(1, 0, batch=5):
        pass
    left = History(engine).ask(Question())
    assert [int(entry.id, 16) for entry in left] == [29, 28, 27, 26, 25]
    with engine.connect() as connection:
        terms = set(connection.scalars(text("select value from terms")))
        orphans = connection.scalar(
            text("select count(*) from mentions where number not in (select number from entries)")
        )
    assert orphans == 0 and "1.2.25" in terms and "1.2.24" not in terms
    ledger.store([entry_of(a_record(100))])
    assert verify(engine).findings == ()
    alter(engine, "delete from entries where id = :id", id=id_of(25))
    assert [item[0] for item in found(engine)] == ["missing"], "what retention removed is told from what a hand did"


def test_retention_of_everything_is_no_alarm(engine: Engine) -> None:
    ledger = fill(engine)
    far = Ledger(engine, "first", wall=lambda: datetime(2030, 1, 1, tzinfo=UTC))
    while far.retain(1, 0):
        pass
    assert verify(engine).findings == () and History(engine).ask(Question()) == []
    assert ledger.recover([entry_of(a_record(3))]) == 0, "what retention removed does not come back"
    ledger.store([entry_of(a_record(200))])
    assert verify(engine).findings == ()
