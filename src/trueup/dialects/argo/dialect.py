"""Argo CD's dialect as the engine sees it."""

from __future__ import annotations

from datetime import datetime

import msgspec

from trueup.core.model.dialect import Context, Role, Translated, WatchedKind, annotations_of, labels_of
from trueup.core.model.objects import Body, ObjectOptions, ObjectRef
from trueup.core.model.reports import SourceReport, StatusWrite, UnitReport
from trueup.dialects.argo.application.options import options_of
from trueup.dialects.argo.application.status import application_status
from trueup.dialects.argo.application.translate import TRACKING_ID, translate_application
from trueup.dialects.argo.application.types import GROUP, KIND, VERSION
from trueup.dialects.argo.appproject.types import KIND as PROJECT_KIND
from trueup.dialects.decode import mapping_of, text_of
from trueup.dialects.sync_options import same_identity

INSTANCE_LABEL = "app.kubernetes.io/instance"
_KINDS = (
    WatchedKind(GROUP, KIND, "applications", (VERSION,), Role.UNIT),
    WatchedKind(GROUP, PROJECT_KIND, "appprojects", (VERSION,), Role.PROJECT),
)


class Argo(msgspec.Struct, frozen=True):
    """`home` is the namespace of Argo CD itself. `by_label`: objects are also known again by the instance label."""

    home: str = "argocd"
    by_label: bool = False

    @property
    def name(self) -> str:
        """Its name, for people."""
        return "Argo CD"

    @property
    def kinds(self) -> tuple[WatchedKind, ...]:
        """The kinds it understands."""
        return _KINDS

    def translate(self, body: Body, context: Context) -> Translated:
        """Translate an Application; a project is read when an Application names it."""
        return translate_application(body, context) if body.get("kind") == KIND else Translated()

    def options(self, body: Body) -> ObjectOptions:
        """Read a delivered object's own wishes."""
        return options_of(body)

    def owner(self, body: Body) -> ObjectRef | None:
        """Say which Application delivered an object.

        A tracking id that names another object than the one it stands on was copied along, and means nothing.
        """
        tracking = annotations_of(body).get(TRACKING_ID)
        if tracking is not None:
            app, _, rest = tracking.partition(":")
            kind, colon, place = rest.partition(":")
            group, slash, kind = kind.rpartition("/")
            namespace, other, name = place.partition("/")
            if not (app and colon and slash and other):
                return None
            own = text_of(mapping_of(body, "metadata"), "namespace")
            ref = ObjectRef(group, kind, namespace if own else "", name)
            return self._application(app) if same_identity(body, ref) else None
        if self.by_label and (app := labels_of(body).get(INSTANCE_LABEL, "")):
            return self._application(app)
        return None

    def _application(self, instance: str) -> ObjectRef:
        namespace, underscore, name = instance.partition("_")
        return ObjectRef(GROUP, KIND, namespace, name) if underscore else ObjectRef(GROUP, KIND, self.home, instance)

    def unit_status(self, body: Body, report: UnitReport, now: datetime) -> StatusWrite | None:
        """Write an Application's status."""
        return application_status(body, report, now, self.home)

    def source_status(self, body: Body, report: SourceReport, now: datetime) -> StatusWrite | None:
        """An Application's source has no status of its own."""
        return None

    def ready(self, body: Body) -> bool:
        """Say whether an Application is Synced and Healthy."""
        status = mapping_of(body, "status")
        return (
            mapping_of(status, "sync").get("status") == "Synced"
            and mapping_of(status, "health").get("status") == "Healthy"
        )
