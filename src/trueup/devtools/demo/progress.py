"""What the demo prints: one line for each step, with the time it took, and what was seen."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
from rich.console import Console
from rich.markup import escape


class Step(msgspec.Struct, frozen=True):
    """One step of the story as it ended. `seconds` is its time; `problem` is empty where it held."""

    name: str
    seconds: float
    problem: str = ""


class StepFailed(Exception):
    """What the story promised was not seen in time."""


class Notification:
    """Prints the story and remembers how each step ended."""

    def __init__(self, console: Console) -> None:
        """Take where to print."""
        self.console = console
        self.steps: list[Step] = []

    def say(self, text: str) -> None:
        """Print a line of the story."""
        self.console.print(f"   [dim]{escape(text)}[/dim]", highlight=False, soft_wrap=True)

    @asynccontextmanager
    async def step(self, name: str) -> AsyncIterator[None]:
        """Time a step; one that fails is told and remembered, and the story goes on."""
        started = time.monotonic()
        self.console.print(f"[bold]●[/bold] {name}", highlight=False, soft_wrap=True)
        try:
            yield
        except StepFailed as failure:
            self._end(name, started, str(failure))
        else:
            self._end(name, started, "")

    def _end(self, name: str, started: float, problem: str) -> None:
        seconds = time.monotonic() - started
        self.steps.append(Step(name, seconds, problem))
        if problem:
            self.console.print(f"  [red]✗ not within {seconds:.1f} s: {problem}[/red]", highlight=False, soft_wrap=True)
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
            self.console.print(f"[red]{len(failed)} of {len(self.steps)} steps did not hold: {', '.join(failed)}[/red]")
        return not failed
