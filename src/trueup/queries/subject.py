"""One unit opened for inspection: its source, its renderer and what is remembered of it, without a controller.

Everything is done with the parts a controller is made of, and nothing is written to the cluster. Repositories are
kept between commands below the user's cache folder, so that only the first look at a large one takes long.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from trueup.core.model.artifact import Resolved, Revision, SourceCredentials
from trueup.core.model.dialect import Context, Dialect
from trueup.core.model.git import GIT
from trueup.core.model.objects import Body, ObjectRef
from trueup.core.model.recipe import Recipe, RenderContext, RenderResult
from trueup.core.model.state import STATE_GROUP, STATE_KIND, UnitState, state_name
from trueup.core.model.unit import SourceDeclaration, Unit
from trueup.core.plan.desired import Prepared, prepare
from trueup.core.problem import Kind, Problem
from trueup.core.repository.oci import OCI
from trueup.devtools.toolchain.cache import discard_oldest
from trueup.dialects import dialect_of
from trueup.dialects.credentials import SECRET_TYPE, SecretCredentials
from trueup.kube.client import KubeClient
from trueup.kube.discovery import Mapper
from trueup.kube.errors import Forbidden
from trueup.queries.problems import decode_state
from trueup.render import RenderSettings, WorkerRenderer
from trueup.sources.git import GitProvider, GitSettings, GitSource
from trueup.sources.oci import OciProvider, OciSource
from trueup.sources.registry import SourceProvider
from trueup.storage.values import decoded

HOME = "argocd"
"""The namespace in which Secrets for repositories are kept."""

MIRRORS_KEPT = 20
"""Repositories kept between commands: those that were used last."""


class CannotInspect(Problem):
    """The unit cannot be rendered or compared; the message says why."""

    def __init__(self, message: str) -> None:
        """Take why."""
        super().__init__(message, kind=Kind.BAD_USE)


@dataclass(frozen=True)
class Subject:
    """A unit, and all that is needed to render it as of any revision. Made by `opened`."""

    client: KubeClient
    mapper: Mapper
    body: Body
    dialect: Dialect
    unit: Unit
    declaration: SourceDeclaration
    state: UnitState
    credentials: SourceCredentials | None
    git: GitSource
    renderer: WorkerRenderer

    @property
    def _sources(self) -> SourceProvider:
        if self.declaration.spec.kind == OCI:
            return OciProvider(OciSource(self.git.cache))
        return GitProvider(self.git)

    async def resolve(self, revision: str = "") -> Resolved:
        """Find a revision of the unit's source: a branch, tag or commit; by default what it follows.

        Raises `SourceError`.
        """
        spec = self.declaration.spec
        with contextlib.suppress(ValueError):
            revision = (
                Revision.parse(revision).id if ":" in revision and self.declaration.spec.kind == GIT else revision
            )
        found = await self._sources.resolve(spec, self.credentials, revision)
        return await self._sources.fetch(spec, found, self.credentials, self.declaration.ignore)

    async def applied(self) -> Resolved:
        """Find the revision that the unit delivers now, also while that is still under way. Raises `SourceError`."""
        delivered = self.state.attempt or self.state.applied
        return await self.resolve(delivered.revision if delivered else "")

    async def render(self, tree: PathLike[str], recipe: Recipe | None = None) -> RenderResult:
        """Render a folder as the unit would. Raises `RenderError`."""
        context = RenderContext(capabilities=self.mapper.capabilities())
        return await self.renderer.render(recipe or self.unit.recipe, tree, context)

    def prepared(self, result: RenderResult) -> Prepared:
        """Make what the unit wants of what was rendered. Raises `CannotInspect`."""
        prepared = prepare(result, self.unit, self.dialect.options, self.scope)
        if prepared.problems:
            raise CannotInspect("; ".join(f"{item.origin or ''}: {item.message}" for item in prepared.problems))
        if prepared.hooks:
            raise CannotInspect(f"hooks are not run yet: {', '.join(map(str, prepared.hooks))}")
        return prepared

    async def delivered(self, resolved: Resolved) -> Prepared:
        """Give what the unit delivers at a revision. Raises `CannotInspect`, `RenderError`, `SourceError`."""
        async with self.git.checkout(resolved) as checkout:
            return self.prepared(await self.render(checkout.path))

    def scope(self, group: str, kind: str) -> bool | None:
        """Say whether a kind is namespaced; `None`: not served."""
        resource = self.mapper.known(group, kind)
        return None if resource is None else resource.namespaced

    async def live(self, ref: ObjectRef) -> Body | None:
        """Give an object as it lives, `None` where it does not. Raises `KubeError`."""
        return await live_object(self.client, self.mapper, ref)


def unit_of(body: Body) -> tuple[Dialect, Unit]:
    """Translate a user's object. Raises `CannotInspect` where it is no unit."""
    ref = ObjectRef.of(body)
    dialect = dialect_of(ref.group, ref.kind)
    unit = dialect.translate(body, Context()).unit if dialect else None
    if dialect is None or unit is None:
        raise CannotInspect(f"{ref} is no unit")
    return dialect, unit


