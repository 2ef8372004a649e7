"""What is written as a Kubernetes event on a user's object: the words of its dialect, in a neutral value."""

from __future__ import annotations

import msgspec

from trueup.core.model.objects import ObjectRef

SYNC = "trueup.dev/sync"
"""The annotation that names the sync an event is about, by the id that the history shows."""


class ObjectEvent(msgspec.Struct, frozen=True):
    """One event. `component` is who upstream would have reported it, `annotations` are for programs.

    `echo`: it says what the end of a sync has said already, where one ended in the same reconciliation.
    """

    about: ObjectRef
    warning: bool
    reason: str
    message: str
    component: str
    annotations: tuple[tuple[str, str], ...] = ()
    echo: bool = False
