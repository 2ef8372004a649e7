"""Custom resource definitions, put together from a kind's names, versions, schemas and printer columns."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from trueup.dialects.crds.schema import PRESERVE, Schema

Definition: TypeAlias = dict[str, Any]
_KEEP = {"helm.sh/resource-policy": "keep"}


def column(name: str, path: str, kind: str = "string", priority: int = 0) -> Definition:
    """Write a printer column; with a priority it is shown by `-o wide` alone."""
    column: Definition = {"name": name, "type": kind, "jsonPath": path}
    if priority:
        column["priority"] = priority
    return column


AGE = column("Age", ".metadata.creationTimestamp", "date")
READY = column("Ready", '.status.conditions[?(@.type=="Ready")].status')
STATUS = column("Status", '.status.conditions[?(@.type=="Ready")].message')


def definition(
    group: str,
    kind: str,
    plural: str,
    versions: list[Definition],
    short: tuple[str, ...] = (),
    labels: dict[str, str] | None = None,
) -> Definition:
    """Write a definition of namespaced objects, which stays when Trueup is removed."""
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


class Version(msgspec.Struct, frozen=True):
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
