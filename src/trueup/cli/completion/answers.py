"""What shells may complete words to: asked of the cluster or the history, quickly or not at all, and without a word.

Each function gives what begins with `incomplete`, nothing where nobody can tell.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from trueup.cli.connection import connected
from trueup.cli.where import Where
from trueup.core.model.dialect import Role
from trueup.core.model.objects import ObjectRef
from trueup.core.problem import Problem
from trueup.dialects import adapters
from trueup.kube.config.connect import kubeconfig_paths, load_kubeconfig
from trueup.kube.errors import KubeError
from trueup.kube.resource import Resource
from trueup.queries.objects import Objects, written

PATIENCE = 2.0
"""Seconds; who has pressed Tab waits no longer."""

MANY = 200
"""Objects of a kind that are offered at the most."""

_NAMESPACES = Resource("", "v1", "namespaces", "Namespace", False)


def names(where: Where, incomplete: str) -> list[str]:
    """Complete a unit or a source, by its name or with its kind, which may have its short form."""

    async def ask(cluster: Objects) -> Iterable[str]:
        roles = (Role.UNIT, Role.SOURCE)
        refs = [ObjectRef.of(body) for role in roles for body in await cluster.objects(role, where.namespace)]
        return _words(refs, incomplete)

    return _asked(where, incomplete, ask)


def objects(where: Where, incomplete: str) -> list[str]:
    """Complete KIND/NAME: kinds at first, then the objects of that kind in the namespace."""
    kind, slash, _ = incomplete.partition("/")

    async def ask(cluster: Objects) -> Iterable[str]:
        kinds = sorted({each.kind.lower() for each in cluster.mapper.preferred() if each.kind.lower().startswith(kind)})
        if not slash and len(kinds) > 1:
            return (f"{each}/" for each in kinds)
        found: list[str] = []
        # Where one kind alone is meant, its objects are offered at once.
        chosen = kind if slash else "".join(kinds[:1])
        for resource in cluster.mapper.lookup(chosen):
            place = (where.namespace or "default") if resource.namespaced else ""
            items = (await cluster.client.list_all(resource, place)).items[:MANY]
            found += [f"{chosen}/{body['metadata']['name']}" for body in items]
        return found

    return _asked(where, incomplete, ask)


def namespaces(where: Where, incomplete: str) -> list[str]:
    """Complete a namespace."""

    async def ask(cluster: Objects) -> Iterable[str]:
        return [str(body["metadata"]["name"]) for body in (await cluster.client.list_all(_NAMESPACES)).items]

    return _asked(where, incomplete, ask)


def deployments(where: Where, unit: str, incomplete: str) -> list[str]:
    """Complete a deployment of a unit: the number in its short history, or the revision."""

    async def ask(cluster: Objects) -> Iterable[str]:
        ref = ObjectRef.of(await cluster.unit(unit, where.namespace))
        history = (await cluster.state(ref)).history
        return [*(str(entry.id) for entry in history), *(entry.revision.rpartition(":")[2] for entry in history)]

    return _asked(where, incomplete, ask) if unit else []


def contexts(kubeconfig: str, incomplete: str) -> list[str]:
    """Complete a context of the kubeconfig."""
    try:
        config = load_kubeconfig(*((Path(kubeconfig).expanduser(),) if kubeconfig else kubeconfig_paths()))
    except KubeError:
        return []
    return _beginning([str(item.get("name")) for item in config["contexts"]], incomplete)


def records(url: str, incomplete: str) -> list[str]:
    """Complete the id of a deployment in the history."""
    from trueup.cli.history.rows import latest_ids
    from trueup.history import HistoryUnavailable

    try:
        return _beginning(latest_ids(url), incomplete)
    except (HistoryUnavailable, Problem):
        return []


def _words(refs: list[ObjectRef], incomplete: str) -> set[str]:
    """Give all that these may be called; with a kind in its short form where that is how it was begun."""
    plain = Counter(ref.name for ref in refs)
    of_kind = Counter((ref.kind, ref.name) for ref in refs)
    short = {one.kind.kind: one.short for one in adapters()}
    words = {name for name, times in plain.items() if times == 1}
    for ref in refs:
        kind, slash, _ = incomplete.partition("/")
        if not slash or kind not in short.get(ref.kind, ()):
            words.add(written(ref))
            continue
        words.add(f"{kind}/{ref.namespace}/{ref.name}")
        if of_kind[ref.kind, ref.name] == 1:
            words.add(f"{kind}/{ref.name}")
    return words


def _asked(where: Where, incomplete: str, ask: Callable[[Objects], Awaitable[Iterable[str]]]) -> list[str]:
    async def answer() -> Iterable[str]:
        async with asyncio.timeout(PATIENCE), connected(where) as cluster:
            return await ask(cluster)

    try:
        return _beginning(asyncio.run(answer()), incomplete)
    except (Problem, TimeoutError):
        return []


def _beginning(words: Iterable[str], incomplete: str) -> list[str]:
    return sorted({word for word in words if word.startswith(incomplete)})
