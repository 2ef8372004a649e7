"""What remotes answered lately: one question for all who ask the same with the same credentials."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Generic, TypeVar

from trueup.shared import Shared

ANSWERS_KEPT = 10_000
V = TypeVar("V")

Question = tuple[object, ...]
"""A remote's address first, then who asks and for what."""


class Polls(Generic[V]):
    """Answers by question, each used for some time."""

    def __init__(self, window: float) -> None:
        """Take the seconds for which an answer is used."""
        self._window = window
        self._shared: Shared[V] = Shared()
        self._answers: dict[Question, tuple[float, V]] = {}

    async def one(
        self,
        question: Question,
        turn: AbstractAsyncContextManager[object],
        ask: Callable[[], Awaitable[V]],
        fresh: bool,
    ) -> V:
        """Give the answer to a question, asked once it is its `turn`. Raises what `ask` does.

        `fresh`: only what is asked for from now on counts.
        """
        answer = self._answers.get(question)
        if answer is not None and not fresh and time.monotonic() - answer[0] < self._window:
            return answer[1]

        async def asked() -> V:
            async with turn:
                asked_at = time.monotonic()
                found = await ask()
            if len(self._answers) > ANSWERS_KEPT:
                self._answers.clear()
            self._answers[question] = (asked_at, found)
            return found

        began = time.monotonic()
        found = await self._shared.one(question, asked)
        if fresh and (question not in self._answers or self._answers[question][0] < began):
            # Somebody had asked before us, and may not have seen what we are to find.
            found = await self._shared.one(question, asked)
        return found

    def forget(self, address: str) -> None:
        """Forget what a remote has answered."""
        self._answers = {key: answer for key, answer in self._answers.items() if key[0] != address}
