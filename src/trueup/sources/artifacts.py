"""Tarballs that others can fetch: `status.artifact` of a source, in Flux's layout and by its rules."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import secrets
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

from trueup.core.model.artifact import Artifact, Fault, Resolved, SourceError, amount
from trueup.core.model.objects import ObjectRef
from trueup.git.process import disk
from trueup.git.settings import read_size
from trueup.scripts import run_script
from trueup.sources.packing import pack

FEW = 200
_SCRIPT = Path(__file__).with_name("packing.py")

KEY_FILE = ".key"
SECRET_LETTERS = 32

QUOTA = "TRUEUP_ARTIFACT_QUOTA"
QUOTA_DEFAULT = 32 * 1024 * 1024 * 1024

KEPT = 2
"""Tarballs of one source that stay: the current one and the one before, which others may be fetching just now."""


def artifact_quota(environ: Mapping[str, str] = os.environ) -> int:
    """Read how many bytes the tarballs of one namespace may take. Raises ValueError that names the variable."""
    return read_size(QUOTA, environ, QUOTA_DEFAULT)


class ArtifactStore:
    """The folder of tarballs: `<kind>/<namespace>/<name>/<revision>-<secret>.tar.gz`.

    The secret is made of a key of this folder's, the source and the revision: nobody finds the path by knowing these,
    and it is the same after a restart.
    """

    def __init__(self, root: Path, base_url: str, quota: int = 0) -> None:
        """Take the folder, the URL where it is served, and the bytes that one namespace may take; 0 is no bound."""
        self.root = root
        self._quota = quota
        self.base_url = base_url
        self._key = b""

    async def put(self, ref: ObjectRef, resolved: Resolved, tree: Path) -> Artifact:
        """Write the tarball of a tree, or its one file. Equal trees give equal bytes. Raises `SourceError`."""
        folder = self.root / _folder(ref)
        part = folder / f".{uuid4().hex[:8]}.part"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._key = self._key or await asyncio.to_thread(_key_of, self.root)
            named = hmac.new(self._key, f"{_folder(ref)} {resolved.revision.id}".encode(), hashlib.sha256)
            path = folder / f"{resolved.revision.id}-{named.hexdigest()[:SECRET_LETTERS]}.tar.gz"
            if resolved.single:
                path = path.with_name(f"{path.name.removesuffix('.tar.gz')}{Path(resolved.single).suffix}")
                packed = await asyncio.to_thread(_copied, tree / resolved.single, part)
            else:
                few = await asyncio.to_thread(_few, tree)
                packed = await (asyncio.to_thread(pack, tree, part) if few else run_script(_SCRIPT, [tree, part]))
            part.replace(path)
            self._tidy(folder, path)
            await self._make_room(ref, path)
        except OSError as error:
            # On a full disk each try would leave another half, and so keep it full.
            part.unlink(missing_ok=True)
            raise disk(error, str(ref)) from error
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        relative = path.relative_to(self.root).as_posix()
        return Artifact(
            revision=resolved.revision,
            path=relative,
            url=f"{self.base_url}/{relative}",
            digest=packed["digest"],
            size=packed["size"],
            updated=datetime.now(UTC),
            metadata=resolved.metadata,
        )

    def drop(self, ref: ObjectRef) -> None:
        """Remove all tarballs of a source."""
        folder = self.root / _folder(ref)
        if folder.is_dir():
            for path in folder.iterdir():
                path.unlink(missing_ok=True)
            folder.rmdir()

    def find(self, path: str) -> Path | None:
        """Give the file that a URL's path names, `None` where there is none; no path leads out of the store."""
        parts = path.split("/")
        if len(parts) != 4 or any(part in ("", ".", "..") or part.startswith(".") for part in parts):
            return None
        found = self.root.joinpath(*parts)
        return found if found.is_file() and not found.is_symlink() else None

    async def _make_room(self, ref: ObjectRef, new: Path) -> None:
        """Remove earlier tarballs of a namespace that takes too much. Raises `SourceError` where that is in vain."""
        used = await asyncio.to_thread(_shortened, self.root, ref.namespace or "-", self._quota) if self._quota else 0
        if used > self._quota:
            size = await asyncio.to_thread(_removed, new)
            text = (
                f"{ref}: its tarball takes {amount(size)}, and all tarballs of namespace {ref.namespace} may take "
                f"{amount(self._quota)} ({QUOTA}); have files left out by spec.ignore, remove sources that are not "
                "needed, or have that raised"
            )
            raise SourceError(Fault.TOO_LARGE, text)

    def _tidy(self, folder: Path, current: Path) -> None:
        tarballs = sorted(folder.iterdir(), key=lambda item: (item == current, item.stat().st_mtime), reverse=True)
        for path in tarballs[KEPT:]:
            path.unlink(missing_ok=True)


def _key_of(root: Path) -> bytes:
    """Give the folder's key, made where there is none (blocking)."""
    path = root / KEY_FILE
    try:
        return path.read_bytes()
    except FileNotFoundError:
        part = root / f"{KEY_FILE}.{uuid4().hex[:8]}"
        part.touch(mode=0o600)
        part.write_bytes(secrets.token_bytes(32))
        part.replace(path)
        return path.read_bytes()


def _shortened(root: Path, namespace: str, quota: int) -> int:
    """Remove earlier tarballs, the oldest first, until the others fit; gives what these take (blocking)."""
    found = [
        (path.stat(), path)
        for folder in root.glob(f"*/{namespace}/*")
        for path in sorted(folder.glob("[!.]*"), key=lambda item: item.stat().st_mtime)
    ]
    used = sum(stat.st_size for stat, _ in found)
    newest = {path.parent: path for _, path in found}
    for stat, path in sorted(found, key=lambda item: item[0].st_mtime):
        if used > quota and newest[path.parent] != path:
            path.unlink(missing_ok=True)
            used -= stat.st_size
    return used


def _removed(path: Path) -> int:
    """Remove a file, and give how large it was (blocking)."""
    size = path.stat().st_size
    path.unlink()
    return size


def _copied(file: Path, target: Path) -> dict[str, Any]:
    """Copy a file, and give its digest and size (blocking)."""
    shutil.copyfile(file, target)
    with target.open("rb") as copied:
        digest = hashlib.file_digest(copied, "sha256").hexdigest()
    return {"digest": f"sha256:{digest}", "size": target.stat().st_size}


def _few(tree: Path) -> bool:
    """Say whether a tree is packed sooner than another process has started (blocking)."""
    return len(list(islice(tree.rglob("*"), FEW + 1))) <= FEW


def _folder(ref: ObjectRef) -> Path:
    return Path(ref.kind.lower()) / (ref.namespace or "-") / ref.name
