"""Mistakes of beginners, as a table: what is put into Git or the cluster, and what people are told of it."""

from support.mistakes.manifests import MANIFESTS
from support.mistakes.mistake import Case, Dialect, Mistake, cases
from support.mistakes.running import RUNNING
from support.mistakes.sources import SOURCES

MISTAKES = {**SOURCES, **MANIFESTS, **RUNNING}

__all__ = ["MISTAKES", "Case", "Dialect", "Mistake", "cases"]
