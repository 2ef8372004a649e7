"""Runs plugins: a copy of the artifact to write in, `init`, then `generate`, whose output is the manifests."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from os import PathLike
from pathlib import Path

from trueup.core.globs import matches
from trueup.core.model.recipe import RenderContext, RenderError, RenderProblem
from trueup.core.plugins import PluginRecipe
from trueup.fairness import FairSlots
from trueup.render.plugins.declared import Plugin
from trueup.render.plugins.sandbox import CommandFailed, Place, run_confined
from trueup.scripts import run_script

_COPYING = Path(__file__).with_name("copying.py")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
FOUND_LIMIT = 100_000
"""Files that are looked at to recognise a folder."""


class Plugins:
    """The operator's plugins. `executable` is the worker's program, `slots` how many run at once."""

    def __init__(self, plugins: Sequence[Plugin], executable: str, slots: int) -> None:
        """Take what there is."""
        self._plugins = {plugin.name: plugin for plugin in plugins}
        self._finding = tuple(plugin for plugin in plugins if plugin.spec.discover.given)
        self._executable = executable
        self._slots = FairSlots(slots)

    async def generate(self, recipe: PluginRecipe, tree: PathLike[str], context: RenderContext) -> tuple[Plugin, bytes]:
        """Give the manifests that a plugin makes, and which one it was. Raises `RenderError`."""
        async with self._slots:
            deadline = time.monotonic() + context.deadline
            async with _copied(Path(tree), recipe.path) as (copy, folder):
                plugin = self._plugins.get(recipe.name)
                if plugin is None and not recipe.name:
                    plugin = await self._found(recipe, copy, folder, deadline)
                if plugin is None:
                    raise RenderError(self._missing(recipe))
                place = _place(plugin, recipe.environment, copy, folder)
                for command in (plugin.spec.init, plugin.spec.generate):
                    output = b""
                    if command is not None and command.words:
                        output = await self._run(plugin, command.words, place, deadline)
                return plugin, output

    async def finds(self, recipe: PluginRecipe, tree: PathLike[str], context: RenderContext) -> bool:
        """Say whether a plugin recognises a folder. Raises `RenderError`."""
        if not self._finding:
            return False
        async with self._slots, _copied(Path(tree), recipe.path) as (copy, folder):
            return await self._found(recipe, copy, folder, time.monotonic() + context.deadline) is not None

    async def _found(self, recipe: PluginRecipe, copy: Path, folder: Path, deadline: float) -> Plugin | None:
        for plugin in self._finding:
            discover = plugin.spec.discover
            if pattern := discover.file_name or discover.find.glob:
                found = await asyncio.to_thread(_holds, folder, pattern)
            else:
                place = _place(plugin, recipe.environment, copy, folder)
                found = bool((await self._run(plugin, discover.find.words, place, deadline)).strip())
            if found:
                return plugin
        return None

    async def _run(self, plugin: Plugin, command: Sequence[str], place: Place, deadline: float) -> bytes:
        try:
            return await run_confined(self._executable, command, place, max(0.1, deadline - time.monotonic()))
        except CommandFailed as error:
            raise RenderError(RenderProblem(error.code, f"Plugin {plugin.name}: {error}")) from None

    def _missing(self, recipe: PluginRecipe) -> RenderProblem:
        names = ", ".join(sorted(self._plugins)) or "none is declared; --plugins names a folder of them"
        what = f"there is no plugin {recipe.name!r}" if recipe.name else f"no plugin recognises {recipe.path!r}"
        return RenderProblem("plugin", f"{what} ({names})")


@asynccontextmanager
async def _copied(tree: Path, path: str) -> AsyncIterator[tuple[Path, Path]]:
    """Give a folder to write in that holds a copy of the artifact, and the place of `path` in it. Raises `RenderError`.

    The copy goes afterwards.
    """
    with tempfile.TemporaryDirectory(prefix="trueup-plugin-", ignore_cleanup_errors=True) as made:
        room = await asyncio.to_thread(Path(made).resolve)
        try:
            await run_script(_COPYING, [tree, room / "source"])
        except OSError as error:
            raise RenderError(RenderProblem("unavailable", f"the plugin's copy cannot be made: {error}")) from error
        yield room, await asyncio.to_thread(_folder, room, path)


def _folder(room: Path, path: str) -> Path:
    """Give the place of a path in the copy, and make the other folders (blocking). Raises `RenderError`."""
    for name in ("home", "tmp"):
        (room / name).mkdir()
    folder = (room / "source" / path).resolve()
    if not folder.is_relative_to(room / "source"):
        raise RenderError(RenderProblem("outside", f"{path} leads out of the artifact"))
    if not folder.is_dir():
        raise RenderError(RenderProblem("path-absent", f"{path} does not exist in the artifact, or is no folder"))
    return folder


def _place(plugin: Plugin, environment: Sequence[tuple[str, str]], room: Path, folder: Path) -> Place:
    own = {
        "PATH": f"{plugin.folder}/bin:{_PATH}",
        "HOME": str(room / "home"),
        "TMPDIR": str(room / "tmp"),
        "LANG": "C.UTF-8",
    }
    return Place(folder, dict(environment) | own, (plugin.folder,), (str(room),), plugin.network)


def _holds(folder: Path, pattern: str) -> bool:
    """Say whether a file below a folder fits a pattern, `**` for any folders (blocking)."""
    # As in a shell, `**/` is also no folder at all.
    patterns = {pattern.removeprefix("./"), pattern.removeprefix("./").replace("**/", "")}
    for file in itertools.islice(folder.rglob("*"), FOUND_LIMIT):
        name = file.relative_to(folder).as_posix()
        if any(matches(name, each, "/") for each in patterns):
            return True
    return False
