"""What commands say of names, refusals and rows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from trueup.cli.options import View
from trueup.cli.tables import Stream
from trueup.cli.views.get import WIDE, _data, _row
from trueup.core.model.objects import ObjectRef
from trueup.kube.errors import ConnectionConfigError, Forbidden, KubeError, NoConnection, Unauthorized
from trueup.queries.objects import nearest
from trueup.queries.problems import problem_of

UNIT = {
    "kind": "Kustomization",
    "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
    "metadata": {"name": "web", "namespace": "shop"},
    "status": {"conditions": [{"type": "Ready", "status": "False", "message": "line one\nline two"}]},
}


def ref(name: str) -> ObjectRef:
    return ObjectRef("argoproj.io", "Application", "argocd", name)


def test_the_nearest_names_come_first_and_strangers_not_at_all() -> None:
    among = [ref("guestbook"), ref("guest-book"), ref("payments")]
    assert [item.name for item in nearest("guestbok", among)] == ["guestbook", "guest-book"]
    assert nearest("zzz", among) == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (NoConnection("connection refused"), "trueup cluster up"),
        (ConnectionConfigError("no kubeconfig"), "trueup cluster up"),
        (Unauthorized("401"), "sign in again"),
        (Forbidden('User "jo" cannot impersonate resource "serviceaccounts"'), "impersonate"),
        (Forbidden("User jo cannot list applications"), "-n NAMESPACE asks for less"),
        (KubeError("strange"), "--kubeconfig"),
    ],
)
def test_every_refusal_says_what_to_do(error: KubeError, said: str) -> None:
    problem = problem_of(error)
    assert said in problem.hint and error.message in problem.message


def test_rows_that_come_later_stand_in_the_same_columns(capsys: pytest.CaptureFixture[str]) -> None:
    stream = Stream(("NAME", "READY"))
    stream.begin([("longest", "True")])
    stream.row(("a", "False"))
    assert capsys.readouterr().out.splitlines() == ["NAME     READY", "a        False"]


def test_a_row_is_one_line_with_a_cell_for_each_column() -> None:
    row = _row(UNIT, {}, View.WIDE)
    assert len(row) == len(WIDE) and row[-1] == "line one line two"


def test_the_documented_fields_of_get_are_those_it_gives() -> None:
    page = (Path(__file__).parents[3] / "docs/cli.md").read_text()
    line = next(line for line in page.splitlines() if line.startswith("| `get` |"))
    told = [word for word in re.findall(r"`([a-z]+)`", line) if word != "get"]
    assert told == list(_data(UNIT, {}))
