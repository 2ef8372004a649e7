"""Tarballs that others can fetch: `status.artifact` of a source, in Flux's layout and by its rules."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from trueup.core.model.artifact import Artifact, Resolved
from trueup.core.model.objects import ObjectRef
from trueup.git.process import disk

KEPT = 2
"""Tarballs of one source that stay: the current one and the one before, which others may be fetching just now."""


class ArtifactStore:
    """The folder of tarballs: `<kind>/<namespace>/<name>/<revision>.tar.gz`. `base_url` is where it is served."""

    def __init__(self, root: Path, base_url: str) -> None:
        """Take the folder and the URL."""
        self.root = root
        self.base_url = base_url

    def put(self, ref: ObjectRef, resolved: Resolved, tree: Path) -> Artifact:
        """Write the tarball of a tree (blocking). Equal trees give equal bytes. Raises `SourceError`."""
        folder = self.root / _folder(ref)
        path = folder / f"{resolved.revision.id}.tar.gz"
        part = folder / f".{uuid4().hex[:8]}.part"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            content = _packed(tree)
            part.write_bytes(content)
            part.replace(path)
            self._tidy(folder, path)
        except OSError as error:
            # On a full disk each try would leave another half, and so keep it full.
            part.unlink(missing_ok=True)
            raise disk(error, str(ref)) from error
        relative = path.relative_to(self.root).as_posix()
        return Artifact(
            revision=resolved.revision,
            path=relative,
            url=f"{self.base_url}/{relative}",
            digest=f"sha256:{hashlib.sha256(content).hexdigest()}",
            size=len(content),
            updated=datetime.now(UTC),
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

    def _tidy(self, folder: Path, current: Path) -> None:
        tarballs = sorted(folder.iterdir(), key=lambda item: (item == current, item.stat().st_mtime), reverse=True)
        for path in tarballs[KEPT:]:
            path.unlink(missing_ok=True)


def _folder(ref: ObjectRef) -> Path:
    return Path(ref.kind.lower()) / (ref.namespace or "-") / ref.name


def _packed(tree: Path) -> bytes:
    """Pack a tree so that the bytes depend on nothing but its content."""
    raw = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=raw, mode="wb", mtime=0, compresslevel=6) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for folder, folders, files in os.walk(tree):
            folders.sort()
            base = Path(folder)
            for name in sorted((*folders, *files)):
                _add(tar, base / name, tree)
    return raw.getvalue()


def _add(tar: tarfile.TarFile, path: Path, tree: Path) -> None:
    if path.is_symlink():
        # Flux leaves them out, and what unpacks its artifacts refuses them.
        return
    info = tar.gettarinfo(path, path.relative_to(tree).as_posix())
    info.mtime, info.uid, info.gid, info.uname, info.gname = 0, 0, 0, "", ""
    if info.isfile():
        info.mode = 0o755 if info.mode & 0o100 else 0o644
        with path.open("rb") as file:
            tar.addfile(info, file)
        return
    info.mode = 0o755 if info.isdir() else 0o777
    tar.addfile(info)
