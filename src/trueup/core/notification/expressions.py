"""Conditions and templates that users write about an object, what they give, and the port of who evaluates them.

The languages are those of Argo CD's notification engine: expr for conditions, Go templates with sprig for texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec


class ExpressionProblem(msgspec.Struct, frozen=True):
    """Why an expression or template gave nothing.

    `code`: `expression` or `template` (what is written is wrong, or does not fit the object), `absent` (the object has
    no such field, or not yet), `deadline`, `memory` or `crashed` (it takes more than is allowed), `unavailable`.
    """

    code: str
    message: str

    @property
    def harmful(self) -> bool:
        """Whether evaluating it again would only cost another worker."""
        return self.code in ("deadline", "memory", "crashed")


class KnownCommit(msgspec.Struct, frozen=True):
    """What an expression may learn of a commit."""

    message: str
    author: str
    date: datetime
    tags: tuple[str, ...] = ()


class Facts(msgspec.Struct, frozen=True):
    """What expressions work on: variables by name, and what is known of commits and of the object's source."""

    variables: dict[str, Any]
    commits: dict[str, KnownCommit] = {}
    details: dict[str, Any] | None = None


class Condition(msgspec.Struct, frozen=True):
    """An expression that gives true or false, and one whose value says for what the answer counts once."""

    when: str
    once_per: str = ""


class Holds(msgspec.Struct, frozen=True):
    """Whether a condition holds; `once` is its once-per value as text, empty where it has none."""

    holds: bool = False
    once: str = ""
    problem: ExpressionProblem | None = None


class MessageTemplate(msgspec.Struct, frozen=True):
    """The texts of one message, by the path of their field; each is a template."""

    fields: dict[str, str]
    service_type: str = ""
    recipient: str = ""


class Rendered(msgspec.Struct, frozen=True):
    """The finished texts, by the same paths."""

    fields: dict[str, str] = {}
    problem: ExpressionProblem | None = None


class Expressions(Protocol):
    """Evaluates what users wrote, bounded in time and memory. Never raises: what fails is a complaint of its own."""

    async def conditions(self, facts: Facts, asked: Sequence[Condition]) -> tuple[Holds, ...]:
        """Evaluate conditions, one answer for each."""
        ...

    async def templates(self, facts: Facts, asked: Sequence[MessageTemplate]) -> tuple[Rendered, ...]:
        """Render templates, one answer for each."""
        ...
