"""Triggers and templates that are there without anybody writing them, under the names that Argo CD's catalogue has.

What the ConfigMap says under the same name goes before. `on-drift` and `app-drifted` are our own.
"""

from __future__ import annotations

from typing import Any

from trueup.core.notification.expressions import Condition
from trueup.dialects.argo.notifications.configuration import Configuration, Rule

_GREEN, _YELLOW, _RED, _BLUE = "#2eb67d", "#ecb22e", "#e01e5a", "#36a3f7"
_ENDED = "app.status.operationState != nil and app.status.operationState.phase"
_LINK = "{{.context.argocdUrl}}/applications/{{.app.metadata.namespace}}/{{.app.metadata.name}}"
_SEE = "{{if .context.argocdUrl}}\nSee " + _LINK + "{{end}}"
_NAME = "{{.app.metadata.name}}"
_HEALING = "app.status.operationState.operation?.sync?.autoHealAttemptsCount"

_TRIGGERS: dict[str, tuple[tuple[str, str, str, str], ...]] = {
    "on-created": (("true", "app.metadata.uid", "app-created", "The application is new"),),
    "on-deleted": (
        (
            "app.metadata.deletionTimestamp != nil",
            "app.metadata.uid",
            "app-deleted",
            "The application is being deleted",
        ),
    ),
    "on-deployed": (
        (
            f"{_ENDED} == 'Succeeded' and app.status.health.status == 'Healthy'",
            "app.status.operationState.syncResult?.revision",
            "app-deployed",
            "A revision is synced and healthy, told once for each",
        ),
    ),
    "on-health-degraded": (
        (
            "app.status.health.status == 'Degraded'",
            "",
            "app-health-degraded",
            "The application is not healthy any more",
        ),
    ),
    "on-sync-failed": ((f"{_ENDED} in ['Error', 'Failed']", "", "app-sync-failed", "A sync has failed"),),
    "on-sync-running": (
        (f"{_ENDED} == 'Running'", "app.status.operationState.startedAt", "app-sync-running", "A sync has begun"),
    ),
    "on-sync-status-unknown": (
        (
            "app.status.sync.status == 'Unknown'",
            "",
            "app-sync-status-unknown",
            "It cannot be said whether the application is in sync",
        ),
    ),
    "on-sync-succeeded": (
        (
            f"{_ENDED} == 'Succeeded'",
            "app.status.operationState.startedAt",
            "app-sync-succeeded",
            "A sync has succeeded",
        ),
    ),
    "on-drift": (
        (
            "app.status.sync.status == 'OutOfSync' and "
            f"{_ENDED} == 'Succeeded' and app.status.operationState.syncResult?.revision == app.status.sync.revision",
            "",
            "app-drifted",
            "What lives differs from Git though nothing new was committed",
        ),
        (
            f"app.status.operationState != nil and {_HEALING} != nil and {_HEALING} > 0",
            "app.status.operationState.startedAt",
            "app-drifted",
            "What had drifted is brought back",
        ),
    ),
}

_REVISION = '{{with .app.status.sync}}{{.revision | default "" | trunc 12}}{{end}}'
_STATE = '{{with .app.status.operationState}}{{.message | default ""}}{{end}}'

_TEMPLATES = {
    "app-created": ("is new", "", _BLUE),
    "app-deleted": ("is being deleted", "", _YELLOW),
    "app-deployed": (f"runs revision {_REVISION} and is healthy", "", _GREEN),
    "app-health-degraded": (
        "is degraded",
        '{{range .app.status.resources}}{{if .health}}{{if eq .health.status "Degraded"}}\n'
        "- {{.kind}} {{.name}}{{with .health.message}}: {{.}}{{end}}{{end}}{{end}}{{end}}",
        _RED,
    ),
    "app-sync-failed": (f"could not be synced to {_REVISION}", f"\n{_STATE}", _RED),
    "app-sync-running": (f"is being synced to {_REVISION}", "", _BLUE),
    "app-sync-status-unknown": (
        "cannot be compared with Git",
        "{{range .app.status.conditions}}\n- {{.message}}{{end}}",
        _YELLOW,
    ),
    "app-sync-succeeded": (f"was synced to {_REVISION}", "", _GREEN),
    "app-drifted": (
        "differs from Git without a new commit",
        '{{range .app.status.resources}}{{if eq .status "OutOfSync"}}\n- {{.kind}} {{.name}}{{end}}{{end}}',
        _YELLOW,
    ),
}


def _template(words: str, details: str, colour: str) -> dict[str, Any]:
    title = f"Application {_NAME} {words}"
    return {
        "message": f"{title}.{details}{_SEE}\n",
        "email": {"subject": title},
        "slack": {
            "attachments": '[{"color": "'
            + colour
            + '", "title": {{ printf "%s" .app.metadata.name | toJson }}'
            + '{{if .context.argocdUrl}}, "title_link": {{ printf "%s/applications/%s/%s" .context.argocdUrl '
            + ".app.metadata.namespace .app.metadata.name | toJson }}{{end}}, "
            + '"fields": [{"title": "Sync", "value": "{{with .app.status.sync}}{{.status}}{{end}}", "short": true}, '
            + '{"title": "Health", "value": "{{with .app.status.health}}{{.status}}{{end}}", "short": true}]}]'
        },
        "teams": {"title": title, "themeColor": colour},
    }


def standard_configuration() -> Configuration:
    """Give all triggers and templates of the catalogue."""
    return Configuration(
        triggers={
            name: tuple(Rule(Condition(when, once), (send,), words) for when, once, send, words in rules)
            for name, rules in _TRIGGERS.items()
        },
        templates={name: _template(*parts) for name, parts in _TEMPLATES.items()},
    )
