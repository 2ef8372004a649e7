"""What a store says is in a bucket: pages of keys with their etags, and which of them are wanted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from urllib.parse import unquote_plus
from xml.etree import ElementTree

import msgspec
from pathspec import PathSpec
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

from trueup.core.model.artifact import Fault, Revision, SourceError, amount
from trueup.git.settings import Limits

KEYS_LIMIT = 1_000_000
"""Keys of a listing that are read, also of those that are left out."""


class Object(msgspec.Struct, frozen=True):
    """One object: its etag without quotes, and its size in bytes."""

    etag: str
    size: int


class Page(msgspec.Struct, frozen=True):
    """One page of a listing. `more` is the token of the next one, empty at the end."""

    objects: tuple[tuple[str, Object], ...]
    more: str


def read_xml(raw: bytes, shown: str) -> ElementTree.Element:
    """Read an answer. Raises `SourceError` (PROTOCOL) where it is no XML that a store sends."""
    try:
        # Entities can make a few bytes many; no store declares any.
        if b"<!DOCTYPE" in raw or b"<!ENTITY" in raw:
            raise ValueError
        return ElementTree.fromstring(raw)
    except (ElementTree.ParseError, ValueError):
        words = f"{shown}: what answers there is no store that speaks S3; check the endpoint"
        raise SourceError(Fault.PROTOCOL, words) from None


def read_page(raw: bytes, shown: str) -> Page:
    """Read an answer to ListObjectsV2. Raises `SourceError` (PROTOCOL)."""
    root = read_xml(raw, shown)
    if _name(root) != "ListBucketResult":
        raise SourceError(Fault.PROTOCOL, f"{shown}: the store's answer is no listing; check the endpoint")
    found = []
    encoded = _text(root, "EncodingType") == "url"
    for item in root:
        if _name(item) != "Contents":
            continue
        key, etag, size = (_text(item, name) for name in ("Key", "ETag", "Size"))
        if not key or not etag or not size.isdigit():
            raise SourceError(Fault.PROTOCOL, f"{shown}: the store lists an object without a key, etag or size")
        found.append((unquote_plus(key) if encoded else key, Object(etag.strip('"'), int(size))))
    truncated = _text(root, "IsTruncated") == "true"
    return Page(tuple(found), _text(root, "NextContinuationToken") if truncated else "")


def wanted(key: str, rules: PathSpec[GitIgnoreSpecPattern] | None, prefix: str) -> bool:
    """Say whether an object is a file of the artifact: no marker of a folder, and not left out by rules."""
    if key.endswith("/") or not key.startswith(prefix):
        return False
    return rules is None or not rules.match_file(key)


def checked(objects: Mapping[str, Object], limits: Limits, shown: str) -> None:
    """Raise `SourceError` for keys that are no path of a file, that clash, or for more than may be."""
    folders: set[str] = set()
    total = 0
    for key, item in objects.items():
        parts = key.split("/")
        if "\0" in key or any(part in ("", ".", "..") or part.lower() == ".git" for part in parts):
            raise _hostile(shown, key, "is no path of a file below the bucket")
        if len(parts) > limits.depth:
            words = f"{shown}: the key {key!r} lies deeper than {limits.depth} folders{_WAYS}"
            raise SourceError(Fault.TOO_LARGE, words)
        total += item.size
        if item.size > limits.file or total > limits.tree:
            most = f"one object may have {amount(limits.file)}, all {amount(limits.tree)}"
            raise SourceError(Fault.TOO_LARGE, f"{shown}: it is too large at {key!r}: {most}{_WAYS}")
        folders.update(_folders(parts))
    for key in objects:
        if key in folders:
            raise _hostile(shown, key, f"is an object and a folder of others ({key}/…)")


def revision_of(objects: Mapping[str, Object]) -> Revision:
    """Give the revision as Flux writes it: a digest of all keys with their etags."""
    digest = hashlib.sha256()
    # Go sorts texts by their bytes.
    for key in sorted(objects, key=lambda key: key.encode("utf-8", "surrogateescape")):
        digest.update(f"{key} {objects[key].etag}\n".encode("utf-8", "surrogateescape"))
    return Revision("", f"sha256:{digest.hexdigest()}")


_WAYS = "; remove it, or have it left out by spec.ignore or spec.prefix"


def _hostile(shown: str, key: str, why: str) -> SourceError:
    return SourceError(Fault.HOSTILE, f"{shown}: the key {key!r} {why}{_WAYS}")


def _folders(parts: list[str]) -> Iterable[str]:
    return ("/".join(parts[:count]) for count in range(1, len(parts)))


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _text(element: ElementTree.Element, name: str) -> str:
    return next((child.text or "" for child in element if _name(child) == name), "")


def said_in(raw: bytes) -> tuple[str, str, str]:
    """Give code, message and region of a store's refusal; all empty where it is none."""
    try:
        root = read_xml(raw, "")
    except SourceError:
        return "", "", ""
    return _text(root, "Code"), _text(root, "Message"), _text(root, "Region")
