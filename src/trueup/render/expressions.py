"""Conditions and templates of notifications, evaluated by a worker of their own: many at once, each alone if need be.

A batch costs one message. Where it ends its worker (an endless loop, too much memory), its parts are asked one by one,
so that the one at fault is found and the others are answered; it is not tried again while it is remembered.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import msgspec

from trueup.core.notification.expressions import Condition, ExpressionProblem, Facts, Holds, MessageTemplate, Rendered
from trueup.render.process import WorkerGone
from trueup.render.protocol import Answer, NotificationAnswer, NotificationRequest

Ask = Callable[[bytes, float], Awaitable[bytes]]
Q = TypeVar("Q", Condition, MessageTemplate)
A = TypeVar("A", Holds, Rendered)

GRACE = 1.0
"""Seconds more that a worker gets than it is told, to end by itself."""

REMEMBERED = 512
"""How many harmful expressions are remembered."""

_answers = msgspec.json.Decoder(Answer)
_results = msgspec.json.Decoder(NotificationAnswer)


class WorkerExpressions:
    """Implements the `Expressions` port with a pool of workers."""

    def __init__(self, ask: Ask, deadline: float) -> None:
        """Take how a worker is asked, and the seconds that one request may take."""
        self._ask = ask
        self._deadline = deadline
        self._conditions: _Asking[Condition, Holds] = _Asking(self._ask_conditions, _refused_condition)
        self._templates: _Asking[MessageTemplate, Rendered] = _Asking(self._ask_templates, _refused_template)

    async def conditions(self, facts: Facts, asked: Sequence[Condition]) -> tuple[Holds, ...]:
        """Evaluate conditions, one answer for each."""
        return await self._conditions.ask(facts, asked)

    async def templates(self, facts: Facts, asked: Sequence[MessageTemplate]) -> tuple[Rendered, ...]:
        """Render templates, one answer for each."""
        return await self._templates.ask(facts, asked)

    async def _ask_conditions(self, facts: Facts, asked: Sequence[Condition]) -> tuple[Holds, ...]:
        return (await self._send(facts, conditions=tuple(asked))).conditions

    async def _ask_templates(self, facts: Facts, asked: Sequence[MessageTemplate]) -> tuple[Rendered, ...]:
        return (await self._send(facts, templates=tuple(asked))).templates

    async def _send(
        self, facts: Facts, conditions: tuple[Condition, ...] = (), templates: tuple[MessageTemplate, ...] = ()
    ) -> NotificationAnswer:
        request = NotificationRequest(
            1, facts.variables, facts.commits, facts.details, conditions, templates, int(self._deadline * 1000)
        )
        raw = await self._ask(msgspec.json.encode(request), self._deadline + GRACE)
        try:
            answer = _answers.decode(raw)
            if answer.problem is not None:
                raise WorkerGone(answer.problem.code, answer.problem.message)
            found = _results.decode(answer.value)
        except msgspec.DecodeError as error:
            raise WorkerGone("protocol", "the worker's answer cannot be read") from error
        if len(found.conditions) != len(conditions) or len(found.templates) != len(templates):
            raise WorkerGone("protocol", "the worker has not answered all that it was asked")
        return found


class _Asking(Generic[Q, A]):
    """Asks a batch; where it fails, its parts; and remembers which parts end their worker."""

    def __init__(
        self, send: Callable[[Facts, Sequence[Q]], Awaitable[tuple[A, ...]]], refused: Callable[[ExpressionProblem], A]
    ) -> None:
        self._send: Callable[[Facts, Sequence[Q]], Awaitable[tuple[A, ...]]] = send
        self._refused: Callable[[ExpressionProblem], A] = refused
        self._harmful: OrderedDict[bytes, ExpressionProblem] = OrderedDict()

    async def ask(self, facts: Facts, asked: Sequence[Q]) -> tuple[A, ...]:
        answers: dict[int, A] = {}
        fresh: list[int] = []
        for number, each in enumerate(asked):
            known = self._harmful.get(_name(each))
            if known is not None:
                answers[number] = self._refused(known)
            else:
                fresh.append(number)
        if fresh:
            answers.update(await self._batch(facts, {number: asked[number] for number in fresh}))
        return tuple(answers[number] for number in range(len(asked)))

    async def _batch(self, facts: Facts, asked: dict[int, Q]) -> dict[int, A]:
        try:
            return dict(zip(asked, await self._send(facts, tuple(asked.values())), strict=True))
        except WorkerGone as gone:
            if len(asked) > 1:
                alone: dict[int, A] = {}
                for number, each in asked.items():
                    alone |= await self._batch(facts, {number: each})
                return alone
            problem = ExpressionProblem(gone.code, str(gone))
            (number, each), *_ = asked.items()
            if problem.harmful:
                self._remember(_name(each), problem)
            return {number: self._refused(problem)}

    def _remember(self, name: bytes, problem: ExpressionProblem) -> None:
        self._harmful[name] = problem
        while len(self._harmful) > REMEMBERED:
            self._harmful.popitem(last=False)


def _name(asked: Condition | MessageTemplate) -> bytes:
    return msgspec.json.encode(asked, order="deterministic")


def _refused_condition(problem: ExpressionProblem) -> Holds:
    return Holds(problem=problem)


def _refused_template(problem: ExpressionProblem) -> Rendered:
    return Rendered(problem=problem)
