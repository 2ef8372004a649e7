"""One unit opened for inspection: its sources, its renderer and what is remembered of it, without a controller.

Everything is done with the parts a controller is made of, and nothing is written to the cluster. Repositories are
kept between commands below the user's cache folder, so that only the first look at a large one takes long.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from os import PathLike
from pathlib import Path

import msgspec

from trueup.core.chart_dependencies import ChartRendering, render_with_charts
from trueup.core.decryption import keys_for
from trueup.core.model.artifact import Resolved, SourceCredentials
from trueup.core.model.dialect import Context, Dialect, Role
from trueup.core.model.objects import Body, ObjectRef
from trueup.core.model.recipe import Recipe, RenderContext, RenderResult
from trueup.core.model.state import STATE_GROUP, STATE_KIND, UnitState, state_name
from trueup.core.model.unit import RevisionFacts, SourceDeclaration, Unit, UnitSource
from trueup.core.plan.desired import Prepared, prepare
from trueup.core.ports import ChartDependencies
from trueup.core.problem import Kind, Problem
from trueup.core.repository.helm import HELM
from trueup.core.substitution import substituted
from trueup.devtools.toolchain.cache import discard_oldest
from trueup.dialects import dialect_of
from trueup.dialects.credentials import SECRET_TYPE, SecretCredentials
from trueup.kube.client import KubeClient
from trueup.kube.discovery import Mapper
from trueup.kube.errors import Forbidden
from trueup.queries.problems import decode_state
from trueup.render import RenderSettings, WorkerRenderer
from trueup.render.plugins import Plugin, PluginsInvalid, read_plugins
from trueup.render.plugins import known as known_plugins
from trueup.sources.artifacts import ArtifactStore
from trueup.sources.git import GitSettings, GitSource
from trueup.sources.helm import FetchedCharts, allowed_repositories
from trueup.sources.providers import all_providers
from trueup.sources.registry import SourceRegistry
from trueup.storage.values import decoded

HOME = "argocd"
"""The namespace in which Secrets for repositories are kept."""

PLUGINS = "TRUEUP_PLUGINS"
"""The environment variable that names the folder with config management plugins."""

MIRRORS_KEPT = 20
"""Repositories kept between commands: those that were used last."""


class CannotInspect(Problem):
    """The unit cannot be rendered or compared; the message says why."""

    def __init__(self, message: str) -> None:
        """Take why."""
        super().__init__(message, kind=Kind.BAD_USE)


class OpenedSource(msgspec.Struct, frozen=True):
    """One of the unit's sources: how it is read, what declares it, and how to be let in."""

    source: UnitSource
    declaration: SourceDeclaration
    credentials: SourceCredentials | None


class Taken(msgspec.Struct, frozen=True):
    """One source at a revision, with its files on disk and the recipe that holds there."""

    number: int
    resolved: Resolved
    folder: Path
    recipe: Recipe | None
    roots: dict[str, str] = {}


