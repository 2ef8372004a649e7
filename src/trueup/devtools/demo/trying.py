"""What to try beside a demo that stays up: a file to `source`, and lines that work as they stand."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from trueup.devtools.demo import manifests
from trueup.devtools.gitserver import Repository
from trueup.devtools.localcluster.kubectl import kubectl_command

ENVIRONMENT = "env"

COMMANDS = (
    "trueup get",
    "trueup tree kustomization/shop-dev",
    "trueup history app/shop-production",
    "trueup history --object Deployment/production/shop",
    "trueup why kustomization/shop-dev",
    "trueup blame deployment/production/shop --field spec",
    "kubectl get applications,kustomizations,gitrepositories -A",
)
HEALED = "kubectl -n production scale deployment shop --replicas=9"
COMMITTED = ('cd "$SHOP"', "git revert --no-edit HEAD && git push")


def prepare(folder: Path, variables: Mapping[str, str], shop: Repository, url: str) -> Path:
    """Write the file to `source` (for bash and zsh), the two commands and a clone; gives the file. Raises OSError."""
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    _program(programs / "trueup", [sys.executable, "-m", "trueup.cli.main"])
    _program(programs / "kubectl", kubectl_command())
    clone = folder / "shop"
    if not clone.exists():
        shop.git("clone", "--quiet", str(shop.path), str(clone))
        work = Repository(clone)
        scheme, _, rest = url.partition("://")
        work.git("remote", "set-url", "origin", f"{scheme}://{manifests.USER}:{manifests.PASSWORD}@{rest}")
        for name, value in (("user.name", "You"), ("user.email", "you@example.com"), ("commit.gpgSign", "false")):
            work.git("config", name, value)
    given = {**variables, "SHOP": str(clone)}
    lines = [f"export {name}={shlex.quote(value)}" for name, value in given.items()]
    lines.append(f'export PATH={shlex.quote(str(programs))}:"$PATH"')
    file = folder / ENVIRONMENT
    file.write_text("# For bash and zsh: the demo's cluster, history and repositories.\n" + "\n".join(lines) + "\n")
    return file


def invitation(file: Path) -> tuple[str, ...]:
    """Say what to try. Commands stand alone on lines that begin with two spaces, so that they can be pasted."""
    return (
        "",
        "Everything is still running. Try, in another terminal:",
        "",
        f"  {sourced(file)}",
        *(f"  {command}" for command in COMMANDS),
        "",
        "Change something by hand, which is healed at once:",
        "",
        f"  {HEALED}",
        "",
        "Push a commit: this one brings the Ingress back.",
        "",
        *(f"  {command}" for command in COMMITTED),
        "",
        "Ctrl-C ends it and removes all of it.",
    )


def sourced(file: Path) -> str:
    """Give the line that a shell reads the file by."""
    return f"source {shlex.quote(str(file))}"


def _program(path: Path, command: list[str]) -> None:
    path.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
    path.chmod(0o755)
