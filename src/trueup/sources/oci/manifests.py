"""What registries answer, read: indexes, manifests, layers, and the annotations that say where an artifact is from."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import msgspec

from trueup.core.model.artifact import Fault, Provenance, Revision, Signature, SourceError
from trueup.core.model.version_ranges import VersionRange, newest
from trueup.core.repository.oci import LATEST, OciRef

INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MANIFESTS = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
ACCEPT = ", ".join((*MANIFESTS, *INDEXES))
CHART = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
LAYERS = (
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    CHART,
)
"""The types of layers that Argo CD takes."""

SOURCE, REVISION, CREATED = (f"org.opencontainers.image.{name}" for name in ("source", "revision", "created"))
AUTHORS = "org.opencontainers.image.authors"
ANNOTATIONS_LIMIT = 16 * 1024
"""Bytes of an artifact's annotations that are kept."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_RANGE_SIGNS = re.compile(r"[*^~<>=|, ]|(^|\.)[xX](\.|$)")


class Layer(msgspec.Struct, frozen=True):
    """One layer: its type, digest and size in bytes."""

    media_type: str
    digest: str
    size: int


class Manifest(msgspec.Struct, frozen=True):
    """What an artifact is made of."""

    layers: tuple[Layer, ...]
    annotations: dict[str, str]


def is_digest(text: str) -> bool:
    """Say whether a text is a digest in full."""
    return _DIGEST.fullmatch(text) is not None


def read_json(raw: bytes, shown: str) -> dict[str, Any]:
    """Read an answer. Raises `SourceError` (PROTOCOL) where it is no JSON object."""
    try:
        return msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        words = f"{shown}: the registry's answer is no JSON object; check that the URL leads to a registry"
        raise SourceError(Fault.PROTOCOL, words) from None


def child_of(index: dict[str, Any], shown: str) -> str:
    """Give the digest of the manifest for linux/amd64, or for no platform, as Flux takes it. Raises `SourceError`."""
    for item in index.get("manifests") or []:
        if not isinstance(item, dict) or not is_digest(str(item.get("digest"))):
            continue
        platform = item.get("platform")
        if not isinstance(platform, dict) or (platform.get("os"), platform.get("architecture")) == ("linux", "amd64"):
            return str(item["digest"])
    words = f"{shown}: the index has no manifest for linux/amd64, nor one for no platform; push one"
    raise SourceError(Fault.PROTOCOL, words)


def read_manifest(raw: dict[str, Any], shown: str) -> Manifest:
    """Read a manifest. Raises `SourceError` (PROTOCOL) where it is none."""
    layers = []
    for item in raw.get("layers") or []:
        digest, size = (item.get("digest"), item.get("size")) if isinstance(item, dict) else (None, None)
        if not isinstance(digest, str) or not is_digest(digest) or not isinstance(size, int) or size < 0:
            raise SourceError(Fault.PROTOCOL, f"{shown}: the manifest has a layer without a digest or size")
        layers.append(Layer(str(item.get("mediaType") or ""), digest, size))
    told = raw.get("annotations")
    annotations = told if isinstance(told, dict) else {}
    return Manifest(tuple(layers), {key: value for key, value in annotations.items() if isinstance(value, str)})


def told(annotations: dict[str, str]) -> dict[str, str]:
    """Give the annotations that are kept and shown: no more than a status has room for, the known ones first."""
    kept: dict[str, str] = {}
    room = ANNOTATIONS_LIMIT
    for key in sorted(annotations, key=lambda key: (key not in (SOURCE, REVISION, CREATED, AUTHORS), key)):
        room -= len(msgspec.json.encode(key)) + len(msgspec.json.encode(annotations[key]))
        if room < 0:
            break
        kept[key] = annotations[key]
    return kept


