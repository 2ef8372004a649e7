"""Names of units and sources for the shell to complete: asked of the cluster, quickly or not at all."""

from __future__ import annotations

import asyncio

from trueup.cli.connection import connected
from trueup.cli.errors import Problem
from trueup.cli.where import Where
from trueup.core.model.dialect import Role
from trueup.core.model.objects import ObjectRef
from trueup.queries.objects import written

PATIENCE = 2.0
"""Seconds; who has pressed Tab waits no longer."""


def names(kubeconfig: str, context: str, incomplete: str) -> list[str]:
    """Give what begins with `incomplete`, as name or as kind/namespace/name; nothing where the cluster cannot tell."""
    try:
        refs = asyncio.run(_refs(kubeconfig, context))
    except (Problem, TimeoutError):
        return []
    plain = [ref.name for ref in refs]
    words = {*(name for name in plain if plain.count(name) == 1), *map(written, refs)}
    return sorted(word for word in words if word.startswith(incomplete))


async def _refs(kubeconfig: str, context: str) -> list[ObjectRef]:
    async with asyncio.timeout(PATIENCE), connected(Where(kubeconfig, context)) as cluster:
        return [ObjectRef.of(body) for role in (Role.UNIT, Role.SOURCE) for body in await cluster.objects(role)]
