"""The columns of deployments, and what they say in few characters and in colours."""

from __future__ import annotations

from trueup.cli.tables import ESSENTIAL, Column, Cut
from trueup.cli.tables.kinds import brief_object
from trueup.core.model.deployment_record import Ending

OUTCOME_TONES = {
    Ending.GOOD.value: "green",
    Ending.SICK.value: "red",
    Ending.RETURNED.value: "red",
    Ending.REFUSED.value: "red",
    Ending.FAILED.value: "red",
}


def brief_time(when: str) -> str:
    """Write a time without its year and seconds."""
    return when[5:16].replace("T", " ")


def brief_revision(revision: str) -> str:
    """Write a revision without its branch."""
    return revision.rpartition("@")[2]


DEPLOYMENTS = (
    Column("ID", identifies=True),
    Column("ENDED", 6, brief=brief_time),
    Column("UNIT", ESSENTIAL, Cut.NAME, 20, identifies=True, brief=brief_object),
    Column("REVISION", 8, Cut.NAME, 8, brief=brief_revision),
    Column("OUTCOME", tones=OUTCOME_TONES),
    Column("CAUSE", 3),
    Column("AUTHOR", 5, Cut.NAME, 8),
    Column("BY", 4, Cut.NAME, 9),
    Column("SUBJECT", 7, Cut.TEXT, 12),
)

SHORT = (
    Column("ID", identifies=True),
    Column("REVISION", 9, Cut.NAME, 16, brief=brief_revision),
    Column("STARTED", 3, brief=brief_time),
    Column("FINISHED", 4, brief=brief_time),
    Column("OUTCOME", tones=OUTCOME_TONES),
    Column("BY", 7, Cut.NAME, 12),
)

FINDINGS = (
    Column("WHAT"),
    Column("WRITER", 1, Cut.NAME, 12),
    Column("ID", identifies=True),
    Column("AT", 2, brief=brief_time),
    Column("WHY", 3, Cut.TEXT, 16),
)
