"""`trueup diff`: what a sync would change, object by object, as the API server itself says by a dry run."""

from __future__ import annotations

import difflib
from pathlib import Path

import typer
import yaml

from trueup.cli.access import access
from trueup.core.objects import Body, ObjectRef
from trueup.inspection import Difference, differences


async def diff(kubeconfig: str, context: str, word: str, namespace: str, revision: str, local: Path | None) -> int:
    """Print the differences; gives 0 for none and 1 for some."""
    async with access(kubeconfig, context) as cluster:
        body = await cluster.unit(word, namespace)
        found = await differences(cluster.client, cluster.mapper, body, revision=revision, local=local)
    for item in found:
        typer.echo(_shown(item), nl=False)
    return 1 if found else 0


def _shown(item: Difference) -> str:
    before, after = _text(item.ref, item.before), _text(item.ref, item.after)
    lines = difflib.unified_diff(
        before.splitlines(keepends=True),
        after.splitlines(keepends=True),
        f"live/{item.ref}" if item.before else "/dev/null",
        f"git/{item.ref}" if item.after else "/dev/null",
    )
    return "".join(lines)


def _text(ref: ObjectRef, body: Body | None) -> str:
    return "" if body is None else yaml.safe_dump(body, sort_keys=True, default_flow_style=False)
