"""A Go program is built once for each digest of its inputs."""

import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from trueup.devtools.toolchain import BuildFailed, Progress, build, cache_folder
from trueup.devtools.toolchain.build import KEEP_VERSIONS

pytestmark = pytest.mark.skipif(shutil.which("go") is None, reason="needs Go on PATH")

MAIN = """package main

import "fmt"

var name = "nobody"

func main() { fmt.Print("%s " + name) }
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # Go's own cache stays where it is: what is under test is ours.
    monkeypatch.setenv("GOCACHE", subprocess.check_output(["go", "env", "GOCACHE"], text=True).strip())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return cache_folder()


@pytest.fixture
def module(tmp_path: Path) -> Path:
    folder = tmp_path / "module"
    folder.mkdir()
    (folder / "go.mod").write_text("module example.test/hello\n\ngo 1.21\n")
    write(folder, "hello")
    return folder


def write(module: Path, word: str) -> None:
    (module / "main.go").write_text(MAIN % word)


def run(binary: Path) -> str:
    return subprocess.check_output([binary], text=True)


def silent(_: Progress) -> None:
    pass


def test_builds_once_and_again_only_when_an_input_changes(cache: Path, module: Path) -> None:
    reports: list[Progress] = []
    first = build(module, ".", "hello", progress=reports.append)
    assert run(first) == "hello nobody"
    assert first.is_relative_to(cache)
    assert reports[-1].done

    reports.clear()
    assert build(module, ".", "hello", progress=reports.append) == first
    assert reports == []

    write(module, "changed")
    second = build(module, ".", "hello", progress=silent)
    assert second != first
    assert run(second) == "changed nobody"

    write(module, "hello")
    assert build(module, ".", "hello", progress=reports.append) == first
    assert reports == []


def test_tests_and_hidden_files_are_no_inputs_but_flags_are(cache: Path, module: Path) -> None:
    first = build(module, ".", "hello", progress=silent)
    (module / "main_test.go").write_text("package main\n")
    (module / ".notes").write_text("x")
    assert build(module, ".", "hello", progress=silent) == first
    other = build(module, ".", "hello", progress=silent, flags=["-ldflags", "-X main.name=world"])
    assert other != first
    assert run(other) == "hello world"


def test_a_program_that_does_not_compile_says_why_and_leaves_nothing(cache: Path, module: Path) -> None:
    (module / "main.go").write_text("package main\n\nfunc main() { undefinedName() }\n")
    with pytest.raises(BuildFailed, match="undefinedName"):
        build(module, ".", "hello", progress=silent)
    assert [entry.name for entry in (cache / "bin" / "hello").iterdir() if entry.is_dir()] == []
    write(module, "fixed")
    assert run(build(module, ".", "hello", progress=silent)) == "fixed nobody"


def test_two_at_once_build_once(cache: Path, module: Path) -> None:
    built: list[Path] = []
    compiled: list[Progress] = []

    def note(progress: Progress) -> None:
        if progress.done and progress.what.startswith("Building"):
            compiled.append(progress)

    threads = [
        threading.Thread(target=lambda: built.append(build(module, ".", "hello", progress=note))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(built)) == 1 and len(built) == 4
    assert len(compiled) == 1


def test_old_versions_are_discarded_the_least_recently_used_first(cache: Path, module: Path) -> None:
    binaries = []
    for number in range(KEEP_VERSIONS + 1):
        write(module, f"v{number}")
        binaries.append(build(module, ".", "hello", progress=silent))
        os.utime(binaries[-1].parent, (number + 1, number + 1))
    # The first was used least recently, so the last build discarded it; the others stay.
    assert [binary.exists() for binary in binaries] == [False] + [True] * KEEP_VERSIONS
