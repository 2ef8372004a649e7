"""Manifests in the documentation are taken as they stand: nothing in them is refused or without effect."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.unit.dialects.samples import translated

from trueup.core.model.dialect import Context
from trueup.core.plugins import KnownPlugins
from trueup.dialects import dialect_of

ROOT = Path(__file__).parents[3]
BLOCK = re.compile(r"^```yaml\n(.*?)^```", re.DOTALL | re.MULTILINE)


DECLARED = Context(plugins=KnownPlugins({"cue-v1.0": "d"}))
"""A controller with the plugin that the documentation declares."""


def manifests() -> list[Any]:
    """Give each object of a kind that is read as a unit or a source, with the page it stands on."""
    found = []
    for page in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]):
        for block in BLOCK.findall(page.read_text()):
            for body in yaml.safe_load_all(block):
                if body and dialect_of(body["apiVersion"].split("/")[0], body["kind"]) is not None:
                    found.append(pytest.param(body, id=f"{page.relative_to(ROOT)}-{body['kind']}"))
    return found


@pytest.mark.parametrize("body", manifests())
def test_a_manifest_of_the_documentation_is_taken_whole(body: dict[str, Any]) -> None:
    told = translated({**body, "metadata": {"uid": "u", "generation": 1, **body["metadata"]}}, DECLARED)
    assert told.unit is not None or told.sources
    problems = [*(told.unit.problems if told.unit else ()), *(each for one in told.sources for each in one.problems)]
    assert not problems
