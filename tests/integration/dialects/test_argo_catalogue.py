"""Every trigger and template of the catalogue works as it stands, on Applications in all states."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from trueup.core.notification.expressions import Expressions, Facts, MessageTemplate
from trueup.dialects.argo.notifications.catalogue import standard_configuration
from trueup.render import RenderSettings, WorkerRenderer

STANDARD = standard_configuration()
NEW: dict[str, Any] = {"metadata": {"name": "web", "namespace": "argocd", "uid": "u1"}, "spec": {}, "status": {}}


def app(sync: str, health: str, phase: str, *, healing: int = 0, **metadata: Any) -> dict[str, Any]:
    operation = {"sync": {"autoHealAttemptsCount": healing}} if healing else {"sync": {"revision": "abc"}}
    return {
        "metadata": {**NEW["metadata"], **metadata},
        "spec": {},
        "status": {
            "sync": {"status": sync, "revision": "abc"},
            "health": {"status": health},
            "operationState": {
                "phase": phase,
                "startedAt": "2030-01-01T00:00:00Z",
                "message": 'it said "no"',
                "operation": operation,
                "syncResult": {"revision": "abc"},
            },
            "conditions": [{"type": "SyncError", "message": "because"}],
            "resources": [
                {"kind": "Deployment", "name": "web", "status": "OutOfSync", "health": {"status": "Degraded"}},
                {"kind": "ConfigMap", "name": "web", "status": "Synced"},
            ],
        },
    }


STATES = {
    "new": (NEW, {"on-created"}),
    "deployed": (app("Synced", "Healthy", "Succeeded"), {"on-created", "on-deployed", "on-sync-succeeded"}),
    "degraded": (app("Synced", "Degraded", "Succeeded"), {"on-created", "on-health-degraded", "on-sync-succeeded"}),
    "failed": (app("OutOfSync", "Healthy", "Failed"), {"on-created", "on-sync-failed"}),
    "error": (app("Unknown", "Unknown", "Error"), {"on-created", "on-sync-failed", "on-sync-status-unknown"}),
    "running": (app("OutOfSync", "Progressing", "Running"), {"on-created", "on-sync-running"}),
    "drifted": (app("OutOfSync", "Progressing", "Succeeded"), {"on-created", "on-drift", "on-sync-succeeded"}),
    "healed": (
        app("Synced", "Progressing", "Succeeded", healing=1),
        {"on-created", "on-drift", "on-sync-succeeded"},
    ),
    "deleted": (
        app("Synced", "Progressing", "Running", deletionTimestamp="2030-01-01T00:00:00Z"),
        {"on-created", "on-deleted", "on-sync-running"},
    ),
}


@pytest.fixture(name="words", scope="module")
async def some_expressions() -> AsyncIterator[Expressions]:
    async with WorkerRenderer(RenderSettings(workers=1)) as renderer:
        yield renderer.expressions()


@pytest.mark.parametrize("state", STATES)
async def test_triggers(words: Expressions, state: str) -> None:
    body, expected = STATES[state]
    asked = [(name, rule) for name, rules in STANDARD.triggers.items() for rule in rules]
    answers = await words.conditions(Facts({"app": body, "context": {}}), [rule.condition for _, rule in asked])
    assert {name for (name, _), answer in zip(asked, answers, strict=True) if answer.holds} == expected
    wrong = [answer.problem for answer in answers if answer.problem is not None and answer.problem.code != "absent"]
    assert wrong == []
    for (_, rule), answer in zip(asked, answers, strict=True):
        assert not answer.holds or bool(answer.once) is bool(rule.condition.once_per)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("context", [{}, {"argocdUrl": "https://cd.example"}])
async def test_templates(words: Expressions, state: str, context: dict[str, str]) -> None:
    body, _ = STATES[state]
    asked = []
    for template in STANDARD.templates.values():
        texts = {
            "message": template["message"],
            "subject": template["email"]["subject"],
            "attachments": template["slack"]["attachments"],
            "title": template["teams"]["title"],
        }
        asked.append(MessageTemplate(texts, "slack", "room"))
    for answer in await words.templates(Facts({"app": body, "context": context}), asked):
        assert answer.problem is None, answer.problem
        assert "web" in answer.fields["message"] and "<no value>" not in "".join(answer.fields.values())
        assert ("https://cd.example/applications/argocd/web" in answer.fields["message"]) is bool(context)
        assert json.loads(answer.fields["attachments"])[0]["title"] == "web"
