"""The project's Go programs are found by name."""

import re
from pathlib import Path

import pytest

from trueup.devtools.toolchain import TARGETS, UnknownBinary, binary
from trueup.devtools.toolchain.targets import KUBERNETES_VERSION, PREBUILT, module_folder


def test_every_target_has_its_module() -> None:
    for target in TARGETS.values():
        assert (module_folder(target.module) / "go.mod").is_file()


def test_the_version_written_into_the_binary_is_the_one_that_is_linked() -> None:
    text = (module_folder("localcluster") / "go.mod").read_text()
    assert re.search(rf"^\s*k8s\.io/kubernetes {re.escape(KUBERNETES_VERSION)}$", text, re.MULTILINE)


def test_a_folder_of_ready_made_binaries_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kwok").write_text("")
    monkeypatch.setenv(PREBUILT, str(tmp_path))
    assert binary("kwok") == tmp_path / "kwok"


def test_an_unknown_name_is_told_the_known_ones() -> None:
    with pytest.raises(UnknownBinary, match="localcluster"):
        binary("nothing")
