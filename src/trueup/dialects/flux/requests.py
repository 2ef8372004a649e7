"""How requests are written on Flux' objects, and how their answers are read."""

from __future__ import annotations

from trueup.core.initiator import REQUESTED_BY
from trueup.core.model.objects import Body
from trueup.dialects.adapter import Answer, CannotAsk, SyncWish, standing_by_conditions

REQUESTED_AT = "reconcile.fluxcd.io/requestedAt"
FORCE_AT = "reconcile.fluxcd.io/forceAt"


class FluxRequests:
    """Implements `KindRequests` by the annotations of Flux' own client."""

    field = ""

    def suspend(self, suspended: bool) -> Body:
        """Set `spec.suspend`."""
        return {"spec": {"suspend": suspended}}

    def reconcile(self, token: str) -> dict[str, str]:
        """Ask for a reconciliation."""
        return {REQUESTED_AT: token}

    def reconciled(self, body: Body, token: str) -> Answer | None:
        """Read whether the object is ready once its request is answered."""
        found = standing_by_conditions(body)
        if found.handled != token or found.ready == "Unknown":
            return None
        return Answer(found.ready == "True", found.message)

    def sync(self, body: Body, wish: SyncWish, user: str, token: str) -> Body:
        """Ask for a reconciliation, also of what has failed."""
        if wish.revision or wish.prune or wish.dry_run:
            raise CannotAsk(
                "--revision, --prune and --dry-run are for Applications",
                "a Kustomization says these itself, in its spec and its source",
            )
        marks = {REQUESTED_AT: token, FORCE_AT: token, REQUESTED_BY: f"{token} {user}" if user else None}
        return {"metadata": {"annotations": marks}}

    def synced(self, before: Body, body: Body, token: str) -> Answer | None:
        """Read whether the object is ready once its request is answered."""
        return self.reconciled(body, token)
