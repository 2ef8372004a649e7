"""Charts whose values are files of other names: merged by a process of its own, and put into the chart's tree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from trueup.core.model.artifact import Fault, SourceError, amount
from trueup.git.mirror import Mirror
from trueup.git.process import GitFailed, disk
from trueup.git.tree.listing import LINK, Listing
from trueup.scripts import run_script
from trueup.sources.helm.known_versions import unusable

LARGEST = 4 * 1024 * 1024
"""Bytes of a Chart.yaml, and of a file of values."""

_SCRIPT = Path(__file__).with_name("rewriting.py")


class Rewritten(msgspec.Struct, frozen=True):
    """A chart's name, version and Chart.yaml as they are then, and its values; empty where they were not asked for."""

    values: str = ""
    name: str = ""
    version: str = ""
    chart: str = ""


def found_files(listing: Listing, files: Sequence[str], ignore_missing: bool, shown: str) -> tuple[str, ...]:
    """Give the files of values that are there. Raises `SourceError` for one that is not, unless these are ignored."""
    there = []
    for file in files:
        path = "/".join(part for part in file.split("/") if part not in ("", "."))
        item = listing.items.get(path)
        if ".." in path.split("/") or (item is not None and (not item.is_file or item.mode == LINK)):
            raise SourceError(Fault.VALUES, f"{shown}: the values file {file!r} leads elsewhere, or is no file")
        if item is None and not ignore_missing:
            words = f"{shown}: no values file found at path {file!r}; check spec.valuesFiles against the chart's files"
            raise SourceError(Fault.VALUES, words)
        if item is not None and item.size > LARGEST:
            raise SourceError(Fault.VALUES, f"{shown}: the values file {file!r} has more than {amount(LARGEST)}")
        if item is not None:
            there.append(path)
    return tuple(there)


async def read_text(mirror: Mirror, tree: str, path: str, shown: str) -> str:
    """Read a file of a tree as text. Raises `SourceError`."""
    try:
        return (await mirror.git(["cat-file", "blob", f"{tree}:{path}"])).decode()
    except GitFailed as error:
        raise unusable(error, shown) from None
    except UnicodeDecodeError:
        raise SourceError(Fault.VALUES, f"{shown}: {path} is no text") from None


async def rewritten(shown: str, values: Iterable[tuple[str, str]], chart: str = "", metadata: str = "") -> Rewritten:
    """Merge texts of values, and read a Chart.yaml. Raises `SourceError` that names the file which is wrong."""
    asked: dict[str, Any] = {"chart": chart, "metadata": metadata, "values": list(values)}
    try:
        said = await run_script(_SCRIPT, [], stdin=msgspec.json.encode(asked), libraries=True)
    except RuntimeError as error:
        raise SourceError(Fault.VALUES, f"{shown}: Chart.yaml or a values file cannot be read: {error}") from error
    if "refused" in said:
        raise SourceError(Fault.VALUES, f"{shown}: {said['file']}: {said['refused']}")
    return msgspec.convert(said, Rewritten)


async def with_files(mirror: Mirror, base: tuple[str, str], files: dict[str, str], folder: Path, shown: str) -> str:
    """Give a tree with other texts at some paths; `base` is the tree, and the folder that it is put into (or nothing).

    Raises `SourceError`.
    """
    tree, prefix = base
    try:
        with TemporaryDirectory(prefix="trueup-index-", dir=folder) as temporary:
            index = Path(temporary) / "index"
            await mirror.git(["read-tree", *(["-i", f"--prefix={prefix}/"] if prefix else []), tree], index=index)
            lines = b""
            for path, text in files.items():
                blob = (await mirror.git(["hash-object", "-w", "--stdin"], stdin=text.encode())).decode().strip()
                lines += f"100644 {blob}\t{path}\0".encode()
            if lines:
                update = ["update-index", "-z", "--add", "--replace", "--index-info"]
                await mirror.git(update, stdin=lines, index=index)
            return (await mirror.git(["write-tree"], index=index)).decode().strip()
    except GitFailed as error:
        raise unusable(error, shown) from None
    except OSError as error:
        raise disk(error, shown) from error
