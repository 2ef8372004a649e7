"""All that is known of Argo CD's `Application`."""

from __future__ import annotations

from trueup.core.model.dialect import Role, WatchedKind
from trueup.dialects.adapter import KindAdapter
from trueup.dialects.argo.application import types as application
from trueup.dialects.argo.application.asking import ApplicationRequests
from trueup.dialects.argo.application.metrics import application_observed, application_series, repository_observed
from trueup.dialects.argo.application.status import application_ready, application_status, reported_objects
from trueup.dialects.argo.application.summary import application_origin, application_standing
from trueup.dialects.argo.application.translate import translate_application
from trueup.dialects.argo.events import application_events
from trueup.dialects.crds.definitions import Definition, Version, column, definition
from trueup.dialects.crds.schema import any_object, schema_of

SHORT = ("app", "apps")


def _application() -> Definition:
    columns = [
        column("Sync Status", ".status.sync.status"),
        column("Health Status", ".status.health.status"),
        column("Revision", ".status.sync.revision", priority=10),
        column("Project", ".spec.project", priority=10),
    ]
    properties = {
        "spec": schema_of(application.Spec),
        "operation": schema_of(application.Operation),
        "status": any_object("What was last seen of the Application."),
    }
    made = Version(
        application.VERSION,
        properties,
        columns,
        description="Application is a definition of Application resource.",
        required=("metadata", "spec"),
    )
    labels = {"app.kubernetes.io/name": "applications.argoproj.io"}
    return definition(application.GROUP, application.KIND, "applications", [made.written()], SHORT, labels)


ADAPTER = KindAdapter(
    kind=WatchedKind(application.GROUP, application.KIND, "applications", (application.VERSION,), Role.UNIT),
    definition=_application,
    short=SHORT,
    translate=translate_application,
    unit_status=application_status,
    reported=reported_objects,
    ready=application_ready,
    standing=application_standing,
    origin=application_origin,
    requests=ApplicationRequests(),
    unit_series=application_series,
    unit_observed=application_observed,
    source_observed=repository_observed,
    events=application_events,
)
