"""Who takes webhooks while a controller works: sources are polled and units looked at, for receivers and Git hosts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol

import structlog

from trueup.api.webhooks import Unknown, Unproven
from trueup.core.dialect import labels_of
from trueup.core.objects import Body, ObjectRef
from trueup.core.ports import Clock, Values
from trueup.core.recipe import RenderError
from trueup.core.unit import SourceDeclaration
from trueup.core.webhook import Check, HookTarget, Push, concerns, payload_of, proven, same_repository
from trueup.dialects.argo.webhook import Refused, key_of, read_push
from trueup.dialects.flux import receiver as flux
from trueup.kube.client import KubeClient
from trueup.kube.discovery import Mapper
from trueup.store.receivers import Receivers

log = structlog.get_logger(__name__)

EXPRESSIONS = 500
"""Objects for which a receiver's expression is asked; further ones are not woken."""


class Declared(Protocol):
    """Knows all sources."""

    def declarations(self) -> tuple[SourceDeclaration, ...]:
        """Give them."""
        ...


class Wakeable(Protocol):
    """What the engine offers to whoever knows that something is new."""

    @property
    def keeper(self) -> Declared:
        """Who knows all sources."""
        ...

    def wakeable(self, group: str, kind: str) -> tuple[ObjectRef, ...]:
        """Give the units and sources of a kind."""
        ...

    def wake(self, ref: ObjectRef) -> None:
        """Poll a source at once, or look at a unit."""
        ...


class Evaluates(Protocol):
    """Evaluates CEL."""

    async def evaluate(self, expression: str, variables: dict[str, Any]) -> Any:
        """Give the value. Raises `RenderError`."""
        ...


class WebhookDesk:
    """Implements `webhooks.Desk`."""

    def __init__(
        self,
        receivers: Receivers,
        engine: Wakeable,
        evaluator: Evaluates,
        body_of: Callable[[ObjectRef], Body | None],
        secret: Callable[[str, str], bytes | None],
    ) -> None:
        """Take the parts; `body_of` gives users' objects, `secret` a key of a Secret in Argo CD's namespace."""
        self.receivers = receivers
        self._engine = engine
        self._evaluator = evaluator
        self._body_of = body_of
        self._secret = secret

    def knows(self, path: str) -> bool:
        """Say whether a receiver has this path."""
        return self.receivers.find(path) is not None

    async def hook(self, path: str, headers: Mapping[str, str], body: bytes) -> None:
        """Check a request as its receiver asks, and wake what it names. Raises `Unknown`, `Unproven`."""
        found = self.receivers.find(path)
        if found is None:
            raise Unknown
        receiver = found.receiver
        if not proven(receiver.proof, found.token, headers, body):
            raise Unproven
        event = headers.get(receiver.event_header, "") if receiver.event_header else ""
        wanted = {name.lower() for name in receiver.events} if receiver.event_header else set()
        if wanted and event.lower() not in wanted:
            return
        payload: Any = None
        if receiver.proof.check is Check.JSON or receiver.expression or any(one.expression for one in receiver.targets):
            payload = payload_of(body)
            if payload is None:
                raise Unproven
        woken = 0
        for target in receiver.targets:
            for ref in await self._matching(target, receiver.expression, payload):
                self._engine.wake(ref)
                woken += 1
        log.info("webhook taken", receiver=str(receiver.ref), hook_event=event, woken=woken)

    async def push(self, headers: Mapping[str, str], body: bytes) -> None:
        """Check a request of a Git host, and poll the sources of its repository. Raises `Unproven`."""
        try:
            push = read_push(headers, body, self._secret)
        except Refused:
            raise Unproven from None
        refs = [] if push is None else _moved(push, self._engine.keeper.declarations())
        for ref in refs:
            self._engine.wake(ref)
        log.info("push taken", woken=len(refs))

    async def _matching(self, target: HookTarget, expression: str, payload: Any) -> list[ObjectRef]:
        expressions = [text for text in (expression, target.expression) if text]
        found: list[ObjectRef] = []
        asked = 0
        for ref in self._engine.wakeable(target.group, target.kind):
            if ref.namespace != target.namespace or target.name not in ("*", ref.name):
                continue
            body = self._body_of(ref) or {}
            labels = labels_of(body)
            if any(labels.get(name) != value for name, value in target.labels.items()):
                continue
            if asked >= EXPRESSIONS and expressions:
                break
            asked += 1
            if await self._wanted(expressions, body, payload):
                found.append(ref)
        return found

    async def _wanted(self, expressions: list[str], body: Body, payload: Any) -> bool:
        for text in expressions:
            variables = {"res": {"metadata": body.get("metadata") or {}}, "req": payload}
            try:
                if await self._evaluator.evaluate(text, variables) is not True:
                    return False
            except RenderError as error:
                log.warning("a receiver's filter cannot be evaluated; nothing is woken by it", error=str(error)[:300])
                return False
        return True


@asynccontextmanager
async def taking(
    client: KubeClient,
    mapper: Mapper,
    values: Values,
    secrets: Callable[[], Iterable[Body]],
    engine: Wakeable,
    evaluator: Evaluates,
    body_of: Callable[[ObjectRef], Body | None],
    clock: Clock,
    occupied: Callable[[ObjectRef], str],
    cross_namespace: bool,
) -> AsyncIterator[WebhookDesk]:
    """Take webhooks as long as this is entered. `client`'s writes are fenced; `secrets` are those of Argo CD's home."""
    receivers = Receivers(
        client,
        mapper,
        (flux.GROUP, flux.KIND),
        lambda body: flux.translate_receiver(body, cross_namespace),
        flux.receiver_status,
        values,
        clock,
        occupied,
    )
    await receivers.start()
    try:
        yield WebhookDesk(receivers, engine, evaluator, body_of, lambda name, key: key_of(secrets(), name, key))
    finally:
        await receivers.stop()


def _moved(push: Push, declared: Iterable[SourceDeclaration]) -> list[ObjectRef]:
    return [one.ref for one in declared if same_repository(one.git.url, push.urls) and concerns(one.git.ref, push)]
