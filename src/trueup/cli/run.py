"""`trueup run`: the controller in this process, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from pathlib import Path
from typing import Any

import structlog

from trueup.api.server import BadAddress
from trueup.cli.errors import BAD_USE, Problem, did_you_mean
from trueup.cli.options import Log, LogFormat
from trueup.core.model.unit import ReturnPolicy
from trueup.history import Bounds, HistoryUnavailable
from trueup.kube.errors import KubeError
from trueup.queries.problems import problem_of
from trueup.render.plugins import PluginsInvalid
from trueup.runtime.controller import Controller
from trueup.runtime.replicas import in_a_pod
from trueup.runtime.settings import LOGS, Settings
from trueup.telemetry.log_files import LogFiles

MIB = 1024 * 1024


def run(given: dict[str, Any], data: Path | None, policies: dict[str, str], kept: dict[str, int], log: Log) -> None:
    """Run until SIGTERM or SIGINT; the lease is released then. Raises `Problem`."""
    chosen: dict[str, Any] = {name: _policy(name, word) for name, word in policies.items()}
    if data is not None:
        given = {**given, "data": data}
    settings = Settings(**given, **chosen, kept=Bounds(**kept))
    # In a pod the kubelet keeps what is printed.
    log_files = LogFiles(settings.data / LOGS, log.keep * MIB) if log.keep and not in_a_pod() else None
    _log_to_stderr(log, log_files)
    try:
        asyncio.run(_until_told(settings, log_files))
    except (BadAddress, HistoryUnavailable, PluginsInvalid) as error:
        raise Problem(str(error), kind=BAD_USE) from error
    except KubeError as error:
        raise problem_of(error) from error
    finally:
        if log_files is not None:
            log_files.close()


def _policy(name: str, word: str) -> ReturnPolicy:
    try:
        return ReturnPolicy(word)
    except ValueError:
        near = did_you_mean(word, ReturnPolicy)
        option = name.replace("_", "-")
        raise Problem(f"--{option} {word!r} is none of auto, propose, report", near, BAD_USE) from None


async def _until_told(settings: Settings, log_files: LogFiles | None) -> None:
    task = asyncio.create_task(Controller(settings, log_files=log_files).run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _log_to_stderr(log: Log, log_files: LogFiles | None = None) -> None:
    processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if log_files is not None:
        processors.append(log_files.processor)
    if log.form is LogFormat.JSON:
        processors += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        plain = structlog.dev.plain_traceback
        processors.append(structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain))
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(log.level.value),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