def layer_of(manifest: Manifest, media_type: str, only: bool, shown: str) -> Layer:
    """Give the layer that is wanted. Raises `SourceError` (HOSTILE) where there is none."""
    layers = manifest.layers
    if only:
        if len(layers) != 1:
            words = f"{shown}: expected only a single oci layer, got {len(layers)}; pack all files in one"
            raise SourceError(Fault.HOSTILE, words)
        if layers[0].media_type not in LAYERS:
            words = (
                f"{shown}: oci layer media type {layers[0].media_type!r} is not in the list of allowed media types: "
                + ", ".join(LAYERS)
            )
            raise SourceError(Fault.HOSTILE, words)
        return layers[0]
    if not layers:
        raise SourceError(Fault.HOSTILE, f"{shown}: no layers found in artifact")
    for layer in layers:
        if not media_type or layer.media_type == media_type:
            return layer
    there = ", ".join(sorted({layer.media_type for layer in layers}))
    words = f"{shown}: failed to find layer with media type '{media_type}' in artifact; it has {there}"
    raise SourceError(Fault.HOSTILE, words)


class Choice(msgspec.Struct, frozen=True):
    """What is asked of a registry: a digest, a tag, or its tags for a range of versions (`pattern` leaves some)."""

    digest: str = ""
    tag: str = ""
    versions: str = ""
    pattern: str = ""


def choice_of(ref: OciRef, shown: str) -> Choice:
    """Say what is to be asked for a ref. Raises `SourceError` (URL) where it cannot be read."""
    if ref.digest:
        if not is_digest(ref.digest):
            raise SourceError(Fault.URL, f"{shown}: {ref.digest!r} is no digest; write sha256: and 64 hex digits")
        return Choice(digest=ref.digest)
    if ref.semver:
        return Choice(versions=ref.semver, pattern=ref.semver_filter)
    if ref.tag:
        return Choice(tag=_tag(ref.tag, shown))
    text = ref.revision.removeprefix("@")
    if is_digest(text):
        return Choice(digest=text)
    if text and _RANGE_SIGNS.search(text):
        return Choice(versions=text)
    return Choice(tag=_tag(text or LATEST, shown))


def best_tag(tags: list[str], choice: Choice, shown: str, *, charts: bool = False) -> str:
    """Give the tag of the highest version in a range; a chart's has `_` in place of `+`. Raises `SourceError`."""
    try:
        wanted = VersionRange(choice.versions)
    except ValueError as error:
        raise SourceError(Fault.URL, f"{shown}: {error}") from error
    best = wanted.best(tag.replace("_", "+") for tag in tags) if charts else wanted.best(tags)
    if best is None:
        of = f", of those that fit {choice.pattern!r}" if choice.pattern else ""
        words = f"{shown}: no match found for semver: {choice.versions}, among {len(tags)} tags{of}"
        there = ", ".join(newest(tags))
        raise SourceError(Fault.REF, words + (f"; the newest versions are {there}" if there else ""))
    return best.replace("+", "_") if charts else best


def provenance_of(digest: str, tree: str, annotations: dict[str, str]) -> Provenance:
    """Say where an artifact comes from: the commit that its annotations name, else its digest."""
    revision = annotations.get(REVISION, "").strip()
    try:
        commit = Revision.parse(revision).id
    except ValueError:
        commit = ""
    source = annotations.get(SOURCE, "").strip()
    when = _time(annotations.get(CREATED, ""))
    author = Signature(annotations.get(AUTHORS, "").strip(), "", when) if when is not None else None
    origin = " at ".join(text for text in (source, revision) if text)
    return Provenance(commit or digest.rpartition(":")[2], tree, author, author, origin)


def _tag(text: str, shown: str) -> str:
    if not _TAG.fullmatch(text):
        raise SourceError(Fault.URL, f"{shown}: {text!r} is no tag of a registry; letters, digits, `.`, `_` and `-`")
    return text


def _time(text: str) -> datetime | None:
    try:
        when = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return when if when.tzinfo else None
