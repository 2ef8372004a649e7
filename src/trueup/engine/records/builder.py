"""What a deployment record is made of while its sync is under way."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from trueup.core.fields.changes import ObjectChange
from trueup.core.model.deployment_record import Cause, StepTiming
from trueup.core.model.objects import ObjectRef


@dataclass(slots=True)
class RecordBuilder:
    """The record of a sync that has not ended. `seconds` holds what each step took, over all passes.

    `announced`: that it has begun was told.
    """

    id: str
    cause: Cause
    inputs: str
    revision: str
    previous: str
    started: datetime
    initiator: str = ""
    operation: str = ""
    related: str = ""
    resumed: bool = False
    announced: bool = False
    changes: dict[ObjectRef, ObjectChange] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def spend(self, step: str, seconds: float) -> None:
        """Add the time that a step took in one pass."""
        self.seconds[step] = self.seconds.get(step, 0.0) + seconds

    @property
    def steps(self) -> tuple[StepTiming, ...]:
        """All steps so far, in the order in which they first came."""
        return tuple(StepTiming(name, round(seconds, 6)) for name, seconds in self.seconds.items())
