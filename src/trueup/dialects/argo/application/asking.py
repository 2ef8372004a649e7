"""How requests are written on an Application, and how their answers are read."""

from __future__ import annotations

from typing import Any

from trueup.core.initiator import REQUESTED_BY
from trueup.core.model.dialect import annotations_of
from trueup.core.model.objects import Body
from trueup.dialects.adapter import Answer, SyncWish
from trueup.dialects.argo.application.summary import application_standing
from trueup.dialects.argo.application.translate import SKIP_RECONCILE

REFRESH = "argocd.argoproj.io/refresh"
OPERATION = "operation"


class ApplicationRequests:
    """Implements `KindRequests` by Argo CD's annotations and the `operation` field."""

    field = OPERATION

    def suspend(self, suspended: bool) -> Body:
        """Set or remove the annotation that has an Application left alone."""
        return {"metadata": {"annotations": {SKIP_RECONCILE: "true" if suspended else None}}}

    def reconcile(self, token: str) -> dict[str, str]:
        """Ask for a refresh."""
        return {REFRESH: "normal"}

    def reconciled(self, body: Body, token: str) -> Answer | None:
        """Read how the Application stands once the request is taken off it."""
        if REFRESH in annotations_of(body):
            return None
        found = application_standing(body)
        # What waits for a sync by hand is as it should be.
        return Answer(found.health not in ("Degraded", "Missing", "Unknown"), f"{found.sync}, {found.health}")

    def sync(self, body: Body, wish: SyncWish, user: str, token: str) -> Body:
        """Write an operation; it carries the Application's own sync options, as upstream's client has it."""
        sync: dict[str, Any] = {}
        options = ((body.get("spec") or {}).get("syncPolicy") or {}).get("syncOptions")
        if options:
            sync["syncOptions"] = options
        if wish.revision:
            sync["revision"] = wish.revision
        if wish.prune:
            sync["prune"] = True
        if wish.dry_run:
            sync["dryRun"] = True
        operation: Body = {"initiatedBy": {"username": user or "trueup"}, "sync": sync}
        marks: dict[str, str] = self.reconcile(token) if wish.fresh else {}
        if user:
            # The API server admits this mark of the writer alone; what `initiatedBy` says, it does not look at.
            operation["info"] = [{"name": REQUESTED_BY, "value": token}]
            marks[REQUESTED_BY] = f"{token} {user}"
        return {OPERATION: operation, **({"metadata": {"annotations": marks}} if marks else {})}

    def synced(self, before: Body, body: Body, token: str) -> Answer | None:
        """Read how the operation ended; that of `before` is another one."""
        state, earlier = _operation_state(body), _operation_state(before).get("startedAt")
        if OPERATION in body or (state.get("startedAt") == earlier and earlier is not None):
            return None
        if state.get("phase") not in ("Succeeded", "Failed", "Error"):
            return None
        return Answer(state["phase"] == "Succeeded", str(state.get("message") or state["phase"]))


def _operation_state(body: Body) -> dict[str, Any]:
    state = (body.get("status") or {}).get("operationState")
    return state if isinstance(state, dict) else {}
