"""The Secret whose keys decrypt an Application's files, named by an annotation of Trueup's own.

Applications of all projects live in one namespace with all their keys. So an Application there uses what its project
names; outside of it, and in the project `default`, which bounds nothing, it may name any Secret of its namespace.
"""

from __future__ import annotations

from collections.abc import Mapping

from trueup.core.decryption import Decryption
from trueup.core.model.dialect import Context, annotations_of
from trueup.core.model.objects import ObjectRef
from trueup.dialects.argo.appproject.types import DEFAULT

SECRET = "trueup.dev/decryption-secret"
"""On an Application: the Secret, in its own namespace; on an AppProject: those for its Applications, by commas."""

REMEDY = f"annotate the Application with {SECRET}: NAME, for a Secret with age identities or PGP keys in its namespace"


def decryption_of(
    ref: ObjectRef, annotations: Mapping[str, str], project: str, context: Context, problems: list[str]
) -> Decryption | None:
    """Give whose keys decrypt an Application's files; `None`: nothing is decrypted."""
    named = annotations.get(SECRET, "").strip()
    body = context.projects.get((context.home, project))
    given = annotations_of(body).get(SECRET, "") if body is not None else ""
    allowed = [one for part in given.split(",") if (one := part.strip())]
    if not named:
        return Decryption((context.home, allowed[0]), strict=True, remedy=REMEDY) if allowed else None
    if ref.namespace == context.home and project != DEFAULT and named not in allowed:
        problems.append(
            f"annotation {SECRET}: the keys of {named} are not for Applications of project {project}; name it in the "
            f"annotation {SECRET} of the AppProject"
        )
    return Decryption((ref.namespace, named), strict=True, remedy=REMEDY)
