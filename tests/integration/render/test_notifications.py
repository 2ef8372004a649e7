"""Conditions and templates of notifications on a real worker: what upstream documents, and what hostile users write."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from trueup.core.notification.expressions import Condition, Facts, Holds, KnownCommit, MessageTemplate
from trueup.render import RenderSettings, WorkerRenderer
from trueup.render.expressions import WorkerExpressions

APP: dict[str, Any] = {
    "metadata": {"name": "web", "generation": 3, "annotations": {"example.com/version": "v0.1"}},
    "spec": {"source": {"repoURL": "git@github.com:team/shop.git"}},
    "status": {
        "health": {"status": "Degraded"},
        "sync": {"status": "Synced", "revision": "abc"},
        "operationState": {
            "phase": "Succeeded",
            "startedAt": "2020-01-01T10:00:00Z",
            "operation": {"info": [{"name": "Reason", "value": "a hurry"}]},
        },
    },
}
DETAILS = {"type": "Helm", "helm": {"name": "web", "parameters": [{"name": "tag", "value": "1.2"}]}}
FACTS = Facts(
    {"app": APP, "context": {"argocdUrl": "https://cd.example"}, "secrets": {"token": "hush"}},
    {"abc": KnownCommit("Fix it\n", "Ann <a@example.com>", datetime(2024, 5, 1, tzinfo=UTC), ("v1",))},
    DETAILS,
)


@pytest.fixture(name="words", scope="module")
async def some_expressions() -> AsyncIterator[WorkerExpressions]:
    async with WorkerRenderer(RenderSettings(workers=1, evaluate_deadline=1.0)) as renderer:
        yield renderer.expressions()


async def one(words: WorkerExpressions, when: str, once_per: str = "") -> Holds:
    (answer,) = await words.conditions(FACTS, [Condition(when, once_per)])
    return answer


async def text(words: WorkerExpressions, template: str, service: str = "slack") -> str:
    (answer,) = await words.templates(FACTS, [MessageTemplate({"message": template}, service, "room")])
    assert answer.problem is None, answer.problem
    return answer.fields["message"]


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("app.status.health.status == 'Degraded'", True),
        ("app.status.operationState.phase in ['Error', 'Failed']", False),
        ("app.status.operationState != nil and app.status.sync.status == 'Synced'", True),
        ("app.status.nothing?.there == nil", True),
        ("app.metadata.annotations['example.com/version'] startsWith 'v'", True),
        ("app.metadata.generation > 2", True),
        ("time.Now().Sub(time.Parse(app.status.operationState.startedAt)).Minutes() >= 5", True),
        ("time.Parse(app.status.operationState.startedAt).Year() == 2020", True),
        ("strings.ToUpper(app.metadata.name) == 'WEB'", True),
        ("strings.ReplaceAll('a-b', '-', '+') == 'a+b'", True),
        ("sync.GetInfoItem(app, 'Reason') == 'a hurry'", True),
        ("sync.GetInfoItem(app, 'Other') == ''", True),
        ("repo.FullNameByRepoURL(app.spec.source.repoURL) == 'team/shop'", True),
        ("repo.RepoURLToHTTPS(app.spec.source.repoURL) == 'https://github.com/team/shop.git'", True),
        ("repo.GetCommitMetadata(app.status.sync.revision).Author contains 'Ann'", True),
        ("repo.GetAppDetails().Helm.GetParameterValueByName('tag') == '1.2'", True),
        ("true", True),
    ],
)
async def test_what_upstream_documents_of_conditions(words: WorkerExpressions, when: str, expected: bool) -> None:
    assert await one(words, when) == Holds(expected)


async def test_once_per_is_told_as_text(words: WorkerExpressions) -> None:
    assert (await one(words, "true", "app.status.sync.revision")).once == "abc"
    assert (await one(words, "true", "app.metadata.annotations['example.com/version']")).once == "v0.1"
    assert (await one(words, "true", "app.metadata.generation")).once == "3"
    assert (await one(words, "false", "app.nothing.there")) == Holds(False)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{.app.metadata.name}} at {{.context.argocdUrl}}", "web at https://cd.example"),
        ('{{if eq .serviceType "slack"}}:ok: {{end}}{{.recipient | upper}}', ":ok: ROOM"),
        ("{{(call .repo.GetCommitMetadata .app.status.sync.revision).Author}}", "Ann <a@example.com>"),
        ("{{(call .repo.GetCommitMetadata .app.status.sync.revision).Tags | join `,`}}", "v1"),
        ('{{ (call .time.Parse .app.status.operationState.startedAt).Format "2006" }}', "2020"),
        ("{{call .repo.RepoURLToHTTPS .app.spec.source.repoURL}}", "https://github.com/team/shop.git"),
        ("{{(call .repo.GetAppDetails).Type}}", "Helm"),
        ("{{.secrets.token}}", "hush"),
        ("{{.app.spec.nothing}}", "<no value>"),
        ('{{js "a\\"b"}} {{ "x" | b64enc }}', 'a\\"b eA=='),
    ],
)
async def test_what_upstream_documents_of_templates(words: WorkerExpressions, template: str, expected: str) -> None:
    assert await text(words, template) == expected


@pytest.mark.parametrize("name", ["env", "expandenv", "getHostByName"])
async def test_nothing_of_the_process_can_be_looked_at(words: WorkerExpressions, name: str) -> None:
    (answer,) = await words.templates(FACTS, [MessageTemplate({"message": f'{{{{ {name} "HOME" }}}}'})])
    assert answer.problem is not None and "not defined" in answer.problem.message


@pytest.mark.parametrize(
    ("when", "code"),
    [
        ("app.status.", "expression"),
        ("'words'", "expression"),
        ("repo.GetCommitMetadata('unknown').Author == ''", "expression"),
        ("time.Parse('yesterday').Year() == 1", "expression"),
        ("app.nothing.there == 1", "absent"),
    ],
)
async def test_a_condition_that_fails_stops_no_other(words: WorkerExpressions, when: str, code: str) -> None:
    first, broken, last = await words.conditions(FACTS, [Condition("true"), Condition(when), Condition("true")])
    assert first.holds and last.holds and not broken.holds
    assert broken.problem is not None and broken.problem.code == code


ENDLESS = "let a = 1..900; all(a, all(a, all(a, all(a, # > 0))))"
HOSTILE = [
    ENDLESS,
    "all(1..999999, all(1..999999, # > 0 or true))",
    "len(map(1..999999, repeat('x', 100000))) > 0",
    "(" * 50_000 + "true",
    " + ".join(["1"] * 20_000) + " > 0",
]


@pytest.mark.parametrize("when", HOSTILE, ids=range(len(HOSTILE)))
async def test_a_hostile_condition_costs_only_itself(words: WorkerExpressions, when: str) -> None:
    first, hostile, last = await words.conditions(FACTS, [Condition("true"), Condition(when), Condition("true")])
    assert first.holds and last.holds
    assert hostile.problem is not None and not hostile.holds


HOSTILE_TEMPLATES = [
    "{{range until 2000000000}}x{{end}}",
    "{{range until 3000000}}{{range until 3000000}}{{end}}{{end}}",
    '{{define "a"}}{{template "a"}}{{end}}{{template "a"}}',
    '{{ repeat 2000000000 "x" }}',
    "{{ range 1000000 }}0123456789{{ end }}",
    "{{" + "(" * 20_000 + "1" + ")" * 20_000 + "}}",
    '{{ "" | regexFind "(" }}',
    "{{ unclosed",
]


@pytest.mark.parametrize("template", HOSTILE_TEMPLATES, ids=range(len(HOSTILE_TEMPLATES)))
async def test_a_hostile_template_costs_only_itself(words: WorkerExpressions, template: str) -> None:
    fine = MessageTemplate({"message": "fine"})
    first, hostile, last = await words.templates(FACTS, [fine, MessageTemplate({"message": template}), fine])
    assert first.fields == last.fields == {"message": "fine"}
    assert hostile.problem is not None or len(hostile.fields["message"]) < 300_000


async def test_what_ended_a_worker_is_not_tried_again(words: WorkerExpressions) -> None:
    endless = Condition(ENDLESS + " and 1 == 1")
    (first,) = await words.conditions(FACTS, [endless])
    assert first.problem is not None and first.problem.harmful
    again, fine = await words.conditions(FACTS, [endless, Condition("true")])
    assert again.problem == first.problem and fine.holds


async def test_one_hostile_user_does_not_hold_up_health() -> None:
    async with WorkerRenderer(RenderSettings(workers=1, evaluate_deadline=1.0)) as renderer:
        await renderer.expressions().conditions(FACTS, [Condition(HOSTILE[0])])
        assert await renderer.evaluate("1 + 1", {}) == 2
