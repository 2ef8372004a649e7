"""The custom resource definitions of every kind that Trueup reads, and of its own `UnitState`.

Names, short names, categories, printer columns and subresources are upstream's, so that `kubectl` shows what its users
know; the schemas come from the typed objects.
"""

from __future__ import annotations

from typing import Any

import msgspec

from trueup.core.model.state import STATE_GROUP, STATE_KIND, STATE_PLURAL, STATE_VERSION
from trueup.dialects.argo.application import types as application
from trueup.dialects.crds.schema import PRESERVE, Schema, any_object, schema_of
from trueup.dialects.flux.alert import types as alert
from trueup.dialects.flux.gitrepository import types as repository
from trueup.dialects.flux.kustomization import types as kustomization
from trueup.dialects.flux.receiver import types as receiver

Definition = dict[str, Any]
_KEEP = {"helm.sh/resource-policy": "keep"}


def crds() -> list[Definition]:
    """Give all definitions, ready to be applied."""
    return [_application(), _project(), _kustomization(), _repository(), _receiver(), *_alerting(), _state()]


def _column(name: str, path: str, kind: str = "string", priority: int = 0) -> Definition:
    column: Definition = {"name": name, "type": kind, "jsonPath": path}
    if priority:
        column["priority"] = priority
    return column


_AGE = _column("Age", ".metadata.creationTimestamp", "date")
_READY = _column("Ready", '.status.conditions[?(@.type=="Ready")].status')
_STATUS = _column("Status", '.status.conditions[?(@.type=="Ready")].message')


def _definition(
    group: str,
    kind: str,
    plural: str,
    versions: list[Definition],
    short: tuple[str, ...] = (),
    labels: dict[str, str] | None = None,
) -> Definition:
    names: Definition = {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()}
    if short:
        names["shortNames"] = list(short)
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{group}",
            "labels": {"app.kubernetes.io/part-of": "trueup", **(labels or {})},
            "annotations": dict(_KEEP),
        },
        "spec": {"group": group, "names": names, "scope": "Namespaced", "versions": versions},
    }


class _Version(msgspec.Struct, frozen=True):
    """One version of a definition. `deprecated` is what the API server warns with."""

    name: str
    properties: dict[str, Schema]
    columns: list[Definition]
    description: str
    required: tuple[str, ...] = ()
    storage: bool = True
    subresource: bool = False
    deprecated: str = ""

    def written(self) -> Definition:
        """Write it as a definition has it."""
        schema: Schema = {
            "type": "object",
            PRESERVE: True,
            "description": self.description,
            "properties": {
                "apiVersion": {"type": "string"},
                "kind": {"type": "string"},
                "metadata": {"type": "object"},
                **self.properties,
            },
        }
        if self.required:
            schema["required"] = list(self.required)
        version: Definition = {
            "name": self.name,
            "served": True,
            "storage": self.storage,
            "schema": {"openAPIV3Schema": schema},
        }
        if self.columns:
            version["additionalPrinterColumns"] = self.columns
        if self.subresource:
            version["subresources"] = {"status": {}}
        if self.deprecated:
            version["deprecated"] = True
            version["deprecationWarning"] = self.deprecated
        return version


def _application() -> Definition:
    columns = [
        _column("Sync Status", ".status.sync.status"),
        _column("Health Status", ".status.health.status"),
        _column("Revision", ".status.sync.revision", priority=10),
        _column("Project", ".spec.project", priority=10),
    ]
    properties = {
        "spec": schema_of(application.Spec),
        "operation": schema_of(application.Operation),
        "status": any_object("What was last seen of the Application."),
    }
    made = _Version(
        application.VERSION,
        properties,
        columns,
        description="Application is a definition of Application resource.",
        required=("metadata", "spec"),
    )
    labels = {"app.kubernetes.io/name": "applications.argoproj.io"}
    return _definition(application.GROUP, application.KIND, "applications", [made.written()], ("app", "apps"), labels)


def _project() -> Definition:
    made = _Version(
        application.VERSION,
        {"spec": any_object("What Applications of the project may do."), "status": any_object()},
        [],
        description="AppProject sets the bounds of a group of Applications.",
        required=("metadata", "spec"),
    )
    labels = {"app.kubernetes.io/name": "appprojects.argoproj.io"}
    return _definition(
        application.GROUP, "AppProject", "appprojects", [made.written()], ("appproj", "appprojs"), labels
    )


class _Flux(msgspec.Struct, frozen=True):
    """A kind of Flux: its names, and its versions with the newest first."""

    group: str
    kind: str
    plural: str
    versions: tuple[str, ...]
    description: str
    short: tuple[str, ...] = ()


def _flux(flux: _Flux, spec: Schema, columns: list[Definition]) -> Definition:
    """Serve every version with the same schema, so that no conversion webhook is needed."""
    status = any_object() | {
        "default": {"observedGeneration": -1},
        "properties": {"observedGeneration": {"type": "integer", "format": "int64"}},
    }
    made = [
        _Version(
            name,
            {"spec": spec, "status": status},
            columns,
            description=flux.description,
            storage=number == 0,
            subresource=True,
            deprecated=f"{flux.group}/{name} {flux.kind} is deprecated, upgrade to {flux.versions[0]}"
            if number
            else "",
        ).written()
        for number, name in enumerate(flux.versions)
    ]
    return _definition(flux.group, flux.kind, flux.plural, made, flux.short)


def _kustomization() -> Definition:
    words = "Kustomization is the Schema for the kustomizations API."
    kind = _Flux(kustomization.GROUP, kustomization.KIND, "kustomizations", kustomization.VERSIONS, words, ("ks",))
    return _flux(kind, schema_of(kustomization.Spec), [_AGE, _READY, _STATUS])


def _repository() -> Definition:
    words = "GitRepository is the Schema for the gitrepositories API."
    kind = _Flux(repository.GROUP, repository.KIND, "gitrepositories", repository.VERSIONS, words, ("gitrepo",))
    return _flux(kind, schema_of(repository.Spec), [_column("URL", ".spec.url"), _AGE, _READY, _STATUS])


def _receiver() -> Definition:
    words = "Receiver is the Schema for the receivers API."
    kind = _Flux(receiver.GROUP, receiver.KIND, "receivers", receiver.VERSIONS, words)
    return _flux(kind, schema_of(receiver.Spec), [_AGE, _READY, _STATUS])


def _alerting() -> list[Definition]:
    kinds = (
        (alert.PROVIDER, "providers", alert.ProviderSpec, "Provider is the Schema for the providers API."),
        (alert.ALERT, "alerts", alert.AlertSpec, "Alert is the Schema for the alerts API."),
    )
    return [
        _flux(_Flux(alert.GROUP, kind, plural, alert.VERSIONS, words), schema_of(spec), [_AGE])
        for kind, plural, spec, words in kinds
    ]


def _state() -> Definition:
    """Give the definition of what Trueup remembers of a unit; its content is in `state`."""
    version = _Version(
        STATE_VERSION,
        {
            "spec": any_object(),
            "state": any_object("What Trueup remembers of the unit: inventory, last good inputs, inputs held back."),
        },
        [
            _column("Held back", ".state.held.revision"),
            _column("Good", ".state.good.revision"),
            _column("Pinned", ".state.pin.inputs.revision"),
            _AGE,
        ],
        description="UnitState is what Trueup remembers of one unit beside the user's object. Do not change it.",
    )
    return _definition(STATE_GROUP, STATE_KIND, STATE_PLURAL, [version.written()])
