"""Config management plugins: what their commands are given, what they make, and what they cannot reach or use up."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from trueup.core.model.recipe import (
    AutoRecipe,
    DirectoryRecipe,
    HelmRecipe,
    KustomizeRecipe,
    RenderContext,
    RenderError,
    RenderResult,
)
from trueup.core.plugins import PluginRecipe
from trueup.render import RenderSettings, WorkerRenderer
from trueup.render.plugins import PluginsInvalid, known, read_plugins
from trueup.render.plugins.sandbox import MEMORY_MIB

from .conftest import Bench, FolderIds

MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: made}\ndata:\n"


def declare(folder: Path, script: str, name: str = "maker", **spec: Any) -> None:
    """Write a plugin that runs a shell script to make manifests."""
    folder.mkdir(exist_ok=True)
    annotations = spec.pop("annotations", {})
    body = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "ConfigManagementPlugin",
        "metadata": {"name": name, "annotations": annotations},
        "spec": {"generate": {"command": ["sh", "-c"], "args": [script]}, **spec},
    }
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(body))


@asynccontextmanager
async def benched(tmp_path: Path) -> AsyncIterator[Bench]:
    """Give a renderer with the plugins that were declared, and a folder with one application."""
    (tmp_path / "tree" / "app").mkdir(parents=True, exist_ok=True)
    settings = RenderSettings(workers=1, plugins=read_plugins(tmp_path / "plugins"))
    async with WorkerRenderer(settings) as renderer:
        yield Bench(renderer, tmp_path / "tree")


async def made(bench: Bench, recipe: Any = None, deadline: float = 60.0) -> RenderResult:
    context = RenderContext(tree=FolderIds(bench.folder), deadline=deadline)
    return await bench.renderer.render(recipe or PluginRecipe("app", "maker"), bench.folder, context)


def data(result: RenderResult) -> dict[str, str]:
    (one,) = result.objects
    found: dict[str, str] = one.body["data"]
    return found


async def test_init_and_generate_run_in_the_folder_and_what_is_printed_is_delivered(tmp_path: Path) -> None:
    script = f"printf '{MAP}  a: '; cat prepared; printf '  b: %s\\n' \"$ARGOCD_ENV_TEAM\""
    declare(tmp_path / "plugins", script, init={"command": ["sh", "-c", "cat ../shared/value > prepared"]})
    async with benched(tmp_path) as bench:
        bench.write({"shared/value": "'1'\n"})
        recipe = PluginRecipe("app", "maker", (("ARGOCD_ENV_TEAM", "shop"),))
        result = await made(bench, recipe)
        assert data(result) == {"a": "1", "b": "shop"} and result.recipe == "plugin"
        assert result.objects[0].origin is not None and result.objects[0].origin.path == "app"
        assert not (bench.folder / "app" / "prepared").exists(), "it writes in a copy"
        before = bench.renderer.renders
        assert data(await made(bench, recipe)) == {"a": "1", "b": "shop"} and bench.renderer.renders == before
        bench.write({"shared/value": "'2'\n"})
        assert data(await made(bench, recipe))["a"] == "2"


@pytest.mark.parametrize(
    "discover",
    [
        {"fileName": "./s*.thing"},
        {"find": {"glob": "**/some.thing"}},
        {"find": {"command": ["sh", "-c", "ls | grep thing || true"]}},
    ],
)
async def test_a_folder_is_recognised_and_others_stay_what_they_are(tmp_path: Path, discover: dict[str, Any]) -> None:
    declare(tmp_path / "plugins", f"printf '{MAP}  by: plugin'", discover=discover)
    async with benched(tmp_path) as bench:
        recipe = AutoRecipe(
            HelmRecipe(path="app"), KustomizeRecipe(path="app"), DirectoryRecipe(path="app"), PluginRecipe("app")
        )
        bench.write({"app/map.yaml": MAP + "  by: hand\n"})
        plain = await made(bench, recipe)
        assert (data(plain), plain.recipe) == ({"by": "hand"}, "directory")
        bench.write({"app/some.thing": "x"})
        found = await made(bench, recipe)
        assert (data(found), found.recipe) == ({"by": "plugin"}, "plugin")


@pytest.mark.parametrize(
    ("script", "code", "words"),
    [
        ("echo no chart >&2; exit 3", "plugin", "Plugin maker: sh ended with exit code 3: no chart"),
        ("echo 'a: ['", "not-an-object", "output of plugin maker.yaml"),
        ("echo hello", "not-an-object", "output of plugin maker.yaml:1"),
        ("echo 'apiVersion: v1'; echo 'a: ['", "parse", "output of plugin maker.yaml"),
        ("kill -9 $$", "plugin", "was ended by signal 9"),
        ("head -c 70000000 /dev/zero", "too-large", "prints more than 64 MiB"),
    ],
)
async def test_what_goes_wrong_is_told_with_the_plugins_own_words(
    tmp_path: Path, script: str, code: str, words: str
) -> None:
    declare(tmp_path / "plugins", script)
    async with benched(tmp_path) as bench:
        with pytest.raises(RenderError) as raised:
            await made(bench)
        assert (raised.value.problem.code, words in str(raised.value)) == (code, True), str(raised.value)


async def test_one_that_never_ends_is_ended_with_all_that_it_has_started(tmp_path: Path) -> None:
    declare(tmp_path / "plugins", "sleep 1234.5 & (trap '' TERM; sleep 1234.5); wait")
    async with benched(tmp_path) as bench:
        began = time.monotonic()
        with pytest.raises(RenderError) as raised:
            await made(bench, deadline=2.0)
        assert raised.value.problem.code == "deadline" and time.monotonic() - began < 30
    assert not running(b"1234.5")


async def test_what_is_left_behind_does_not_hold_up_the_answer(tmp_path: Path) -> None:
    declare(tmp_path / "plugins", f"sleep 1234.6 & printf '{MAP}  a: b'")
    async with benched(tmp_path) as bench:
        assert data(await made(bench)) == {"a": "b"}
    assert not running(b"1234.6")


def running(word: bytes) -> list[Path]:
    """Give the processes that have a word in their command."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found += [process] if word in process.read_bytes() else []
    return found


