"""What every dialect reads alike: paths inside a repository, small things of objects."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Mapping

import msgspec

from trueup.core.model.artifact import Revision
from trueup.core.model.objects import ObjectRef, split_api_version

UNKNOWN = "unknown field {}: it is kept and has no effect"


def folder(path: str) -> str:
    """Bring a path inside a repository to its shortest form, `.` for the root; it cannot lead out of it."""
    return posixpath.normpath("/" + path.replace("\0", "")).lstrip("/") or "."


def leads_outside(path: str) -> bool:
    """Say whether a relative path leads out of the folder it begins in."""
    shortest = posixpath.normpath(path)
    return shortest == ".." or shortest.startswith("../")


def literal(text: str) -> str:
    """Escape what would be a word to be filled in an owner's mark."""
    return text.replace("{", "{{").replace("}", "}}")


def spread(key: str, width: float) -> float:
    """Give a share of `width` that is always the same for a key, so that many pollers do not poll together."""
    digest = hashlib.blake2b(key.encode(errors="replace"), digest_size=4).digest()
    return width * int.from_bytes(digest, "big") / 2**32


def version_of(body: Mapping[str, object]) -> str:
    """Give the API version that an object came in, without its group."""
    return split_api_version(str(body.get("apiVersion") or ""))[1] or "v1"


def digest_of_spec(*parts: object) -> str:
    """Name all that decides what a unit delivers by content."""
    raw = msgspec.json.encode(parts, order="deterministic")
    return hashlib.blake2b(raw, digest_size=16).hexdigest()


def same_identity(body: Mapping[str, object], ref: ObjectRef) -> bool:
    """Say whether an object can be the one that a mark was made for; metadata alone knows no kind of its own."""
    found = ObjectRef.of(body)
    if found.kind in ("", "PartialObjectMetadata"):
        return (found.namespace or ref.namespace, found.name) == (ref.namespace, ref.name)
    return (found.group, found.kind, found.namespace or ref.namespace, found.name) == ref


def commit_of(revision: str) -> str:
    """Give a revision as Argo CD shows it: the bare commit id, an artifact's digest, a chart's version.

    All else stays as it is.
    """
    try:
        found = Revision.parse(revision)
    except ValueError:
        return revision
    return found.version or (found.id if found.digest.startswith("sha1:") else found.digest)
