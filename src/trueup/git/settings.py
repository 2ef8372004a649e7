"""What an operator may set about Git sources: where the cache lies, limits, URL rewriting, which protocols."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import msgspec

_SIZE = re.compile(r"(\d+)(Ki|Mi|Gi|Ti)?")
_YES = frozenset({"1", "true", "yes", "on"})


class Limits(msgspec.Struct, frozen=True):
    """What one repository may cost. Sizes are bytes; a tree beyond a limit is refused with the file's name.

    `pack` bounds what one fetch may write, `refs` the list of refs that a remote gives; `fetch_memory` and
    `refs_memory` bound Git's own processes meanwhile. `depth` bounds folders within folders. `repository` bounds what
    one mirror may take on disk, `tenant` all mirrors and trees of one tenant; 0 is no bound.
    """

    tree: int = 1024 * 1024 * 1024
    file: int = 128 * 1024 * 1024
    files: int = 200_000
    depth: int = 64
    pack: int = 4 * 1024 * 1024 * 1024
    refs: int = 64 * 1024 * 1024
    fetch_memory: int = 4 * 1024 * 1024 * 1024
    refs_memory: int = 512 * 1024 * 1024
    repository: int = 8 * 1024 * 1024 * 1024
    tenant: int = 32 * 1024 * 1024 * 1024


class GitSettings(msgspec.Struct, frozen=True):
    """How Git sources work in this process.

    `cache`: folder for mirrors and trees; may be removed at any time while no process uses it. `instead_of`: pairs
    of a URL prefix and what stands in its place, the longest prefix winning (Git's `url.<base>.insteadOf`).
    `allow_file`: whether file URLs and paths may be read. `poll_window`: seconds for which an answer about a
    remote's refs is shared. `parallel`: fetches from one host at a time. `keep_trees`: extracted trees kept
    without a user. `keep_commits`: commits kept in a mirror. `git`: the executable.
    """

    cache: Path
    instead_of: tuple[tuple[str, str], ...] = ()
    allow_file: bool = False
    poll_window: float = 1.0
    parallel: int = 8
    keep_trees: int = 32
    keep_commits: int = 100
    git: str = "git"
    limits: Limits = Limits()

    @classmethod
    def from_environment(cls, cache: Path, environ: Mapping[str, str] = os.environ) -> GitSettings:
        """Read the documented TRUEUP_GIT_* variables. Raises ValueError that names the variable."""
        pairs = read_instead_of(environ.get("TRUEUP_GIT_INSTEAD_OF", ""))
        if config := environ.get("TRUEUP_GIT_CONFIG"):
            pairs += read_config(Path(config))
        return cls(
            cache=Path(environ.get("TRUEUP_GIT_CACHE") or cache),
            instead_of=pairs,
            allow_file=environ.get("TRUEUP_GIT_ALLOW_FILE", "").lower() in _YES,
            limits=Limits(
                repository=read_size("TRUEUP_GIT_REPOSITORY_QUOTA", environ, Limits().repository),
                tenant=read_size("TRUEUP_GIT_TENANT_QUOTA", environ, Limits().tenant),
            ),
        )


def read_size(variable: str, environ: Mapping[str, str], default: int) -> int:
    """Read a number of bytes, such as `20Gi` or `500Mi`. Raises ValueError that names the variable."""
    text = environ.get(variable, "").strip()
    if not text:
        return default
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ValueError(
            f"{variable}: {text!r} is no size; write a number of bytes, such as 500Mi or 20Gi; 0 is no bound"
        )
    scale: int = 1024 ** ("", "Ki", "Mi", "Gi", "Ti").index(found[2] or "")
    return int(found[1]) * scale


def read_instead_of(text: str) -> tuple[tuple[str, str], ...]:
    """Read `FROM=TO` pairs, separated by commas or white space. Raises ValueError on anything else."""
    pairs = []
    for word in text.replace(",", " ").split():
        prefix, equals, base = word.partition("=")
        if not (prefix and equals and base):
            raise ValueError(f"TRUEUP_GIT_INSTEAD_OF: {word!r} is no FROM=TO pair of URL prefixes")
        pairs.append((prefix, base))
    return tuple(pairs)


def read_config(path: Path) -> tuple[tuple[str, str], ...]:
    """Read the `url.<base>.insteadOf` entries of a file in Git's configuration syntax; all else in it is left alone.

    Raises ValueError when the file cannot be read or parsed.
    """
    command = ["git", "config", "--null", "--no-includes", "--file", str(path), "--get-regexp", r"^url\..*\.insteadof$"]
    environment = {"PATH": os.environ.get("PATH", os.defpath), "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
    if not path.is_file():
        raise ValueError(f"TRUEUP_GIT_CONFIG: {path} is no file")
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode > 1:  # 1 says that nothing matched
        raise ValueError(f"TRUEUP_GIT_CONFIG: {done.stderr.strip()}")
    pairs = []
    for entry in done.stdout.split("\0"):
        key, newline, prefix = entry.partition("\n")
        if newline and prefix:
            pairs.append((prefix, key[len("url.") : -len(".insteadof")]))
    return tuple(pairs)