async def test_memory_is_bounded_over_all_processes(tmp_path: Path) -> None:
    eat = "dd if=/dev/zero of=/dev/null bs=400M count=1000000 2>/dev/null &"
    declare(tmp_path / "plugins", f"{eat} {eat} {eat} {eat} wait")
    async with benched(tmp_path) as bench:
        with pytest.raises(RenderError) as raised:
            await made(bench, deadline=50.0)
    assert raised.value.problem.code == "memory" and str(MEMORY_MIB) in str(raised.value)


WALLS = {
    "a file of the controller's": "cat {secret}",
    "a file by a link in the repository": "cat link",
    "a password file": "cat /etc/shadow",
    "the home folder": "ls /root",
    "the environment of another process": "cat /proc/{parent}/environ | head -c 10 | grep .",
    "a file elsewhere": "echo x > {outside}/x",
    "the repository itself": "echo x > {tree}/x",
    "a signal to its parent": "kill -0 {parent}",
    "a session of its own": "setsid true",
    "a namespace of its own": "unshare -U true",
    "the network": "/usr/bin/env perl -MSocket -e 'socket(S, PF_INET, SOCK_STREAM, 0) or die'",
    "a socket on this machine": "/usr/bin/env perl -MSocket -e 'socket(S, PF_UNIX, SOCK_STREAM, 0) or die'",
    "an environment variable of the controller's": 'test -n "$TRUEUP_TEST_PLANTED"',
}


@pytest.mark.parametrize("wall", WALLS)
async def test_no_wall_gives_way(tmp_path: Path, wall: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUEUP_TEST_PLANTED", "hunter2")
    secret = tmp_path / "secret"
    secret.write_text("hunter2")
    attack = WALLS[wall].format(secret=secret, parent=os.getpid(), outside=tmp_path, tree=tmp_path / "tree")
    declare(tmp_path / "plugins", f"if {attack}; then echo through >&2; exit 9; fi; printf '{MAP}  a: held'")
    async with benched(tmp_path) as bench:
        (bench.folder / "app" / "link").symlink_to(secret)
        assert data(await made(bench)) == {"a": "held"}
    assert not (tmp_path / "x").exists() and not (tmp_path / "tree" / "x").exists()


async def test_the_operator_may_let_a_plugin_at_the_network_and_it_is_not_remembered(tmp_path: Path) -> None:
    script = f"perl -MSocket -e 'socket(S, PF_INET, SOCK_STREAM, 0) or die' && printf '{MAP}  a: b'"
    declare(tmp_path / "plugins", script, annotations={"trueup.dev/network": "allowed"})
    async with benched(tmp_path) as bench:
        result = await made(bench)
        assert data(result) == {"a": "b"} and result.uncacheable == ("network",)


async def test_a_folder_that_leads_out_or_is_not_there_is_refused(tmp_path: Path) -> None:
    declare(tmp_path / "plugins", "true")
    async with benched(tmp_path) as bench:
        (bench.folder / "out").symlink_to("/")
        for path, code in (("gone", "path-absent"), ("out", "outside"), ("../..", "outside")):
            with pytest.raises(RenderError) as raised:
                await made(bench, PluginRecipe(path, "maker"))
            assert raised.value.problem.code == code
        with pytest.raises(RenderError, match="there is no plugin 'other'"):
            await made(bench, PluginRecipe("app", "other"))


def test_declarations_are_read_and_those_that_are_none_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "plugins"
    declare(folder, "true", version="v1.0", discover={"fileName": "x"})
    declare(folder, "true", "second")
    plugins = read_plugins(folder)
    assert [plugin.name for plugin in plugins] == ["maker-v1.0", "second"]
    names = known(plugins)
    assert set(names.digests) == {"maker-v1.0", "second"} and names.discovering
    for text, words in (
        ("kind: Other\nmetadata: {name: x}\nspec: {}\n", "must be a ConfigManagementPlugin"),
        ("kind: ConfigManagementPlugin\nmetadata: {name: x}\nspec: {}\n", "spec.generate.command is required"),
        ("kind: ConfigManagementPlugin\nmetadata: {name: x}\nspec: {generat: {}}\n", "generat"),
        ("kind: ConfigManagementPlugin\nmetadata: {name: x}\nspec: {generate: {command: sh}}\n", "array"),
        ("a: [", "wrong.yaml is no ConfigManagementPlugin"),
    ):
        (folder / "wrong.yaml").write_text(text)
        with pytest.raises(PluginsInvalid, match=words):
            read_plugins(folder)
    (folder / "wrong.yaml").unlink()
    (folder / "again").mkdir()
    (folder / "again" / "plugin.yaml").write_text((folder / "second.yaml").read_text())
    with pytest.raises(PluginsInvalid, match="twice"):
        read_plugins(folder)
    with pytest.raises(PluginsInvalid, match="holds no plugin"):
        read_plugins(tmp_path / "nowhere")
