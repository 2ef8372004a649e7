"""Tables for people, JSON and YAML for programs: the one way in which commands print what they have found."""

from trueup.cli.tables.columns import ESSENTIAL, Column, Cut
from trueup.cli.tables.data import data_of
from trueup.cli.tables.printing import Stream, show, show_data, tell
from trueup.cli.tables.terminal import coloured, styled
from trueup.cli.tables.words import age, short, visible

__all__ = [
    "ESSENTIAL",
    "Column",
    "Cut",
    "Stream",
    "age",
    "coloured",
    "data_of",
    "short",
    "show",
    "show_data",
    "styled",
    "tell",
    "visible",
]
