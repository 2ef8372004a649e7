"""What earlier versions stored is read by this one, as the same: an upgrade renders nothing and writes nothing.

The samples were written by a controller on a real cluster: a unit that was rolled back in each dialect, a pinned one,
healthy ones, and the history of their syncs.
"""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest

from trueup.core.model.deployment_record import Cause, Ending
from trueup.core.model.dialect import Context
from trueup.core.model.recipe import Capabilities, recipe_digest
from trueup.core.model.state import UnitState
from trueup.core.model.unit import Unit
from trueup.dialects import dialect_of
from trueup.history import Entry, History, Question, open_database, read_url, verify

SAMPLES = Path(__file__).parent / "samples"
STATES: dict[str, Any] = {
    item["metadata"]["name"]: item for item in json.loads((SAMPLES / "unit-states.json").read_text())
}
DIGESTS: dict[str, dict[str, str]] = json.loads((SAMPLES / "digests.json").read_text())


def state_of(name: str) -> UnitState:
    return msgspec.convert(STATES[name]["state"], UnitState)


def units() -> dict[str, Unit]:
    found = {}
    for body in json.loads((SAMPLES / "objects.json").read_text()):
        dialect = dialect_of(body["apiVersion"].split("/")[0], body["kind"])
        assert dialect is not None
        unit = dialect.translate(body, Context()).unit
        if unit is not None:
            found[f"{body['kind'].lower()}.{body['metadata']['name']}"] = unit
    return found


@pytest.mark.parametrize("name", STATES)
def test_a_stored_state_is_read_and_would_be_written_as_it_was(name: str) -> None:
    stored = json.loads(json.dumps(STATES[name]["state"]))
    for entry in stored.get("inventory", {}).get("entries", ()):
        # Entries have had a content since, which an older one does not know.
        entry += [""] * (9 - len(entry))
    assert json.loads(msgspec.json.encode(state_of(name))) == stored


def test_what_was_decided_is_still_known() -> None:
    rolled_back, pinned = state_of("kustomization.web"), state_of("kustomization.pin")
    assert rolled_back.held is not None and "crash-loops" in rolled_back.held.reason
    assert rolled_back.good is not None and rolled_back.held.returned_to == rolled_back.good.revision
    assert pinned.pin is not None and pinned.pin.reason == "two is wrong"
    assert [entry.outcome for entry in rolled_back.history].count("good") >= 1
    assert {entry.ref.kind for entry in rolled_back.inventory.entries} == {"Deployment"}


@pytest.mark.parametrize("name", DIGESTS)
def test_a_unit_has_the_digests_that_it_had(name: str) -> None:
    unit = units()[name]
    assert unit.spec_digest == DIGESTS[name]["spec_digest"]
    assert recipe_digest(unit.recipe, Capabilities()) == DIGESTS[name]["recipe_digest"]
    applied = state_of(name).applied
    assert applied is not None and applied.recipe == unit.recipe


def test_inputs_held_back_are_known_again_by_the_spec_of_their_unit() -> None:
    for name in ("kustomization.web", "application.web"):
        held = state_of(name).held
        assert held is not None and held.spec == units()[name].spec_digest


@pytest.fixture(name="entries")
def stored_entries(tmp_path: Path) -> list[Entry]:
    path = tmp_path / "history.db"
    with sqlite3.connect(path) as connection:
        connection.executescript((SAMPLES / "history.sql").read_text())
    connection.close()
    engine = open_database(read_url(str(path)), read_only=True)
    try:
        found = verify(engine)
        assert found.findings == () and found.entries == 12
        return History(engine).ask(Question(limit=50))
    finally:
        engine.dispose()


def test_a_stored_history_is_read_whole_and_its_chains_hold(entries: list[Entry]) -> None:
    records = [entry.record for entry in entries if entry.record is not None]
    assert len(records) == 12
    assert {record.cause for record in records} >= {Cause.CHANGE, Cause.RETURN, Cause.PIN}
    assert {record.ending for record in records} >= {Ending.GOOD, Ending.RETURNED}
    assert all(record.revision.startswith("main@sha1:") for record in records)
    broken = next(record for record in records if record.ending is Ending.RETURNED)
    assert "crash-loops" in broken.message and broken.changes
