"""What the demo prints: one line for each step, with the time it took, and what was seen."""

from __future__ import annotations

import textwrap
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import msgspec
from rich.console import Console
from rich.markup import escape

from trueup.devtools.localcluster.errors import ClusterError
from trueup.kube.errors import KubeError

_NARROWEST = 40


class Step(msgspec.Struct, frozen=True):
    """One step of the story as it ended. `seconds` is its time; `problem` is empty where it held."""

    name: str
    seconds: float
    problem: str = ""


class StepFailed(Exception):
    """What the story promised was not seen in time. `unit` names the unit to ask why, where there is one."""

    def __init__(self, message: str, unit: str = "") -> None:
        """Take words for people."""
        super().__init__(message)
        self.unit = unit


class NotYet(Exception):
    """What is waited for is not so yet; the message says how it is."""


class Notification:
    """Prints the story and remembers how each step ended."""

    def __init__(self, console: Console) -> None:
        """Take where to print."""
        self.console = console
        self.steps: list[Step] = []

    def say(self, text: str, indent: int = 3) -> None:
        """Print a line of the story; a terminal that is too narrow for it gets it in several, between words."""
        for line in self._fitted(text, indent):
            self.console.print(f"[dim]{escape(line)}[/dim]", highlight=False, soft_wrap=True)

    def _fitted(self, text: str, indent: int) -> Iterable[str]:
        first = " " * indent
        if not self.console.is_terminal:
            return [first + text]
        width = max(self.console.width, _NARROWEST)
        further = first + " " * (len(text) - len(text.lstrip()) + 2)
        return textwrap.wrap(
            first + text, width, subsequent_indent=further, break_long_words=False, break_on_hyphens=False
        )

    @asynccontextmanager
    async def step(self, name: str) -> AsyncIterator[None]:
        """Time a step. Raises `StepFailed` where it did not hold, whatever the cause; it is told by then."""
        started = time.monotonic()
        self.console.print(f"[bold]●[/bold] {name}", highlight=False, soft_wrap=True)
        try:
            yield
        except StepFailed as failure:
            self._end(name, started, str(failure))
            raise
        except (NotYet, KubeError, ClusterError, OSError, RuntimeError) as error:
            self._end(name, started, str(error))
            raise StepFailed(str(error)) from error
        self._end(name, started, "")

    def _end(self, name: str, started: float, problem: str) -> None:
        seconds = time.monotonic() - started
        self.steps.append(Step(name, seconds, problem))
        if problem:
            told = f"  [red]✗ {seconds:.1f} s: {escape(problem)}[/red]"
            self.console.print(told, highlight=False, soft_wrap=True)
        else:
            self.console.print(f"  [green]✓[/green] {seconds:.2f} s", highlight=False, soft_wrap=True)

    def summary(self) -> bool:
        """Print all steps with their times; gives whether every one held."""
        self.console.print()
        width = max((len(step.name) for step in self.steps), default=0)
        for step in self.steps:
            mark = "[red]✗[/red]" if step.problem else "[green]✓[/green]"
            self.console.print(f"{mark} {step.name:<{width}}  {step.seconds:7.2f} s", highlight=False, soft_wrap=True)
        failed = [step.name for step in self.steps if step.problem]
        if failed:
            told = f"[red]The story ends here, because this did not hold: {'; '.join(failed)}[/red]"
            self.console.print(told, highlight=False, soft_wrap=True)
        return not failed
