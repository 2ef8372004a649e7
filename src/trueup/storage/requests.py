"""Requests that people write on a `UnitState`, watched by their label: what else is written there costs nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import structlog

from trueup.core.initiator import initiator, requested_by
from trueup.core.model.dialect import annotations_of
from trueup.core.model.objects import Body, ObjectRef, split_api_version
from trueup.core.model.state import STATE_GROUP, STATE_KIND
from trueup.core.rollback.pinning import REQUEST, Request, request_from
from trueup.kube.cache.informer import ObjectFeed
from trueup.kube.cache.watch import Selection
from trueup.kube.client import KubeClient
from trueup.kube.discovery import Mapper
from trueup.storage.unit_states import UnitStates

log = structlog.get_logger(__name__)


class Requests:
    """Watches requests and hands each on. Storing the unit's state again removes it."""

    def __init__(
        self,
        client: KubeClient,
        mapper: Mapper,
        states: UnitStates,
        asked: Callable[[ObjectRef, Request], None],
        *,
        proven: bool = False,
    ) -> None:
        """Take the cluster, the states that requests are written on, and who is told.

        `proven`: the API server admits no request in another person's name.
        """
        self._states = states
        self._proven = proven
        self._asked = asked
        self._feed = ObjectFeed(
            client, mapper, Selection(STATE_GROUP, STATE_KIND, selectors={"labelSelector": REQUEST})
        )
        self._feed.subscribe(self._on_event)

    async def start(self, timeout: float = 10.0) -> None:
        """Begin to watch."""
        self._feed.start()
        await self._feed.wait_synced(timeout)

    async def stop(self) -> None:
        """Stop watching."""
        await self._feed.stop()

    def _on_event(self, event: str, old: Body | None, new: Body | None) -> None:
        if new is None:
            return
        unit, request = unit_of(new), request_from(annotations_of(new).get(REQUEST, ""))
        if unit is None or request is None:
            log.warning("a request cannot be read", state=str(ObjectRef.of(new)))
            return
        self._states.touched(new)
        # What the request itself says of its maker is for older controllers.
        maker = initiator(requested_by(annotations_of(new), request.token), proven=self._proven)
        self._asked(unit, msgspec.structs.replace(request, by=maker))


def unit_of(state: Body) -> ObjectRef | None:
    """Say whose state an object is: its owner; `None` where it names none."""
    owners: list[Any] = state["metadata"].get("ownerReferences") or []
    if not owners:
        return None
    group, _ = split_api_version(str(owners[0].get("apiVersion") or ""))
    return ObjectRef(
        group, str(owners[0].get("kind")), str(state["metadata"].get("namespace") or ""), str(owners[0].get("name"))
    )
