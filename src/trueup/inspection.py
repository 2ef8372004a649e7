"""Looking at one unit without a controller: what would a sync change now?

Everything is done with the parts a controller is made of, and nothing is written: rendering by the same worker,
comparing by the API server's own dry run as the unit's field manager.
"""

from __future__ import annotations

import asyncio
import secrets
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from os import PathLike
from pathlib import Path
from typing import Any

import msgspec

from trueup.core.artifact import GitRef
from trueup.core.desired import Prepared, prepare
from trueup.core.dialect import Context, Dialect
from trueup.core.objects import Body, Desired, ObjectRef, digest_of
from trueup.core.recipe import RenderContext
from trueup.core.state import STATE_GROUP, STATE_KIND, UnitState, state_name
from trueup.core.unit import SourceDeclaration, Unit
from trueup.dialects import dialect_of
from trueup.dialects.credentials import SecretCredentials
from trueup.kube.apply import Applier, Apply
from trueup.kube.client import KubeClient
from trueup.kube.discovery import Mapper
from trueup.kube.errors import KindNotServed, NotFound
from trueup.render import RenderSettings, WorkerRenderer
from trueup.sources.git import GitSettings, GitSource
from trueup.store.values import ReferencedValues

HIDDEN = "(hidden)"
_SALT = secrets.token_hex()


class CannotInspect(Exception):
    """The unit cannot be rendered or compared; the message says why."""


class Difference(msgspec.Struct, frozen=True):
    """One object that a sync would create (`before` is `None`), change, or remove (`after` is `None`)."""

    ref: ObjectRef
    before: Body | None
    after: Body | None


async def differences(
    client: KubeClient, mapper: Mapper, body: Body, *, revision: str = "", local: Path | None = None
) -> list[Difference]:
    """Give what a sync of this unit would change, at a `revision` of its source or from a `local` folder.

    Raises `CannotInspect`, `RenderError`, `SourceError` and `KubeError`.
    """
    ref = ObjectRef.of(body)
    dialect = dialect_of(ref.group, ref.kind)
    unit = dialect.translate(body, Context()).unit if dialect else None
    if dialect is None or unit is None:
        raise CannotInspect(f"{ref} is no unit")
    if unit.problems:
        raise CannotInspect("; ".join(unit.problems))
    async with _folder(client, mapper, dialect, unit, body, revision, local) as tree:
        prepared = await _prepared(mapper, dialect, unit, tree)
    applier = Applier(client, mapper)
    manager = unit.field_manager
    found = await asyncio.gather(*(_compared(client, mapper, applier, item, manager) for item in prepared.desired))
    state = await _state(client, mapper, ref)
    wanted = {item.ref for item in prepared.desired}
    gone = [entry.ref for entry in state.inventory.entries if entry.ref not in wanted] if unit.policy.prune else []
    removed = [Difference(item, _cleaned(live), None) for item in gone if (live := await _live(client, mapper, item))]
    return [item for item in found if item is not None] + removed


@asynccontextmanager
async def _folder(
    client: KubeClient, mapper: Mapper, dialect: Dialect, unit: Unit, body: Body, revision: str, local: Path | None
) -> AsyncIterator[PathLike[str]]:
    """Give the folder that the unit is rendered from."""
    if local is not None:
        yield local
        return
    declaration = await _declaration(client, mapper, unit, body)
    spec = declaration.git
    if revision:
        spec = msgspec.structs.replace(spec, ref=GitRef(revision=revision))
    values = ReferencedValues(client, mapper, lambda changed: None)
    try:
        await values.follow("Secret", "argocd")
        credentials = SecretCredentials(values, lambda: values.all("Secret", "argocd"))
        with tempfile.TemporaryDirectory(prefix="trueup-diff-") as cache:
            async with GitSource(GitSettings.from_environment(Path(cache))) as git:
                resolved = await git.resolve(spec, await credentials.of(declaration), declaration.ignore)
                async with git.checkout(resolved) as checkout:
                    yield checkout.path
    finally:
        await values.stop()


async def _declaration(client: KubeClient, mapper: Mapper, unit: Unit, body: Body) -> SourceDeclaration:
    holder: Body | None = body if unit.source == unit.ref else await _live(client, mapper, unit.source)
    if holder is None:
        raise CannotInspect(f"{unit.source} does not exist")
    dialect = dialect_of(unit.source.group, unit.source.kind)
    sources = dialect.translate(holder, Context()).sources if dialect else ()
    if not sources:
        raise CannotInspect(f"{unit.source} is no source")
    if sources[0].problems:
        raise CannotInspect("; ".join(sources[0].problems))
    return sources[0]


async def _prepared(mapper: Mapper, dialect: Dialect, unit: Unit, tree: PathLike[str]) -> Prepared:
    def scope(group: str, kind: str) -> bool | None:
        resource = mapper.known(group, kind)
        return None if resource is None else resource.namespaced

    async with WorkerRenderer(RenderSettings(workers=1)) as renderer:
        result = await renderer.render(unit.recipe, tree, RenderContext(capabilities=mapper.capabilities()))
    prepared = prepare(result, unit, dialect.options, scope)
    if prepared.problems:
        raise CannotInspect("; ".join(f"{item.origin or ''}: {item.message}" for item in prepared.problems))
    if prepared.hooks:
        raise CannotInspect(f"hooks are not run yet: {', '.join(map(str, prepared.hooks))}")
    return prepared


async def _compared(
    client: KubeClient, mapper: Mapper, applier: Applier, item: Desired, manager: str
) -> Difference | None:
    before = await _live(client, mapper, item.ref)
    try:
        resource = await mapper.of(item.ref, item.version)
        reply = await applier.apply(resource, item.raw, Apply(manager, dry_run=True))
        after = reply.body
    except (KindNotServed, NotFound):
        if before is not None:
            raise
        # What cannot be tried out yet (its namespace or definition comes with it) is shown as it is wanted.
        after = item.body()
    old, new = (_cleaned(before) if before else None), _cleaned(after)
    return None if old == new else Difference(item.ref, old, new)


async def _live(client: KubeClient, mapper: Mapper, ref: ObjectRef) -> Body | None:
    resource = await mapper.find(ref.group, ref.kind)
    reply = await client.find(resource, ref.name, ref.namespace) if resource else None
    return reply.body if reply else None


async def _state(client: KubeClient, mapper: Mapper, ref: ObjectRef) -> UnitState:
    body = await _live(client, mapper, ObjectRef(STATE_GROUP, STATE_KIND, ref.namespace, state_name(ref)))
    return msgspec.convert((body or {}).get("state") or {}, UnitState)


_COUNTED = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp")


def _cleaned(body: Body) -> Body:
    """Leave out what the server counts, and hide a Secret's values behind their digests."""
    metadata = {key: value for key, value in (body.get("metadata") or {}).items() if key not in _COUNTED}
    cleaned = {key: value for key, value in body.items() if key not in ("status", "metadata")}
    if body.get("kind") == "Secret":
        for field in ("data", "stringData"):
            if isinstance(cleaned.get(field), dict):
                cleaned[field] = {key: _hidden(value) for key, value in cleaned[field].items()}
        annotations = dict(metadata.get("annotations") or {})
        annotations.pop("kubectl.kubernetes.io/last-applied-configuration", None)
        metadata["annotations"] = annotations
    return {**cleaned, "metadata": metadata}


def _hidden(value: Any) -> str:
    # Salted anew in every process: it shows that a value has changed, and nothing to guess the value from.
    return f"{HIDDEN} {digest_of([_SALT, value])[:6]}"
