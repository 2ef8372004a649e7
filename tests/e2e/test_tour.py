"""The tour of the README, command by command as it stands there, in three terminals."""

from __future__ import annotations

import os
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.terminals import Terminal, pasted
from trueup.devtools.toolchain.cache import cache_folder

ROOT = Path(__file__).parents[2]
PATIENCE = 300.0
WRITTEN = "127.0.0.1:8418"


def blocks(address: str) -> list[list[str]]:
    """Give the commands of each block of the tour; a document that a command reads belongs to it."""
    section = (ROOT / "README.md").read_text().split("\n## Five minutes\n")[1].split("\n## ")[0]
    assert WRITTEN in section
    found = re.findall(r"^```\n(.*?)^```$", section.replace(WRITTEN, address), re.MULTILINE | re.DOTALL)
    return [re.findall(r"^.*<<EOF\n(?:.*\n)*?EOF$|^.+$", block, re.MULTILINE) for block in found]


@pytest.fixture
def home() -> Iterator[Path]:
    """A home of its own, in which the binaries are built already."""
    made = Path(tempfile.mkdtemp(prefix="tour-"))
    cache = made / ".cache" / "trueup"
    cache.mkdir(parents=True)
    for name in ("bin", "go"):
        if (cache_folder() / name).exists():
            (cache / name).symlink_to(cache_folder() / name)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.mark.timeout(1500)
def test_the_tour_does_what_it_says(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    passing = ("TRUEUP_", "MAKE", "KUBECONFIG", "MFLAGS", "XDG_", "GIT_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(passing)}
    environment |= {"HOME": str(home), "TRUEUP_GIT_SERVER_LISTEN": address}

    def terminal() -> Terminal:
        return Terminal(["bash", "--norc", "--noprofile", "-i"], columns=80, cwd=ROOT, environment=environment)

    served, controlled, *mine = blocks(address)
    with terminal() as server, terminal() as controller, terminal() as shell:
        try:
            for there, commands, sign in (
                (server, served, f"http://{address}/shop"),
                (controller, controlled, "listening"),
            ):
                for command in commands[:-1]:
                    assert pasted(there, command, PATIENCE) == 0, there.text
                there.type(f"{commands[-1]}\n")
                there.until(sign, PATIENCE)
            for command in (command for block in mine for command in block):
                assert pasted(shell, command, PATIENCE) == 0, shell.text
            assert "Release 1.1.0" in shell.text
            assert re.search(r"held\s+back", shell.text), shell.text
            assert pasted(shell, "trueup get app/shop -o json | grep Healthy", PATIENCE) == 0, shell.text
            for there in (server, controller):
                there.type("\x03")
                assert pasted(there, "true", PATIENCE) == 0, there.text
                assert "Traceback" not in there.text, there.text
        finally:
            done = pasted(shell, "trueup cluster reset --yes", PATIENCE)
        assert done == 0 and pasted(shell, "rm -rf ~/trueup-tour", PATIENCE) == 0
