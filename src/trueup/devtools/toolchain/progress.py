"""How a slow step tells people what it does, how long it has taken and about how long it takes."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

import msgspec

REPORT_EVERY_S = 30.0


class Progress(msgspec.Struct, frozen=True):
    """One report of a slow step.

    `elapsed` and `expected` are seconds, `expected` None where nobody has measured; `detail` is what it does now.
    """

    what: str
    elapsed: float
    expected: float | None = None
    detail: str = ""
    done: bool = False


ProgressSink = Callable[[Progress], None]


def duration(seconds: float) -> str:
    """Return `seconds` as people say it: `8s`, `6m 30s`."""
    whole = round(seconds)
    return f"{whole}s" if whole < 60 else f"{whole // 60}m {whole % 60:02d}s"


def line(progress: Progress) -> str:
    """Return the report as one line of text."""
    if progress.done:
        return f"{progress.what}: done in {duration(progress.elapsed)}"
    about = f" of about {duration(progress.expected)}" if progress.expected else ""
    detail = f" ({progress.detail})" if progress.detail else ""
    return f"{progress.what}: {duration(progress.elapsed)}{about}{detail}"


class ProgressPrinter:
    """A sink for people: one line that renews itself on a terminal, a line each half minute elsewhere."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._said_at: float | None = None

    def __call__(self, progress: Progress) -> None:
        """Print the report, or leave it out where it would only add noise to a log."""
        if self._stream.isatty():
            self._stream.write(f"\r\033[K{line(progress)[:118]}" + ("\n" if progress.done else ""))
            self._stream.flush()
            return
        due = self._said_at is None or progress.elapsed - self._said_at >= REPORT_EVERY_S or progress.done
        if due:
            self._said_at = progress.elapsed
            print(line(progress), file=self._stream, flush=True)


class Step:
    """A running slow step; set `detail` as it goes and a thread reports it each second."""

    def __init__(self, what: str, expected: float | None, sink: ProgressSink) -> None:
        self.detail = ""
        self._what, self._expected, self._sink = what, expected, sink
        self._started = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the step began."""
        return time.monotonic() - self._started

    def report(self, done: bool = False) -> None:
        """Tell the sink how the step stands."""
        self._sink(Progress(self._what, self.elapsed, self._expected, self.detail, done))


@contextmanager
def reporting(what: str, expected: float | None, sink: ProgressSink) -> Iterator[Step]:
    """Report the block's progress each second, and that it is done if it does not raise."""
    step, ended = Step(what, expected, sink), threading.Event()

    def tick() -> None:
        step.report()
        while not ended.wait(1.0):
            step.report()

    ticker = threading.Thread(target=tick, name="progress", daemon=True)
    ticker.start()
    try:
        yield step
    finally:
        ended.set()
        ticker.join()
    step.report(done=True)
