"""`trueup diff`: what a sync would change, and in what two revisions or two units differ, object by object."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import typer
import yaml

from trueup.cli.connection import connected
from trueup.cli.errors import BAD_USE, Problem
from trueup.cli.tables import styled
from trueup.cli.where import Where
from trueup.core.model.objects import Body, ObjectRef
from trueup.queries import Difference, between, compared, differences

_TONES = {"-": "red", "+": "green", "@": "cyan"}


class Asked(msgspec.Struct, frozen=True):
    """What is compared: a unit with what lives, two revisions of it (`before`, `after`), or two units."""

    unit: str
    other: str = ""
    revision: str = ""
    local: Path | None = None
    before: str = ""
    after: str = ""


async def diff(where: Where, asked: Asked) -> int:
    """Print the differences; gives 0 for none and 1 for some. Raises `Problem` for what cannot be asked together."""
    if sum((bool(asked.other), bool(asked.revision or asked.local), bool(asked.before or asked.after))) > 1:
        text = "two units, --revision or --local, and --from with --to are three questions"
        raise Problem(text, "ask one of them", BAD_USE)
    if asked.after and not asked.before:
        raise Problem("--to wants a --from", "for what a sync would change, use neither", BAD_USE)
    names = ("live", "git")
    async with connected(where) as cluster:
        client, mapper = cluster.client, cluster.mapper
        body = await cluster.unit(asked.unit, where.namespace)
        if asked.other:
            names = (asked.unit, asked.other)
            found = await compared(client, mapper, body, await cluster.unit(asked.other, where.namespace))
        elif asked.before:
            names = (asked.before, asked.after or "live")
            found = await between(client, mapper, body, *names)
        else:
            found = await differences(client, mapper, body, revision=asked.revision, local=asked.local)
    for item in found:
        typer.echo("".join(map(_toned, _shown(item, *names))), nl=False)
    return 1 if found else 0


def _shown(item: Difference, one: str, other: str) -> Iterator[str]:
    return difflib.unified_diff(
        _text(item.before).splitlines(keepends=True),
        _text(item.after).splitlines(keepends=True),
        _named(one, item.ref) if item.before else "/dev/null",
        _named(other, item.ref) if item.after else "/dev/null",
    )


def _toned(line: str) -> str:
    """Colour a line as `git diff` does: headings stand out in a fleet's many differences."""
    if line.startswith(("--- ", "+++ ")):
        return styled(line, bold=True)
    return styled(line, _TONES.get(line[:1], ""))


def _named(side: str, ref: ObjectRef) -> str:
    return f"{side}/{ref}"


def _text(body: Body | None) -> str:
    return "" if body is None else yaml.safe_dump(body, sort_keys=True, default_flow_style=False)
