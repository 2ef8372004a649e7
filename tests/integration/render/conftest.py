"""Folders with ids as Git has them, and one renderer on real worker processes for all tests."""

import hashlib
import os
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest

from trueup.core.model.recipe import Capabilities, Recipe, RenderContext, RenderError, RenderProblem, RenderResult
from trueup.render import RenderSettings, WorkerRenderer


class FolderIds:
    """The ids of a folder's content, made as Git makes them: of files, of links, and of folders from all beneath."""

    def __init__(self, root: Path) -> None:
        self._ids: dict[str, str] = {}
        self._names: dict[str, tuple[str, ...]] = {}
        self._scan(root, ".")

    def _scan(self, folder: Path, relative: str) -> str:
        names, lines = [], []
        for entry in sorted(os.scandir(folder), key=lambda one: one.name):
            path = entry.name if relative == "." else f"{relative}/{entry.name}"
            if entry.is_symlink():
                known, name = _digest("link", bytes(Path(entry.path).readlink())), entry.name
            elif entry.is_dir():
                known, name = self._scan(Path(entry.path), path), f"{entry.name}/"
            else:
                known, name = _digest("file", Path(entry.path).read_bytes()), entry.name
            self._ids[path] = known
            names.append(name)
            lines.append(f"{name} {known}")
        self._names[relative] = tuple(names)
        self._ids[relative] = _digest("folder", "\n".join(lines).encode())
        return self._ids[relative]

    def entry(self, path: str) -> str | None:
        return self._ids.get(path)

    def names(self, path: str) -> tuple[str, ...] | None:
        return self._names.get(path)


def _digest(kind: str, content: bytes) -> str:
    return hashlib.sha1(f"{kind} {len(content)}\n".encode() + content).hexdigest()


class Bench:
    """A folder to put files in, and a renderer to try them with."""

    def __init__(self, renderer: WorkerRenderer, folder: Path) -> None:
        self.renderer = renderer
        self.folder = folder

    def write(self, files: Mapping[str, str]) -> None:
        for name, content in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)

    def context(self, **fields: object) -> RenderContext:
        capabilities = Capabilities("v1.37.2", ("apps/v1", "apps/v1/Deployment"))
        return RenderContext(**{"capabilities": capabilities, "tree": FolderIds(self.folder), **fields})  # type: ignore[arg-type]

    async def render(self, recipe: Recipe, **fields: object) -> RenderResult:
        return await self.renderer.render(recipe, self.folder, self.context(**fields))

    async def fails(self, recipe: Recipe, **fields: object) -> RenderProblem:
        with pytest.raises(RenderError) as failure:
            await self.render(recipe, **fields)
        return failure.value.problem

    async def fails_without_ids(self, recipe: Recipe) -> RenderProblem:
        with pytest.raises(RenderError) as failure:
            await self.renderer.render(recipe, self.folder, RenderContext(deadline=5))
        return failure.value.problem


def names(result: RenderResult) -> list[str]:
    """Give `Kind namespace/name` of every object, in order."""
    found = []
    for rendered in result.objects:
        metadata = rendered.body["metadata"]
        name = metadata.get("name", metadata.get("generateName"))
        found.append(
            f"{rendered.body['kind']} " + (f"{metadata['namespace']}/" if "namespace" in metadata else "") + name
        )
    return found


@pytest.fixture(scope="session")
async def renderer() -> AsyncIterator[WorkerRenderer]:
    async with WorkerRenderer(RenderSettings(workers=2)) as running:
        yield running


@pytest.fixture
def bench(renderer: WorkerRenderer, tmp_path: Path) -> Bench:
    return Bench(renderer, tmp_path)


@pytest.fixture
def objects() -> Callable[[RenderResult], list[str]]:
    return names


def config_map(name: str, namespace: str = "", **data: str) -> str:
    """Write a ConfigMap as YAML."""
    lines = ["apiVersion: v1", "kind: ConfigMap", "metadata:", f"  name: {name}"]
    if namespace:
        lines.append(f"  namespace: {namespace}")
    lines.append("data:" if data else "data: {}")
    return "\n".join([*lines, *(f"  {key}: '{value}'" for key, value in data.items())]) + "\n"


@pytest.fixture
def manifest() -> Callable[..., str]:
    return config_map