@asynccontextmanager
async def opened(client: KubeClient, mapper: Mapper, body: Body) -> AsyncIterator[Subject]:
    """Open a unit by its user's object. Raises `CannotInspect`, `SourceError`, `KubeError`."""
    dialect, unit = unit_of(body)
    if unit.problems:
        raise CannotInspect("; ".join(unit.problems))
    declaration = await _declaration(client, mapper, unit, body)
    credentials = await _credentials(client, mapper, declaration)
    state = await unit_state(client, mapper, unit.ref)
    with _cache() as folder:
        async with (
            GitSource(GitSettings.from_environment(folder)) as git,
            WorkerRenderer(RenderSettings(workers=1)) as renderer,
        ):
            yield Subject(client, mapper, body, dialect, unit, declaration, state, credentials, git, renderer)


class _NamedSecrets:
    """Reads single Secrets by their names, with the asking user's rights. Implements the `Values` port."""

    def __init__(self, client: KubeClient, mapper: Mapper) -> None:
        self._client = client
        self._mapper = mapper

    async def read(self, kind: str, namespace: str, name: str) -> dict[str, bytes] | None:
        try:
            body = await live_object(self._client, self._mapper, ObjectRef("", kind, namespace, name))
        except Forbidden:
            if kind == "ConfigMap":
                # It only adds to what the machine trusts already.
                return None
            raise
        return decoded(body) if body is not None else None


async def _credentials(client: KubeClient, mapper: Mapper, declaration: SourceDeclaration) -> SourceCredentials | None:
    """Find how to be let in. Only Secrets that may be the source's are asked for: the one that it names, or those that
    are kept for repositories; who may not read these asks as anybody. Raises `SourceError`, `KubeError`.
    """
    secrets: list[Body] = []
    resource = mapper.known("", "Secret")
    if declaration.credentials is None and declaration.proxy is None and resource is not None:
        with contextlib.suppress(Forbidden):
            found = await client.list_all(resource, HOME, selectors={"labelSelector": SECRET_TYPE})
            secrets = list(found.items)
    return await SecretCredentials(_NamedSecrets(client, mapper), lambda: secrets).of(declaration)


async def live_object(client: KubeClient, mapper: Mapper, ref: ObjectRef) -> Body | None:
    """Give an object as it lives, `None` where it, or its kind, does not. Raises `KubeError`."""
    resource = await mapper.find(ref.group, ref.kind)
    reply = await client.find(resource, ref.name, ref.namespace) if resource else None
    return reply.body if reply else None


async def unit_state(client: KubeClient, mapper: Mapper, ref: ObjectRef) -> UnitState:
    """Give what Trueup remembers of a unit; the empty state where that is nothing. Raises `KubeError`."""
    body = await live_object(client, mapper, ObjectRef(STATE_GROUP, STATE_KIND, ref.namespace, state_name(ref)))
    return decode_state(ref, body)


async def _declaration(client: KubeClient, mapper: Mapper, unit: Unit, body: Body) -> SourceDeclaration:
    holder: Body | None = body if unit.source == unit.ref else await live_object(client, mapper, unit.source)
    if holder is None:
        raise CannotInspect(f"{unit.source} does not exist")
    dialect = dialect_of(unit.source.group, unit.source.kind)
    sources = dialect.translate(holder, Context()).sources if dialect else ()
    if not sources:
        raise CannotInspect(f"{unit.source} is no source")
    if sources[0].problems:
        raise CannotInspect("; ".join(sources[0].problems))
    return sources[0]


@contextmanager
def _cache() -> Iterator[Path]:
    """Give the folder in which repositories are kept; a temporary one while another command uses it."""
    base = os.environ.get("XDG_CACHE_HOME")
    folder = (Path(base) if base else Path.home() / ".cache") / "trueup" / "inspection"
    with contextlib.ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = stack.enter_context((folder / ".lock").open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            (folder / "mirrors").mkdir(exist_ok=True)
            discard_oldest(folder / "mirrors", MIRRORS_KEPT)
            yield folder
        except BlockingIOError:
            yield Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="trueup-inspection-")))
