"""The custom resource definitions of every kind that Trueup reads, and of its own `UnitState`.

Names, short names, categories, printer columns and subresources are upstream's, so that `kubectl` shows what its users
know; the schemas come from the typed objects.
"""

from __future__ import annotations

from typing import Any

from trueup.core.state import STATE_GROUP, STATE_KIND, STATE_PLURAL, STATE_VERSION
from trueup.dialects.argo import application
from trueup.dialects.crds.schema import PRESERVE, Schema, any_object, schema_of
from trueup.dialects.flux import alert, kustomization, receiver, repository

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


def _version(
    name: str,
    properties: dict[str, Schema],
    columns: list[Definition],
    *,
    description: str,
    required: list[str] | None = None,
    storage: bool = True,
    subresource: bool = False,
    deprecated: str = "",
) -> Definition:
    schema: Schema = {
        "type": "object",
        PRESERVE: True,
        "description": description,
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            **properties,
        },
    }
    if required:
        schema["required"] = required
    version: Definition = {
        "name": name,
        "served": True,
        "storage": storage,
        "schema": {"openAPIV3Schema": schema},
    }
    if columns:
        version["additionalPrinterColumns"] = columns
    if subresource:
        version["subresources"] = {"status": {}}
    if deprecated:
        version["deprecated"] = True
        version["deprecationWarning"] = deprecated
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
    version = _version(
        application.VERSION,
        properties,
        columns,
        description="Application is a definition of Application resource.",
        required=["metadata", "spec"],
    )
    labels = {"app.kubernetes.io/name": "applications.argoproj.io"}
    return _definition(application.GROUP, application.KIND, "applications", [version], ("app", "apps"), labels)


def _project() -> Definition:
    version = _version(
        application.VERSION,
        {"spec": any_object("What Applications of the project may do."), "status": any_object()},
        [],
        description="AppProject sets the bounds of a group of Applications.",
        required=["metadata", "spec"],
    )
    labels = {"app.kubernetes.io/name": "appprojects.argoproj.io"}
    return _definition(application.GROUP, "AppProject", "appprojects", [version], ("appproj", "appprojs"), labels)


def _flux(
    group: str,
    kind: str,
    plural: str,
    short: tuple[str, ...],
    versions: tuple[str, ...],
    spec: Schema,
    columns: list[Definition],
    description: str,
) -> Definition:
    """Serve every version with the same schema, so that no conversion webhook is needed."""
    status = any_object() | {
        "default": {"observedGeneration": -1},
        "properties": {"observedGeneration": {"type": "integer", "format": "int64"}},
    }
    made = [
        _version(
            name,
            {"spec": spec, "status": status},
            columns,
            description=description,
            storage=number == 0,
            subresource=True,
            deprecated=f"{group}/{name} {kind} is deprecated, upgrade to {versions[0]}" if number else "",
        )
        for number, name in enumerate(versions)
    ]
    return _definition(group, kind, plural, made, short)


def _kustomization() -> Definition:
    return _flux(
        kustomization.GROUP,
        kustomization.KIND,
        "kustomizations",
        ("ks",),
        kustomization.VERSIONS,
        schema_of(kustomization.Spec),
        [_AGE, _READY, _STATUS],
        "Kustomization is the Schema for the kustomizations API.",
    )


def _repository() -> Definition:
    return _flux(
        repository.GROUP,
        repository.KIND,
        "gitrepositories",
        ("gitrepo",),
        repository.VERSIONS,
        schema_of(repository.Spec),
        [_column("URL", ".spec.url"), _AGE, _READY, _STATUS],
        "GitRepository is the Schema for the gitrepositories API.",
    )


def _receiver() -> Definition:
    return _flux(
        receiver.GROUP,
        receiver.KIND,
        "receivers",
        (),
        receiver.VERSIONS,
        schema_of(receiver.Spec),
        [_AGE, _READY, _STATUS],
        "Receiver is the Schema for the receivers API.",
    )


def _alerting() -> list[Definition]:
    kinds = (
        (alert.PROVIDER, "providers", alert.ProviderSpec, "Provider is the Schema for the providers API."),
        (alert.ALERT, "alerts", alert.AlertSpec, "Alert is the Schema for the alerts API."),
    )
    return [
        _flux(alert.GROUP, kind, plural, (), alert.VERSIONS, schema_of(spec), [_AGE], words)
        for kind, plural, spec, words in kinds
    ]


def _state() -> Definition:
    """Give the definition of what Trueup remembers of a unit; its content is in `state`."""
    version = _version(
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
    return _definition(STATE_GROUP, STATE_KIND, STATE_PLURAL, [version])
