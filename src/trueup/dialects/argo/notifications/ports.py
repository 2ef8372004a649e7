"""What telling Applications' users needs besides the engine's ports."""

from __future__ import annotations

from typing import Protocol

from trueup.core.model.objects import ObjectRef


class TrackingLabels(Protocol):
    """Keeps small notes on users' objects."""

    async def mark(self, ref: ObjectRef, annotation: str, value: str | None) -> None:
        """Set an annotation, or remove it (`None`); an object that is gone is none to be marked.

        Raises `Unreachable`.
        """
        ...
