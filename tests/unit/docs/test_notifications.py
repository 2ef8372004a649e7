"""Every service that there is stands in the documentation, and every one that stands there is."""

from __future__ import annotations

import re
from pathlib import Path

from trueup.notifications.registry import services

TEXT = (Path(__file__).parents[3] / "docs" / "notifications.md").read_text()


def test_services_are_documented() -> None:
    table = TEXT.partition("## Services")[2]
    named = {
        name for row in re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE) for name in re.findall(r"`([^`]+)`", row)
    }
    assert named == set(services())
