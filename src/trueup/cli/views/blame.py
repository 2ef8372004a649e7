"""`trueup blame`: which commit, by whom, gave each field of a live object its value; or which other manager did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from trueup.cli.connection import connected
from trueup.cli.errors import NOT_FOUND, Problem, did_you_mean
from trueup.cli.options import Form
from trueup.cli.tables import ESSENTIAL, Column, Cut, age, data_of, short, show, tell
from trueup.cli.where import Where
from trueup.core.repository.web_urls import pull_request_url
from trueup.queries import Blame, FieldBlame
from trueup.queries import blame as trace
from trueup.queries.objects import any_object

COLUMNS = (
    Column("FIELD", ESSENTIAL + 1, Cut.NAME, 24, identifies=True),
    Column("VALUE", 9, Cut.NAME, 8),
    Column("COMMIT", 8),
    Column("AUTHOR", 7, Cut.NAME, 8),
    Column("DATE", 4),
    Column("WHY", 5, Cut.TEXT, 12),
    Column("WHERE", 6, Cut.NAME, 16),
)


async def blame(where: Where, what: str, field: str, everything: bool, form: Form, *, headings: bool = True) -> None:
    """Show the fields of an object; without `everything` or a `field`, not those that nobody has set."""
    async with connected(where) as cluster:
        body = await any_object(cluster, what, where.namespace)
        found = await trace(cluster.client, cluster.mapper, body, field)
    rows = [item for item in found.fields if everything or field or item.manager or item.scaled]
    if field and not rows:
        near = did_you_mean(field, _paths(body))
        raise Problem(f"{what} has no field {field!r}", near or "write it as `trueup blame` prints it", NOT_FOUND)
    table = [_row(item, found.repository) for item in rows]
    show(form, _data(found, rows), COLUMNS, table, "it has no fields", headings=headings)
    if form.for_people:
        told = f"{found.unit or 'no unit'} delivers it" + (f" at {short(found.revision)}" if found.revision else "")
        tell(["", told + (f"; {found.note}" if found.note else "")])


def _row(item: FieldBlame, repository: str) -> tuple[str, ...]:
    commit = item.commit
    place = f"{item.file}:{item.line}" if item.line else item.file
    where = place or item.key
    if commit is None:
        who = item.manager + (f" ({item.subresource})" if item.subresource else "")
        when = f"{age(item.since)} ago" if item.since and not item.unit else ""
        return (item.path, item.value, "", who, when, "", where)
    request = item.pull_request
    why = commit.subject if request is None else f"{commit.subject} [{_request(repository, request.number)}]"
    return (
        item.path,
        item.value,
        commit.id[:8],
        commit.author_name,
        f"{commit.author.when:%Y-%m-%d}" if commit.author else "",
        why,
        where,
    )


def _paths(body: Mapping[str, Any], before: str = "") -> Iterator[str]:
    for key, value in body.items():
        yield before + key
        if isinstance(value, Mapping):
            yield from _paths(value, f"{before}{key}.")


def _request(repository: str, number: int) -> str:
    return pull_request_url(repository, number) or f"pull request {number}"


def _data(found: Blame, rows: list[FieldBlame]) -> dict[str, Any]:
    fields = []
    for item in rows:
        data = data_of(item)
        if item.pull_request is not None:
            data["pull_request"]["url"] = pull_request_url(found.repository, item.pull_request.number)
        fields.append(data)
    return {
        "object": str(found.ref),
        "unit": str(found.unit) if found.unit else None,
        "revision": found.revision,
        "note": found.note,
        "fields": fields,
    }
