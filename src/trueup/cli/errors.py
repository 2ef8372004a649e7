"""What can go wrong with a command, in one line for people, and the exit codes."""

from __future__ import annotations

from trueup.core.problem import Kind, Problem

FAILED, BAD_USE, TIMED_OUT = Kind.FAILED, Kind.BAD_USE, Kind.TIMED_OUT

__all__ = ["BAD_USE", "FAILED", "TIMED_OUT", "Problem"]