@dataclass(frozen=True)
class Subject:
    """A unit, and all that is needed to render it as of any revisions. Made by `opened`.

    Revisions are always those of all its sources, in their order.
    """

    client: KubeClient
    mapper: Mapper
    body: Body
    dialect: Dialect
    unit: Unit
    sources: tuple[OpenedSource, ...]
    state: UnitState
    git: GitSource
    registry: SourceRegistry
    renderer: WorkerRenderer
    charts: ChartDependencies

    async def resolve(self, revisions: Sequence[str] = ()) -> tuple[Resolved, ...]:
        """Find a revision of each source: a branch, tag or commit; by default what it follows. Raises `SourceError`."""
        pairs = zip_longest(self.sources, revisions[: len(self.sources)], fillvalue="")
        return tuple([await self._resolve(one, str(at)) for one, at in pairs if isinstance(one, OpenedSource)])

    async def _resolve(self, one: OpenedSource, revision: str) -> Resolved:
        spec = one.declaration.spec
        found = await self.registry.resolve(spec, one.credentials, revision)
        return await self.registry.fetch(spec, found, one.credentials, one.declaration.ignore)

    async def applied(self) -> tuple[Resolved, ...]:
        """Find the revisions that the unit delivers now, also while that is still under way. Raises `SourceError`."""
        attempt, applied = self.state.attempt, self.state.applied
        if attempt is not None:
            return await self.resolve(attempt.revisions or (attempt.revision,))
        return await self.resolve(applied.revisions if applied else ())

    @asynccontextmanager
    async def taken(self, resolved: Sequence[Resolved], local: Path | None = None) -> AsyncIterator[tuple[Taken, ...]]:
        """Hold the files of all sources at these revisions, with their recipes; the first's from a `local` folder.

        Raises `RenderError`, `SourceError`.
        """
        async with contextlib.AsyncExitStack() as stack:
            folders = []
            for number, one in enumerate(resolved):
                own = local if local is not None and number == 0 else None
                held = own or (await stack.enter_async_context(self.registry.checkout(one))).path
                folders.append(Path(held))
            names = [one.source.name for one in self.sources]
            roots = {name: str(folder) for name, folder in zip(names, folders, strict=True) if name}
            yield tuple(
                Taken(number, resolved[number], folder, self._recipe(number, resolved[number], folder), roots)
                for number, folder in enumerate(folders)
            )

    def _recipe(self, number: int, resolved: Resolved, folder: Path) -> Recipe | None:
        """Give how a source is read, as files in it say."""
        source = self.sources[number].source
        if source.late is None:
            return source.recipe
        paths = [path for path in source.late.files if (folder / path).is_file() and not (folder / path).is_symlink()]
        files = {path: (folder / path).read_bytes() for path in paths}
        if not files and not source.late.by_revision and not source.late.by_cluster:
            return source.recipe
        return source.late.complete(RevisionFacts(files, resolved.revision.bare, self.mapper.capabilities())).recipe

    async def render(
        self, taken: Taken, tree: PathLike[str] | None = None, recipe: Recipe | None = None
    ) -> RenderResult:
        """Render one source as the unit would, also from a copy of its files; with the values that the unit refers to.

        Raises `RenderError`, `SourceError`, `KubeError`.
        """
        values = _NamedSecrets(self.client, self.mapper)
        how, keys = self.unit.decryption, None
        if how is not None:
            keys = keys_for(how, await values.read("Secret", *how.secret) if how.secret else None)
        context = RenderContext(capabilities=self.mapper.capabilities(), roots=taken.roots, keys=keys)
        used = recipe or taken.recipe
        assert used is not None
        parts = ChartRendering(self.renderer, self.registry, self.charts)
        result = await render_with_charts(self.unit, parts, used, tree or taken.folder, context)
        return await substituted(self.unit, result, values, self.renderer)

    def prepared(self, results: Sequence[RenderResult]) -> Prepared:
        """Make what the unit wants of what its sources rendered to. Raises `CannotInspect`."""
        objects = tuple(item for result in results for item in result.objects)
        secrets = tuple(value for result in results for value in result.secrets)
        prepared = prepare(
            msgspec.structs.replace(results[0], objects=objects, secrets=secrets),
            self.unit,
            self.dialect.options,
            self.scope,
        )
        if prepared.problems:
            raise CannotInspect("; ".join(f"{item.origin or ''}: {item.message}" for item in prepared.problems))
        if prepared.hooks:
            raise CannotInspect(f"hooks are not run yet: {', '.join(map(str, prepared.hooks))}")
        return prepared

    async def delivered(self, resolved: Sequence[Resolved], local: Path | None = None) -> Prepared:
        """Give what the unit delivers at these revisions. Raises `CannotInspect`, `RenderError`, `SourceError`."""
        async with self.taken(resolved, local) as taken:
            return self.prepared([await self.render(one) for one in taken if one.recipe is not None])

    def scope(self, group: str, kind: str) -> bool | None:
        """Say whether a kind is namespaced; `None`: not served."""
        resource = self.mapper.known(group, kind)
        return None if resource is None else resource.namespaced

    async def live(self, ref: ObjectRef) -> Body | None:
        """Give an object as it lives, `None` where it does not. Raises `KubeError`."""
        return await live_object(self.client, self.mapper, ref)


def unit_of(body: Body, context: Context = Context()) -> tuple[Dialect, Unit]:
    """Translate a user's object. Raises `CannotInspect` where it is no unit."""
    ref = ObjectRef.of(body)
    dialect = dialect_of(ref.group, ref.kind)
    unit = dialect.translate(body, context).unit if dialect else None
    if dialect is None or unit is None:
        raise CannotInspect(f"{ref} is no unit")
    return dialect, unit


