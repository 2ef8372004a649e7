"""How many workers there are and what each may use."""

import os
from pathlib import Path

import msgspec

from trueup.render.lanes import QUICK_SECONDS
from trueup.render.plugins.declared import Plugin


def _default_workers() -> int:
    return max(1, min(os.cpu_count() or 1, 4))


class RenderSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The bounds of rendering.

    `executable` is the worker; `None` builds it, or finds the built one. `workers` bounds the processes that render,
    `memory_mib` the heap of each, `cache_bytes` what is remembered of earlier results. Times are in seconds:
    `start_deadline` until a new process has greeted, `evaluate_deadline` for one expression, `quick_seconds` until a
    render counts as one that takes long (`lanes`). `plugins` are those that the operator has declared.
    """

    executable: Path | None = None
    workers: int = msgspec.field(default_factory=_default_workers)
    memory_mib: int = 512
    cache_bytes: int = 48 << 20
    start_deadline: float = 30.0
    evaluate_deadline: float = 2.0
    quick_seconds: float = QUICK_SECONDS
    plugins: tuple[Plugin, ...] = ()
