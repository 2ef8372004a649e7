"""All that is known of Argo CD's `AppProject`, which is read when an Application names it."""

from __future__ import annotations

from trueup.core.model.dialect import Role, WatchedKind
from trueup.dialects.adapter import KindAdapter
from trueup.dialects.argo.application import types as application
from trueup.dialects.argo.appproject.types import KIND
from trueup.dialects.crds.definitions import Definition, Version, definition
from trueup.dialects.crds.schema import any_object

SHORT = ("appproj", "appprojs")


def _project() -> Definition:
    made = Version(
        application.VERSION,
        {"spec": any_object("What Applications of the project may do."), "status": any_object()},
        [],
        description="AppProject sets the bounds of a group of Applications.",
        required=("metadata", "spec"),
    )
    labels = {"app.kubernetes.io/name": "appprojects.argoproj.io"}
    return definition(application.GROUP, KIND, "appprojects", [made.written()], SHORT, labels)


ADAPTER = KindAdapter(
    kind=WatchedKind(application.GROUP, KIND, "appprojects", (application.VERSION,), Role.PROJECT),
    definition=_project,
    short=SHORT,
)
