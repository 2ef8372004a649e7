"""The log of a controller that runs outside a cluster, kept in files that `trueup logs` reads: JSON lines, bounded.

Each cluster has a folder of its own, named by the uid of the cluster's Lease, and each process a file of its own in it:
so nobody is shown the log of another cluster, and two processes never write one file. Files are written by a thread;
what comes before the cluster is known waits in a bounded queue.
"""

from __future__ import annotations

import contextlib
import json
import logging
import queue
import time
from collections.abc import MutableMapping
from logging.handlers import QueueHandler, QueueListener, RotatingFileHandler
from pathlib import Path
from typing import Any

import structlog

SUFFIX = ".jsonl"
PARTS = 4
"""Files that one process' log is kept in: the one that is written, and older ones."""

WAITING = 10_000
YOUNG = 3600.0
"""Seconds within which a file was written that another process may still be writing."""

log = structlog.get_logger(__name__)


class LogFiles:
    """Keeps the lines of one process. Give `processor` to structlog, and call `open` when the cluster is known."""

    def __init__(self, folder: Path, keep: int) -> None:
        """Take the folder of all clusters' logs, and how many bytes are kept for each cluster."""
        self._folder, self._keep = folder, keep
        self._queue: queue.Queue[Any] = queue.Queue(WAITING)
        self._handler = _Dropping(self._queue)
        self._listener: QueueListener | None = None
        self._cluster = ""

    def processor(self, logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Keep a line, and hand it on as it is. Implements structlog's processor."""
        told = structlog.processors.format_exc_info(logger, method, dict(event))
        text = json.dumps(told, default=str, ensure_ascii=False)
        self._handler.emit(logging.LogRecord("trueup", logging.INFO, "", 0, text, None, None))
        return event

    def open(self, cluster: str, writer: str) -> None:
        """Begin to write the log of a cluster; nothing happens where it is written already."""
        if cluster == self._cluster:
            return
        self.close()
        folder = self._folder / cluster
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _make_room(folder, self._keep)
            path = folder / f"{writer}{SUFFIX}"
            file = RotatingFileHandler(path, maxBytes=self._keep // PARTS, backupCount=PARTS - 1, encoding="utf-8")
        except OSError as error:
            log.warning("the log is not kept in files", folder=str(folder), error=str(error))
            return
        file.setFormatter(logging.Formatter("%(message)s"))
        # A full disk must not fill the log with tracebacks of the log.
        file.handleError = lambda record: None  # type: ignore[method-assign]
        self._cluster = cluster
        self._listener = QueueListener(self._queue, file)
        self._listener.start()

    def close(self) -> None:
        """Write what waits, and end."""
        listener, self._listener, self._cluster = self._listener, None, ""
        if listener is not None:
            listener.stop()
            for handler in listener.handlers:
                handler.close()


class _Dropping(QueueHandler):
    """Lets a line go where the queue is full: nobody waits for the log."""

    def enqueue(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(queue.Full):
            self.queue.put_nowait(record)


def _make_room(folder: Path, keep: int) -> None:
    """Remove the oldest files of processes that have ended, until there is room for one more log."""
    found = sorted((path.stat().st_mtime, path.stat().st_size, path) for path in folder.iterdir() if path.is_file())
    size = sum(bytes_ for _, bytes_, _ in found)
    for written, bytes_, path in found:
        if size <= keep or time.time() - written < YOUNG:
            return
        path.unlink(missing_ok=True)
        size -= bytes_
