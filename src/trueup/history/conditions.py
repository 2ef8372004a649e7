"""What can be asked of the history, and which terms answer it.

A question is a set of wishes that must all hold. Each becomes a condition: the numbers of the terms of which an entry
must have at least one. What people write in part (an author's name, a commit's first digits, a unit without its kind)
is looked up among the terms, of which there are few.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, or_, select

from trueup.core.model.deployment_record import Cause, Ending
from trueup.history.databases import HistoryUnavailable
from trueup.history.schema import TERMS
from trueup.history.terms import Kind, tag_of, term_id

LAST = "\U0010ffff"
OWNERS = 100
"""Objects up to which a field is asked for in each."""

_KINDS = {"app": "application", "apps": "application", "ks": "kustomization"}


class Question(msgspec.Struct, frozen=True):
    """What is asked; all that is not empty must hold. Times are about the end of a sync, `until` is excluded.

    `unit`: `name`, `kind/name`, `kind/namespace/name` or `/namespace/name`. `author`: a part of name or mail, in any
    case. `revision`: the first digits of a commit, or a branch or tag. `image`: with or without registry and tag.
    `version`: a version or an image's tag. `object`: `Kind/namespace/name` or `Kind/name`, changed by the sync.
    `field`: a field's path or its beginning; with `object`, also the syncs by which that object came or went as a
    whole. `initiator`: a part of who asked. `before`: the id of an entry that all answers are older than. `limit`: the
    most answers.
    """

    unit: str = ""
    since: datetime | None = None
    until: datetime | None = None
    author: str = ""
    revision: str = ""
    image: str = ""
    version: str = ""
    object: str = ""
    field: str = ""
    outcome: Ending | None = None
    cause: Cause | None = None
    initiator: str = ""
    pull_request: int = 0
    related: str = ""
    before: str = ""
    limit: int = 50


def conditions(connection: Connection, question: Question) -> Iterator[frozenset[int]]:
    """Give for each wish the terms of which an answer must have one."""

    def matching(kind: Kind, where: ColumnElement[bool]) -> frozenset[int]:
        return frozenset(connection.scalars(select(TERMS.c.id).where(TERMS.c.kind == int(kind), where)))

    if question.unit:
        yield matching(Kind.UNIT, _named(question.unit))
    if question.author:
        yield matching(Kind.AUTHOR, _containing(question.author))
    if question.initiator:
        yield matching(Kind.INITIATOR, _containing(question.initiator))
    if question.revision:
        yield matching(Kind.REVISION, _beginning(question.revision.rpartition(":")[2]))
    if question.image:
        yield _exactly(Kind.IMAGE, _image(question.image))
    if question.version:
        yield _exactly(Kind.VERSION, question.version, question.version.removeprefix("v"))
    if question.field and question.object:
        owners = _values(connection, Kind.OBJECT, _named(question.object))
        if len(owners) > OWNERS:
            raise HistoryUnavailable(f"{question.object} may be more than {OWNERS} objects: name its namespace too")
        wishes = [or_(TERMS.c.value == name, _field(f"{name} {question.field}")) for name in owners]
        yield matching(Kind.FIELD, or_(*wishes)) if wishes else frozenset()
    elif question.field:
        yield matching(Kind.PATH, _field(question.field))
    elif question.object:
        yield matching(Kind.OBJECT, _named(question.object))
    if question.outcome is not None:
        yield _exactly(Kind.OUTCOME, question.outcome.value)
    if question.cause is not None:
        yield _exactly(Kind.CAUSE, question.cause.value)
    if question.pull_request:
        yield _exactly(Kind.PULL_REQUEST, str(question.pull_request))
    if question.related:
        yield _exactly(Kind.RELATED, question.related)


def _exactly(kind: Kind, *values: str) -> frozenset[int]:
    return frozenset(term_id(kind, value) for value in values)


def _values(connection: Connection, kind: Kind, where: ColumnElement[bool]) -> list[str]:
    return list(connection.scalars(select(TERMS.c.value).where(TERMS.c.kind == int(kind), where).limit(OWNERS + 1)))


def _image(image: str) -> str:
    name = image.removeprefix("docker.io/").removeprefix("library/")
    name, at, digest = name.partition("@")
    return digest if at and not tag_of(name) else name


def _named(text: str) -> ColumnElement[bool]:
    """Say that a term names this unit or object, whose kind and namespace may be left out."""
    parts = text.split("/")
    value: ColumnElement[Any] = TERMS.c.value
    if len(parts) == 1:
        return value.endswith(f"/{parts[0]}", autoescape=True)
    if not parts[0]:
        return value.endswith(text, autoescape=True)
    kind = _KINDS.get(parts[0].lower(), parts[0].lower())
    whole = "/".join((kind, *parts[1:]))
    if len(parts) > 2:
        return value == whole
    between = and_(_within(f"{kind}/"), value.endswith(f"/{parts[1]}", autoescape=True))
    return or_(value == whole, between)


def _containing(text: str) -> ColumnElement[bool]:
    return TERMS.c.value.contains(text.casefold(), autoescape=True)


def _beginning(text: str) -> ColumnElement[bool]:
    return _within(text)


def _field(path: str) -> ColumnElement[bool]:
    return or_(TERMS.c.value == path, _within(f"{path}."), _within(f"{path}["))


def _within(prefix: str) -> ColumnElement[bool]:
    """Say that a value begins so, as a range that the index walks."""
    return and_(TERMS.c.value >= prefix, TERMS.c.value < prefix + LAST)
