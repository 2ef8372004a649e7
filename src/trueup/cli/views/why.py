"""`trueup why`: the present state of a unit in words."""

from __future__ import annotations

from trueup.cli.connection import connected
from trueup.cli.options import Form
from trueup.cli.tables import age, data_of, show_data, tell
from trueup.cli.where import Where
from trueup.core.model.dialect import Role
from trueup.queries import Cause, Explanation, explanation


async def why(where: Where, word: str, form: Form) -> None:
    """Explain a unit or a source."""
    async with connected(where) as cluster:
        body = await cluster.named(word, where.namespace, (Role.UNIT, Role.SOURCE))
        owner = await cluster.left_to()
        found = await explanation(cluster.client, cluster.mapper, body, left_to=owner(body))
    if form.for_people:
        tell(told(found))
    else:
        show_data(form, data_of(found))


def told(found: Explanation) -> list[str]:
    """Give an explanation line by line."""
    lines = [f"{found.unit} {found.state}{_since(found.since)}"]
    for cause in found.causes:
        lines += ["", *_cause(cause)]
    return lines


def _cause(cause: Cause) -> list[str]:
    about = f"{cause.about}: " if cause.about and cause.about not in cause.what else ""
    lines = [f"• {about}{cause.what}{_since(cause.since)}", *(f"    {line}" for line in cause.details)]
    if cause.advice:
        lines.append(f"  → {cause.advice}")
    return lines


def _since(when: str) -> str:
    return f" (for {passed})" if when and (passed := age(when)) else ""