@asynccontextmanager
async def opened(client: KubeClient, mapper: Mapper, body: Body) -> AsyncIterator[Subject]:
    """Open a unit by its user's object. Raises `CannotInspect`, `SourceError`, `KubeError`."""
    plugins = await asyncio.to_thread(_plugins)
    context = await _context(client, mapper, ObjectRef.of(body))
    context = msgspec.structs.replace(context, plugins=known_plugins(plugins))
    dialect, unit = unit_of(body, context)
    if unit.problems:
        raise CannotInspect("; ".join(unit.problems))
    sources = []
    for one in unit.sources:
        inside = one.ref[:3] == unit.ref[:3]
        holder: Body | None = body if inside else await live_object(client, mapper, one.ref)
        declaration = _declaration(holder, one.ref, context)
        sources.append(OpenedSource(one, declaration, await _credentials(client, mapper, declaration)))
    state = await unit_state(client, mapper, unit.ref)
    with _cache() as folder:
        async with (
            GitSource(GitSettings.from_environment(folder)) as git,
            WorkerRenderer(RenderSettings(workers=1, plugins=plugins)) as renderer,
        ):
            # Nothing is published: the store of tarballs stays empty.
            registry = SourceRegistry(all_providers(git), ArtifactStore(folder / "artifacts", ""))
            secrets = await _repositories(client, mapper)
            known = SecretCredentials(_NamedSecrets(client, mapper), lambda: secrets)
            charts = FetchedCharts(registry.of(HELM), known.of_charts, allowed_repositories())
            yield Subject(client, mapper, body, dialect, unit, tuple(sources), state, git, registry, renderer, charts)


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
    own = declaration.credentials is not None or declaration.proxy is not None
    secrets = [] if own else await _repositories(client, mapper)
    return await SecretCredentials(_NamedSecrets(client, mapper), lambda: secrets).of(declaration)


async def _repositories(client: KubeClient, mapper: Mapper) -> list[Body]:
    """Give the Secrets that are kept for repositories, none to whom may not read them."""
    resource = mapper.known("", "Secret")
    if resource is None:
        return []
    with contextlib.suppress(Forbidden):
        found = await client.list_all(resource, HOME, selectors={"labelSelector": SECRET_TYPE})
        return list(found.items)
    return []


async def live_object(client: KubeClient, mapper: Mapper, ref: ObjectRef) -> Body | None:
    """Give an object as it lives, `None` where it, or its kind, does not. Raises `KubeError`."""
    resource = await mapper.find(ref.group, ref.kind)
    reply = await client.find(resource, ref.name, ref.namespace) if resource else None
    return reply.body if reply else None


async def unit_state(client: KubeClient, mapper: Mapper, ref: ObjectRef) -> UnitState:
    """Give what Trueup remembers of a unit; the empty state where that is nothing. Raises `KubeError`."""
    body = await live_object(client, mapper, ObjectRef(STATE_GROUP, STATE_KIND, ref.namespace, state_name(ref)))
    return decode_state(ref, body)


async def _context(client: KubeClient, mapper: Mapper, ref: ObjectRef) -> Context:
    """Find the objects that bound units of a kind; who may not read them is told so as if there were none."""
    dialect = dialect_of(ref.group, ref.kind)
    projects: dict[tuple[str, str], Body] = {}
    for kind in dialect.kinds if dialect else ():
        resource = await mapper.find(kind.group, kind.kind) if kind.role is Role.PROJECT else None
        if resource is not None:
            with contextlib.suppress(Forbidden):
                for item in (await client.list_all(resource, HOME)).items:
                    projects[(item["metadata"]["namespace"], item["metadata"]["name"])] = item
    return Context(projects=projects)


def _plugins() -> tuple[Plugin, ...]:
    """Read the plugins that a command is told of in the way that a controller is (blocking). Raises `CannotInspect`."""
    folder = os.environ.get(PLUGINS)
    try:
        return read_plugins(Path(folder)) if folder else ()
    except (PluginsInvalid, OSError) as error:
        raise CannotInspect(f"${PLUGINS}: {error}") from error


def _declaration(holder: Body | None, ref: ObjectRef, context: Context) -> SourceDeclaration:
    """Find what declares a source in an object: the unit's own, or another. Raises `CannotInspect`."""
    if holder is None:
        raise CannotInspect(f"{ref} does not exist")
    dialect = dialect_of(ref.group, ref.kind)
    sources = dialect.translate(holder, context).sources if dialect else ()
    found = next((one for one in sources if one.ref == ref), None)
    if found is None:
        raise CannotInspect(f"{ref} is no source")
    if found.problems:
        raise CannotInspect("; ".join(found.problems))
    return found


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
