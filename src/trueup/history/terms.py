"""What an entry can be found by: terms, each a kind and a value, as an index at the end of a book has them.

Pure. A term is known by 63 bits of a digest, so that whoever stores needs to ask nobody for its number. `Kind` values
are stored and never change their meaning.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from enum import IntEnum

import msgspec

from trueup.core.fields.changes import ObjectChange
from trueup.core.model.objects import ObjectRef
from trueup.history.entries import Entry

FORMS_KEPT = 400
"""Images and versions of one entry that are indexed, in all their forms."""

VALUE_KEPT = 500
"""Characters of a value that are indexed: a longer one is found by its beginning only."""

WHOLE_ACTIONS = frozenset({"create", "prune"})
"""Actions by which every field of an object came or went."""


class Kind(IntEnum):
    """What a term's value is."""

    UNIT = 1
    AUTHOR = 2
    REVISION = 3
    IMAGE = 4
    VERSION = 5
    OBJECT = 6
    FIELD = 7
    """A field of a certain object: `kind/namespace/name path`; only `kind/namespace/name` where all of it changed."""

    PATH = 8
    """A field of any object."""

    OUTCOME = 9
    CAUSE = 10
    INITIATOR = 11
    PULL_REQUEST = 12
    RELATED = 13


class Term(msgspec.Struct, frozen=True):
    """One term."""

    kind: Kind
    value: str

    @property
    def id(self) -> int:
        """The number it is stored under."""
        return term_id(self.kind, self.value)


def term_id(kind: Kind, value: str) -> int:
    """Give a term's number: 63 bits of a digest."""
    raw = hashlib.blake2b(value.encode("utf-8", "replace"), digest_size=8, person=bytes([kind])).digest()
    return int.from_bytes(raw, "big") >> 1


def terms_of(entry: Entry) -> frozenset[Term]:
    """Give all terms that an entry is found by; a gap has none and is found by its time."""
    return frozenset(Term(kind, value[:VALUE_KEPT]) for kind, value in _terms(entry) if value)


def _terms(entry: Entry) -> Iterator[tuple[Kind, str]]:
    record = entry.record
    if record is None:
        return
    yield Kind.UNIT, written(record.unit)
    for revision in dict.fromkeys((record.revision, *record.revisions[:FORMS_KEPT])):
        yield from ((Kind.REVISION, value) for value in revision_forms(revision))
    yield Kind.OUTCOME, record.ending.value
    yield Kind.INITIATOR, record.initiator.casefold()
    yield Kind.RELATED, record.related
    if not entry.recovered:
        yield Kind.CAUSE, record.cause.value
    if record.commit is not None:
        if record.commit.author is not None:
            yield Kind.AUTHOR, str(record.commit.author).casefold()
        if record.commit.pull_request is not None:
            yield Kind.PULL_REQUEST, str(record.commit.pull_request.number)
    images = record.images[:FORMS_KEPT]
    yield from ((Kind.IMAGE, form) for image in images for form in image_forms(image))
    yield from ((Kind.VERSION, form) for text in record.versions[:FORMS_KEPT] for form in version_forms(text))
    yield from ((Kind.VERSION, form) for image in images for form in version_forms(tag_of(image)))
    for change in record.changes:
        yield from _touched(change)


def _touched(change: ObjectChange) -> Iterator[tuple[Kind, str]]:
    name = written(change.ref)
    yield Kind.OBJECT, name
    if change.action in WHOLE_ACTIONS:
        yield Kind.FIELD, name
    for field in change.fields:
        yield Kind.FIELD, f"{name} {field.path}"
        yield Kind.PATH, field.path


def written(ref: ObjectRef) -> str:
    """Write a reference as terms have it: `kind/namespace/name` in lower case, without what is empty."""
    return "/".join(part for part in (ref.kind.lower(), ref.namespace, ref.name) if part)


def revision_forms(revision: str) -> Iterator[str]:
    """Give what people call a revision: its commit or digest, and the branch, tag or version before it."""
    name, at, digest = revision.rpartition("@")
    yield digest.rpartition(":")[2]
    if at:
        yield name


def image_forms(image: str) -> Iterator[str]:
    """Give all names that people may call an image by: with and without registry, folders, tag and digest."""
    image = image.removeprefix("docker.io/").removeprefix("library/")
    name, _, digest = image.partition("@")
    if digest:
        yield digest
    bare = name[: -len(tag) - 1] if (tag := tag_of(image)) else name
    for whole in {name, bare}:
        parts = whole.split("/")
        yield from ("/".join(parts[start:]) for start in range(len(parts)))


def tag_of(image: str) -> str:
    """Give an image's tag, empty where it has none."""
    last = image.partition("@")[0].rpartition("/")[2]
    return last.partition(":")[2]


def version_forms(text: str) -> Iterator[str]:
    """Give what people call a version: as it stands, and without the product's name and a leading `v`."""
    yield text
    number = text.rpartition(" ")[2]
    yield number
    if number[:1] == "v" and number[1:2].isdigit():
        yield number[1:]
