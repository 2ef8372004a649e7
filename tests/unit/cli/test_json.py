"""What programs get is what docs/cli.md says: every field of every command, on values in which nothing is empty."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
import yaml
from typer.testing import CliRunner

from support.deployments import a_commit, a_record
from support.documented import differences, documented, missing
from trueup.cli.history import rows, short
from trueup.cli.main import app
from trueup.cli.options import Form
from trueup.cli.tables import data_of
from trueup.cli.views import blame, get, tree
from trueup.cli.where import Where
from trueup.core.health import Health, HealthStatus
from trueup.core.model.artifact import PullRequest
from trueup.core.model.objects import ObjectRef
from trueup.core.model.state import Held, HistoryEntry, Inputs, Pin, UnitState
from trueup.history import Entry, Gap, open_database, read_url
from trueup.history.databases import migrate
from trueup.history.entries import entry_of
from trueup.history.ledger import Ledger
from trueup.queries import Blame, Cause, Explanation, FieldBlame
from trueup.queries.tree import TreeNode

UNIT = ObjectRef("argoproj.io", "Application", "argocd", "web")
POD = ObjectRef("", "Pod", "shop", "web-1")
MANIFEST = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "web", "namespace": "a"}}
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
COMMIT = msgspec.structs.replace(a_commit(3), parents=("0" * 40,))
FIELD = FieldBlame("spec.replicas", "3", "trueup", commit=COMMIT, pull_request=PullRequest(3, "title", "branch"))
NODE = TreeNode(UNIT, Health(HealthStatus.HEALTHY, "fine"), (TreeNode(POD, Health(HealthStatus.MISSING, "gone")),))
FOUND = Blame(UNIT, UNIT, "main@sha1:0", "https://github.com/team/shop", (FIELD,), "a note")

ANSWERS: dict[str, Callable[[], Any]] = {
    "get": lambda: [get._data(MANIFEST, {})],
    "tree": lambda: {"unit": str(UNIT), "objects": [tree._data(NODE)]},
    "blame": lambda: blame._data(FOUND, [FIELD]),
    "why": lambda: data_of(Explanation(UNIT, "is not ready", causes=(Cause("it fails"),))),
}


@pytest.mark.parametrize("command", ANSWERS)
def test_an_answer_has_the_documented_fields_and_no_others(command: str) -> None:
    data = ANSWERS[command]()
    assert differences(command, data) == [] and missing(command, data) == set()
    assert json.loads(json.dumps(data)) == yaml.safe_load(yaml.safe_dump(data)), "both forms say the same"


def test_every_documented_command_is_held_here() -> None:
    others = {"history list", "history list, short", "history show", "history verify", "cluster status", "version"}
    assert set(documented()) == {*ANSWERS, *others}


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Ask the command itself, which reads a database of every kind of entry."""
    url = f"sqlite:///{tmp_path_factory.mktemp('history') / 'history.db'}"
    engine = open_database(read_url(url))
    migrate(engine)
    lost = Entry("lost", record=a_record(9, commit=None), recovered=True)
    Ledger(engine, "writer").store([entry_of(a_record(1)), lost, Entry("gap", gap=Gap(7, NOW, NOW, "no room"))])
    engine.dispose()

    def run(*arguments: str) -> Any:
        environment = {"TRUEUP_HISTORY": url, "KUBECONFIG": "/nowhere", "TRUEUP_CLUSTER": "there-is-none"}
        told = [CliRunner().invoke(app, [*arguments, "-o", form], env=environment).stdout for form in ("json", "yaml")]
        found = json.loads(told[0])
        assert yaml.safe_load(told[1]) == found
        return found

    return run


def test_the_history_is_as_documented(ask: Callable[..., Any]) -> None:
    listed = ask("history", "list")
    assert differences("history list", listed) == [] and missing("history list", listed) == set()
    assert {entry["id"] for entry in listed["history"]} == {"gap", "lost", f"{1:032x}"}
    shown = ask("history", "show", f"{1:032x}")
    assert differences("history show", shown) == [] and missing("history show", shown) == {"gap"}
    checked = ask("history", "verify", "--seal", "unknown")
    assert differences("history verify", checked) == [] and missing("history verify", checked) == set()


def test_the_short_history_is_as_documented(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    held = Held("digest", "main@sha1:0", "sick", "2026", because=UNIT)
    entries = tuple(HistoryEntry(number, "main@sha1:0", "2026", "2026", "good") for number in (1, 2))
    state = UnitState(history=entries, held=held, pin=Pin(Inputs("digest", "main@sha1:0"), 1, "2026"))
    run_with(monkeypatch, state, lambda: short.short_history(Where(), "web", Form.JSON))
    data = json.loads(capsys.readouterr().out)
    assert differences("history list, short", data) == [] and missing("history list, short", data) == set()
    assert [item["id"] for item in data["history"]] == [2, 1] and data["held"]["because"] == str(UNIT)


def run_with(monkeypatch: pytest.MonkeyPatch, state: UnitState, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    import asyncio

    async def read(where: Where, word: str) -> UnitState:
        return state

    monkeypatch.setattr(short, "_state", read)
    asyncio.run(work())


def test_what_needs_no_cluster_is_as_documented(ask: Callable[..., Any]) -> None:
    assert differences("version", ask("version")) == []
    found = ask("cluster", "status")
    assert differences("cluster status", found) == [] and missing("cluster status", found) == set()


def test_a_field_that_nobody_has_documented_is_found() -> None:
    assert differences("version", {"version": "1", "python": "3", "platform": "x", "more": 1}) != []
    assert differences("tree", {"unit": "x", "objects": [{"object": "x"}]}) != []
    assert rows._data(Entry("gap", gap=Gap(1, NOW, NOW, "x")))["id"] == "gap", "a gap is no record"


def test_definitions_are_a_list_or_documents() -> None:
    documents = list(yaml.safe_load_all(CliRunner().invoke(app, ["crds"]).stdout))
    assert json.loads(CliRunner().invoke(app, ["crds", "-o", "json"]).stdout) == documents
    assert documents[0]["kind"] == "CustomResourceDefinition"
