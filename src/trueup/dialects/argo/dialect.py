"""Argo CD's dialect as the engine sees it."""

from __future__ import annotations

from typing import ClassVar

from trueup.core.model.dialect import annotations_of, labels_of
from trueup.core.model.objects import Body, ObjectOptions, ObjectRef
from trueup.dialects.adapter import KindAdapter
from trueup.dialects.argo.application.adapter import ADAPTER as APPLICATION
from trueup.dialects.argo.application.options import options_of
from trueup.dialects.argo.application.translate import TRACKING_ID
from trueup.dialects.argo.application.types import GROUP, KIND
from trueup.dialects.argo.appproject.adapter import ADAPTER as PROJECT
from trueup.dialects.decode import mapping_of, text_of
from trueup.dialects.family import Family
from trueup.dialects.sync_options import same_identity

INSTANCE_LABEL = "app.kubernetes.io/instance"


class Argo(Family, frozen=True):
    """`home` is the namespace of Argo CD itself. `by_label`: objects are also known again by the instance label."""

    by_label: bool = False

    name: ClassVar[str] = "Argo CD"
    adapters: ClassVar[tuple[KindAdapter, ...]] = (APPLICATION, PROJECT)

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
