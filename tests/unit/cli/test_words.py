"""What commands say of names, refusals and rows."""

from __future__ import annotations

import pytest

from trueup.cli.tables import Column, Stream
from trueup.cli.views.get import COLUMNS, _row
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
    stream = Stream((Column("NAME"), Column("READY")))
    stream.begin([("longest", "True")])
    stream.row(("a", "False"))
    assert capsys.readouterr().out.splitlines() == ["NAME     READY", "a        False"]


def test_a_row_is_one_line_with_a_cell_for_each_column() -> None:
    row = _row(UNIT, {})
    assert len(row) == len(COLUMNS) and row[-1] == "line one line two"
