"""Hands every event of the engine to all who take note of them, and keeps each from harming the others."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from trueup.core.events import Event
from trueup.core.ports import Journal

log = structlog.get_logger(__name__)


class Journals:
    """Several journals as one. Implements the `Journal` port."""

    def __init__(self, journals: Sequence[Journal] = ()) -> None:
        """Take those who are told, in this order."""
        self._journals = tuple(journals)

    def note(self, event: Event) -> None:
        """Tell all of them; one that fails is logged and does not keep the others from knowing."""
        for journal in self._journals:
            try:
                journal.note(event)
            except Exception as error:
                log.error(
                    "an event was not taken note of",
                    journal=type(journal).__name__,
                    event_type=type(event).__name__,
                    error=f"{type(error).__name__}: {error}",
                )
