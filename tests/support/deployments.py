"""Deployment records for tests of the history: one for each number, a second apart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from trueup.core.fields.changes import FieldChange, ObjectChange
from trueup.core.model.artifact import Provenance, PullRequest, Signature
from trueup.core.model.deployment_record import Cause, DeploymentRecord, Ending, StepTiming
from trueup.core.model.objects import ObjectRef

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
AUTHORS = (("Ada Lovelace", "ada@example.com"), ("Grace Hopper", "grace@example.org"))


def a_commit(number: int) -> Provenance:
    name, mail = AUTHORS[number % 2]
    signature = Signature(name, mail, START + timedelta(seconds=number))
    return Provenance(
        id=f"{number:08x}" * 5,
        tree=f"{number:040x}",
        author=signature,
        committer=signature,
        message=f"Deploy number {number} (#{number})\n\nBecause of ticket {number}.\n\nReviewed-by: Alan",
        trailers=(("Reviewed-by", "Alan"),),
        pull_request=PullRequest(number, f"Deploy number {number}"),
    )


def a_record(number: int, **fields: Any) -> DeploymentRecord:
    name = fields.pop("name", f"app-{number % 3}")
    found: dict[str, Any] = {
        "id": f"{number:032x}",
        "unit": ObjectRef("argoproj.io", "Application", "argocd", name),
        "unit_uid": f"uid-{name}",
        "cause": Cause.CHANGE,
        "ending": Ending.GOOD,
        "started": START + timedelta(seconds=number),
        "finished": START + timedelta(seconds=number, milliseconds=500),
        "source": "https://github.com/team/shop.git",
        "revision": f"main@sha1:{a_commit(number).id}",
        "commit": a_commit(number),
        "images": (f"registry.example.com/team/{name}:1.2.{number}", "nginx:1.27"),
        "versions": (f"{name} v1.2.{number}",),
        "changes": (
            ObjectChange(
                "apps", "Deployment", "shop", name, "change", (FieldChange("spec.replicas", str(number), "3"),)
            ),
        ),
        "steps": (StepTiming("render", 0.25), StepTiming("write", 0.125)),
        **fields,
    }
    return DeploymentRecord(**found)
