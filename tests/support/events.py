"""Happenings and messages for tests of notifications."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from trueup.core.model.objects import ObjectRef
from trueup.core.notification.notification import Notification, NotificationEvent, Severity

GROUP = "kustomize.toolkit.fluxcd.io"
COMMIT = "a" * 40
REVISION = f"main@sha1:{COMMIT}"
AT = datetime(2026, 11, 25, 10, 0, tzinfo=UTC)


def unit(name: str = "web") -> ObjectRef:
    return ObjectRef(GROUP, "Kustomization", "flux-system", name)


def event(name: str = "web", *, bad: bool = False, **fields: Any) -> NotificationEvent:
    values: dict[str, Any] = {
        "about": unit(name),
        "severity": Severity.ERROR if bad else Severity.INFO,
        "reason": "HealthCheckFailed" if bad else "ReconciliationSucceeded",
        "message": f"{name} crash-loops" if bad else f"{name} is delivered",
        "at": AT,
        "revision": REVISION,
        "commit": COMMIT,
        "thread": f"GitRepository/flux-system/shop@{COMMIT}",
        "facts": (("author", "Ada"),),
        **fields,
    }
    return NotificationEvent(**values)


def notification(service: str, told: NotificationEvent | None = None, **fields: Any) -> Notification:
    about = told.about if told else ObjectRef("argoproj.io", "Application", "argocd", "web")
    values: dict[str, Any] = {
        "about": about,
        "key": "key",
        "trigger": told.reason if told else "on-deployed",
        "once": "",
        "service": service,
        "service_name": f"Provider/flux-system/{service}",
        "options": {},
        "recipient": "",
        "message": told.message if told else "web is deployed",
        "section": {},
        "event": told,
        **fields,
    }
    return Notification(**values)
