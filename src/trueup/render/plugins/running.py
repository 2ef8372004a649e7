"""Runs plugins: a copy of the artifact to write in, `init`, then `generate`, whose output is the manifests."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory

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

    async def generate(
        self, recipe: PluginRecipe, tree: PathLike[str], context: RenderContext
    ) -> tuple[Plugin, bytes] | None:
        """Give the plugin that a recipe names, or that recognises its folder, and the manifests that it makes.

        `None` where there is none. Raises `RenderError`.
        """
        async with self._slots, AsyncExitStack() as stack:
            deadline = time.monotonic() + context.deadline
            copy = _Copy(Path(tree), recipe.path, stack)
            named = self._plugins.get(recipe.name)
            plugin = named if recipe.name else await self._found(recipe, copy, deadline)
            if plugin is None:
                return None
            place = _place(plugin, recipe.environment, await copy.made())
            for command in (plugin.spec.init, plugin.spec.generate):
                output = b""
                if command is not None and command.words:
                    output = await self._run(plugin, command.words, place, deadline)
            return plugin, output

    def missing(self, recipe: PluginRecipe) -> RenderProblem:
        """Say that there is no plugin for a recipe."""
        names = ", ".join(sorted(self._plugins)) or "none is declared; --plugins names a folder of them"
        what = f"there is no plugin {recipe.name!r}" if recipe.name else f"no plugin recognises {recipe.path!r}"
        return RenderProblem("plugin", f"{what} ({names})")

    async def _found(self, recipe: PluginRecipe, copy: _Copy, deadline: float) -> Plugin | None:
        for plugin in self._finding:
            discover = plugin.spec.discover
            if pattern := discover.file_name or discover.find.glob:
                found = await asyncio.to_thread(copy.holds, pattern)
            else:
                place = _place(plugin, recipe.environment, await copy.made())
                found = bool((await self._run(plugin, discover.find.words, place, deadline)).strip())
            if found:
                return plugin
        return None

    async def _run(self, plugin: Plugin, command: Sequence[str], place: Place, deadline: float) -> bytes:
        try:
            return await run_confined(self._executable, command, place, max(0.1, deadline - time.monotonic()))
        except CommandFailed as error:
            raise RenderError(RenderProblem(error.code, f"Plugin {plugin.name}: {error}")) from None


class _Copy:
    """A copy of the artifact to write in, made when it is first asked for; it goes with `stack`."""

    def __init__(self, tree: Path, path: str, stack: AsyncExitStack) -> None:
        self._tree, self._path, self._stack = tree, path, stack
        self._made: tuple[Path, Path] | None = None

    def holds(self, pattern: str) -> bool:
        """Say whether a file below the folder fits a pattern, `**` for any folders (blocking)."""
        tree = self._tree.resolve()
        folder = (tree / self._path).resolve()
        if not folder.is_relative_to(tree):
            return False
        # As in a shell, `**/` is also no folder at all.
        patterns = {pattern.removeprefix("./"), pattern.removeprefix("./").replace("**/", "")}
        for file in itertools.islice(folder.rglob("*"), FOUND_LIMIT):
            name = file.relative_to(folder).as_posix()
            if any(matches(name, each, "/") for each in patterns):
                return True
        return False

    async def made(self) -> tuple[Path, Path]:
        """Give the copy's own folder and the place of the path in it. Raises `RenderError`."""
        if self._made is None:
            folder = TemporaryDirectory(prefix="trueup-plugin-", ignore_cleanup_errors=True)
            room = await asyncio.to_thread(Path(self._stack.enter_context(folder)).resolve)
            try:
                await run_script(_COPYING, [self._tree, room / "source"])
            except OSError as error:
                raise RenderError(RenderProblem("unavailable", f"the plugin's copy cannot be made: {error}")) from error
            self._made = room, await asyncio.to_thread(_folder, room, self._path)
        return self._made


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


def _place(plugin: Plugin, environment: Sequence[tuple[str, str]], copy: tuple[Path, Path]) -> Place:
    room, folder = copy
    own = {
        "PATH": f"{plugin.folder}/bin:{_PATH}",
        "HOME": str(room / "home"),
        "TMPDIR": str(room / "tmp"),
        "LANG": "C.UTF-8",
    }
    return Place(folder, dict(environment) | own, (plugin.folder,), (str(room),), plugin.network)
