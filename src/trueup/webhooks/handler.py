"""Who takes webhooks while a controller works: sources are polled and units reconciled, for receivers and Git hosts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import structlog

from trueup.controllers.receivers import Receivers
from trueup.core.model.dialect import labels_of
from trueup.core.model.git import GitSpec
from trueup.core.model.objects import Body, ObjectRef
from trueup.core.model.recipe import RenderError
from trueup.core.model.unit import SourceDeclaration
from trueup.core.model.webhook import Check, HookTarget, Push, concerns, payload_of, same_repository, verified_signature
from trueup.dialects.argo.webhook import Refused, read_push
from trueup.webhooks.routes import Unknown, Unproven

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
    def source_controller(self) -> Declared:
        """Who knows all sources."""
        ...

    def wakeable(self, group: str, kind: str) -> tuple[ObjectRef, ...]:
        """Give the units and sources of a kind."""
        ...

    def requeue(self, ref: ObjectRef) -> None:
        """Poll a source at once, or reconcile a unit."""
        ...


class Evaluates(Protocol):
    """Evaluates CEL."""

    async def evaluate(self, expression: str, variables: Mapping[str, object]) -> Any:
        """Give the value. Raises `RenderError`."""
        ...


class WebhookDispatcher:
    """Implements `webhooks.WebhookHandler`."""

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
        if not verified_signature(receiver.proof, found.token, headers, body):
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
                self._engine.requeue(ref)
                woken += 1
        log.info("webhook taken", receiver=str(receiver.ref), hook_event=event, woken=woken)

    async def push(self, headers: Mapping[str, str], body: bytes) -> None:
        """Check a request of a Git host, and poll the sources of its repository. Raises `Unproven`."""
        try:
            push = read_push(headers, body, self._secret)
        except Refused:
            raise Unproven from None
        refs = [] if push is None else _moved(push, self._engine.source_controller.declarations())
        for ref in refs:
            self._engine.requeue(ref)
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


def _moved(push: Push, declared: Iterable[SourceDeclaration]) -> list[ObjectRef]:
    return [one.ref for one in declared if isinstance(one.spec, GitSpec) and _concerned(one.spec, push)]


def _concerned(spec: GitSpec, push: Push) -> bool:
    return same_repository(spec.url, push.urls) and concerns(spec.ref, push)
