"""`python -m bench history`: the history's questions at a million records, on both back ends, and what storing costs.

The records are those of 1,000 units in 250 repositories by 40 people over a year: each commit goes to four units, each
image is its commit's own. They are put in by the back end's
fast way, with the very rows that the controller would write.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Engine, Table, func, insert, select, text

from trueup.core.fields.changes import FieldChange, ObjectChange
from trueup.core.model.artifact import Provenance, PullRequest, Signature
from trueup.core.model.deployment_record import Cause, DeploymentRecord, Ending, StepTiming
from trueup.core.model.objects import ObjectRef
from trueup.history import History, Question, open_database, read_url, verify
from trueup.history import terms as terms_room
from trueup.history.chain import START, Head
from trueup.history.databases import migrate
from trueup.history.entries import entry_of
from trueup.history.ledger import Ledger, linked
from trueup.history.schema import CHAINS, ENTRIES, MENTIONS, TERMS

UNITS, PEOPLE, PER_COMMIT = 1000, 40, 4
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
CHUNK = 25_000
LIMIT_MS = 200.0


def record(number: int, total: int) -> DeploymentRecord:
    """Give the record of this number."""
    commit, unit = number // PER_COMMIT, (number // PER_COMMIT * 7 + number % PER_COMMIT) % UNITS
    when = BEGIN + timedelta(seconds=number * 31_536_000 / total)
    person = commit * 31 % PEOPLE
    signature = Signature(f"Person {person:02d}", f"person{person:02d}@example.com", when - timedelta(minutes=1))
    name, team = f"app-{unit:04d}", f"team-{unit % 50:02d}"
    sick = number % 97 == 0
    digest = f"{commit * 2654435761 % 2**32:08x}{commit:032x}"
    return DeploymentRecord(
        id=f"{number * 11400714819323198485 % 2**64:016x}{number:016x}",
        unit=ObjectRef("argoproj.io", "Application", team, name),
        unit_uid=f"uid-{unit}",
        cause=Cause.REQUEST if number % 11 == 0 else Cause.HEAL if number % 13 == 0 else Cause.CHANGE,
        ending=Ending.RETURNED if sick else Ending.GOOD,
        started=when,
        finished=when + timedelta(seconds=4.2),
        message="deployment web: container web crash-loops" if sick else "",
        tenant=team,
        namespace=team,
        source=f"https://github.com/{team}/{name[:7]}",
        path=f"apps/{name}",
        revision=f"main@sha1:{digest}",
        previous=f"main@sha1:{commit - 1:040x}",
        commit=Provenance(
            id=digest,
            tree=f"{commit:040x}",
            author=signature,
            committer=signature,
            message=f"Raise the limit of {name} (#{commit % 20000})\n\nBecause of ticket {commit}.",
            pull_request=PullRequest(commit % 20000, f"Raise the limit of {name}"),
        ),
        initiator=f"person{person:02d}" if number % 11 == 0 else "",
        images=(f"registry.example.com/{team}/{name}:1.{commit // 1000}.{commit % 1000}", "envoy:1.31"),
        versions=(f"{name} 1.{commit // 1000}.{commit % 1000}",),
        changes=(
            ObjectChange(
                "apps",
                "Deployment",
                team,
                name,
                "change",
                (
                    FieldChange("spec.template.spec.containers[name=web].image", '"1"', '"2"'),
                    FieldChange("spec.replicas", "2", "3"),
                ),
            ),
            ObjectChange("", "ConfigMap", team, name, "change", (FieldChange("data.limit", '"1"', '"2"'),)),
        ),
        steps=(StepTiming("render", 0.2), StepTiming("compare", 0.01), StepTiming("write", 0.3)),
    )


def questions(total: int) -> Iterator[tuple[str, Callable[[random.Random], Question]]]:
    """Give each kind of question, with values that differ each time."""

    def some(dice: random.Random) -> DeploymentRecord:
        return record(dice.randrange(total), total)

    yield "the newest", lambda dice: Question()
    yield "of one unit", lambda dice: Question(unit=f"app/{(found := some(dice)).unit.namespace}/{found.unit.name}")
    yield "of a unit by name alone", lambda dice: Question(unit=some(dice).unit.name)
    yield "in a day", lambda dice: Question(since=(when := some(dice).started), until=when + timedelta(days=1))
    yield "by author", lambda dice: Question(author=f"Person {dice.randrange(PEOPLE):02d}")
    yield "by all authors of a domain", lambda dice: Question(author="@example.com")
    yield "revision, 8 digits", lambda dice: Question(revision=some(dice).revision[10:18])
    yield "revision, 1 digit", lambda dice: Question(revision=some(dice).revision[10:11])
    yield "image with tag", lambda dice: Question(image=some(dice).images[0])
    yield "image without tag", lambda dice: Question(image=some(dice).images[0].rpartition(":")[0])
    yield "image of all", lambda dice: Question(image="envoy:1.31")
    yield "version", lambda dice: Question(version=some(dice).images[0].rpartition(":")[2])
    yield "object", lambda dice: Question(object=str(some(dice).changes[0].ref))
    yield "field of an object", lambda dice: Question(object=str(some(dice).changes[0].ref), field="spec.replicas")
    yield "field of any object", lambda dice: Question(field="spec.template")
    yield "outcome", lambda dice: Question(outcome=Ending.RETURNED)
    yield "an outcome that never was", lambda dice: Question(outcome=Ending.REFUSED)
    yield "cause", lambda dice: Question(cause=Cause.HEAL)
    yield "who asked", lambda dice: Question(initiator=f"person{dice.randrange(PEOPLE):02d}")
    yield "pull request", lambda dice: Question(pull_request=dice.randrange(20000))
    yield (
        "author, outcome and a week",
        lambda dice: Question(
            author=f"person{dice.randrange(PEOPLE):02d}",
            outcome=Ending.RETURNED,
            since=(when := some(dice).started),
            until=when + timedelta(days=7),
        ),
    )
    yield "the page after half of all", lambda dice: Question(before=record(total // 2, total).id, image="envoy")


def fill(engine: Engine, total: int) -> None:
    """Put the records in, with the rows that the controller would write."""
    terms_room.term_id = lru_cache(300_000)(terms_room.term_id)  # type: ignore[assignment]
    head, known = START, set[int]()
    for start in range(0, total, CHUNK):
        entries = [entry_of(record(number, total)) for number in range(start, min(start + CHUNK, total))]
        rows, terms, mentions, head = linked("bench", head, start, entries)
        fresh = [row for row in terms if row["id"] not in known]
        known.update(row["id"] for row in fresh)
        _put(engine, [(ENTRIES, rows), (TERMS, fresh), (MENTIONS, mentions)])
    _put(engine, [(CHAINS, [_chain(head)])])
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("set statement_timeout = 0"))
            connection.execute(text("vacuum analyze"))


def _chain(head: Head) -> dict[str, Any]:
    return {"writer": "bench", "link": head.link, "digest": head.digest, "id": head.id, "at": head.at}


def _put(engine: Engine, tables: list[tuple[Table, list[dict[str, Any]]]]) -> None:
    if engine.dialect.name != "postgresql":
        with engine.begin() as connection:
            for table, rows in tables:
                if rows:
                    connection.execute(insert(table), rows)
        return
    raw: Any = engine.raw_connection()
    try:
        with raw.driver_connection.cursor() as cursor:
            cursor.execute("set statement_timeout = 0")
            for table, rows in tables:
                names = ", ".join(rows[0]) if rows else ""
                if rows:
                    with cursor.copy(f"copy {table.name} ({names}) from stdin") as copy:
                        for row in rows:
                            copy.write_row(tuple(row.values()))
        raw.driver_connection.commit()
    finally:
        raw.close()


def measure(url: str, total: int) -> dict[str, Any]:
    """Fill a database, ask each question nine times, store into it, verify it; gives the figures."""
    engine = open_database(read_url(url))
    migrate(engine)
    began = time.perf_counter()
    fill(engine, total)
    filled = time.perf_counter() - began
    with engine.connect() as connection:
        mentions = connection.scalar(select(func.count()).select_from(MENTIONS)) or 0
    print(f"{engine.dialect.name}: {total:,} records, {mentions:,} mentions, put in within {filled:.0f} s", flush=True)
    reading = open_database(read_url(url), read_only=True)
    history, dice = History(reading), random.Random(1)
    asked: dict[str, dict[str, float]] = {}
    for name, make in questions(total):
        took = []
        for _ in range(9):
            question = make(dice)
            start = time.perf_counter()
            answers = history.ask(question)
            took.append(1000 * (time.perf_counter() - start))
        asked[name] = {"median": statistics.median(took), "worst": max(took)}
        note = "" if max(took) < LIMIT_MS else f"  more than {LIMIT_MS:.0f} ms"
        print(f"  {name:<34} {statistics.median(took):8.1f} ms   worst {max(took):8.1f} ms{note}", flush=True)
        assert answers or "never" in name or "week" in name or "half" in name, name
    took = []
    for number in range(total, total + 2000, 100):
        batch = [entry_of(record(item, total)) for item in range(number, number + 100)]
        start = time.perf_counter()
        assert Ledger(engine, "bench").store(batch) == 100
        took.append(time.perf_counter() - start)
    each = 1000 * statistics.median(took) / 100
    print(f"  storing, in hundreds               {each:8.2f} ms a record", flush=True)
    start = time.perf_counter()
    verdict = verify(reading)
    verified = time.perf_counter() - start
    assert not verdict.findings, verdict.findings[:3]
    print(f"  verifying all                      {verified:8.1f} s", flush=True)
    for item in (engine, reading):
        item.dispose()
    return {
        "url": read_url(url).get_backend_name(),
        "records": total,
        "asked": asked,
        "store_ms": each,
        "verify": verified,
    }


def main(arguments: list[str]) -> list[dict[str, Any]]:
    """Measure what is asked for, and print it."""
    parser = argparse.ArgumentParser(prog="bench history", description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--postgresql", default="", help="URL of an empty database to measure too")
    parser.add_argument("--no-sqlite", action="store_true")
    given = parser.parse_args(arguments)
    found = []
    if not given.no_sqlite:
        with tempfile.TemporaryDirectory(prefix="trueup-bench-") as folder:
            found.append(measure(f"sqlite:///{Path(folder) / 'history.db'}", given.records))
    if given.postgresql:
        found.append(measure(given.postgresql, given.records))
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    (results / f"{stamp}-history.json").write_bytes(msgspec.json.format(msgspec.json.encode(found)))
    return found
