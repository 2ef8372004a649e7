"""`trueup get`: every unit and source of both dialects in one table."""

from __future__ import annotations

from typing import Any

from trueup.cli.access import access
from trueup.cli.options import Form
from trueup.cli.showing import age, short, show
from trueup.core.dialect import Role
from trueup.core.objects import Body, ObjectRef
from trueup.dialects.standing import standing

COLUMNS = ("KIND", "NAMESPACE", "NAME", "READY", "SYNC", "HEALTH", "REVISION", "AGE", "MESSAGE")


async def get(kubeconfig: str, context: str, what: str, namespace: str, form: Form) -> None:
    """Show units (`units`), sources (`sources`), or one unit by name."""
    async with access(kubeconfig, context) as cluster:
        if what in ("units", "unit", ""):
            bodies = await cluster.objects(Role.UNIT, namespace)
        elif what in ("sources", "source"):
            bodies = await cluster.objects(Role.SOURCE, namespace)
        else:
            bodies = [await cluster.unit(what, namespace)]
    show(form, [_data(body) for body in bodies], COLUMNS, [_row(body) for body in bodies], "nothing is declared")


def _data(body: Body) -> dict[str, Any]:
    ref, found = ObjectRef.of(body), standing(body)
    return {
        "kind": ref.kind,
        "namespace": ref.namespace,
        "name": ref.name,
        "ready": found.ready,
        "sync": found.sync,
        "health": found.health,
        "revision": found.revision,
        "suspended": found.suspended,
        "message": found.message,
    }


def _row(body: Body) -> tuple[str, ...]:
    ref, found = ObjectRef.of(body), standing(body)
    message = "suspended" if found.suspended else found.message
    created = str(body["metadata"].get("creationTimestamp") or "")
    return (
        ref.kind,
        ref.namespace,
        ref.name,
        found.ready,
        found.sync,
        found.health,
        short(found.revision),
        age(created),
        message,
    )
