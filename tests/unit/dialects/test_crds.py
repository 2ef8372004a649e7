"""The definitions: upstream's names and columns, and schemas that turn nothing away that upstream takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from trueup.dialects import definitions as crds
from trueup.dialects import dialects

DEFINITIONS = {item["metadata"]["name"]: item for item in crds()}


def nodes(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    for inner in schema.get("properties", {}).values():
        yield from nodes(inner)
    for field in ("items", "additionalProperties"):
        if isinstance(schema.get(field), dict):
            yield from nodes(schema[field])


def columns(name: str) -> list[tuple[str, str, int]]:
    version = DEFINITIONS[name]["spec"]["versions"][0]
    return [(item["name"], item["jsonPath"], item.get("priority", 0)) for item in version["additionalPrinterColumns"]]


def test_every_watched_kind_is_defined_in_all_its_versions() -> None:
    for dialect in dialects():
        for kind in dialect.kinds:
            spec = DEFINITIONS[f"{kind.plural}.{kind.group}"]["spec"]
            assert spec["names"]["kind"] == kind.kind
            assert tuple(version["name"] for version in spec["versions"]) == kind.versions
            assert [version["storage"] for version in spec["versions"]] == [True] + [False] * (len(kind.versions) - 1)


@pytest.mark.parametrize(
    ("name", "short", "subresource"),
    [
        ("applications.argoproj.io", ["app", "apps"], False),
        ("appprojects.argoproj.io", ["appproj", "appprojs"], False),
        ("kustomizations.kustomize.toolkit.fluxcd.io", ["ks"], True),
        ("gitrepositories.source.toolkit.fluxcd.io", ["gitrepo"], True),
        ("receivers.notification.toolkit.fluxcd.io", None, True),
        ("unitstates.trueup.dev", None, False),
    ],
)
def test_short_names_and_status_subresources_are_upstreams(name: str, short: Any, subresource: bool) -> None:
    spec = DEFINITIONS[name]["spec"]
    assert spec["names"].get("shortNames") == short
    assert all(("subresources" in version) is subresource for version in spec["versions"])


def test_printer_columns_are_upstreams() -> None:
    ready = ("Ready", '.status.conditions[?(@.type=="Ready")].status', 0)
    status = ("Status", '.status.conditions[?(@.type=="Ready")].message', 0)
    age = ("Age", ".metadata.creationTimestamp", 0)
    assert columns("applications.argoproj.io") == [
        ("Sync Status", ".status.sync.status", 0),
        ("Health Status", ".status.health.status", 0),
        ("Revision", ".status.sync.revision", 10),
        ("Project", ".spec.project", 10),
    ]
    assert columns("kustomizations.kustomize.toolkit.fluxcd.io") == [age, ready, status]
    assert columns("gitrepositories.source.toolkit.fluxcd.io") == [("URL", ".spec.url", 0), age, ready, status]


@pytest.mark.parametrize("name", DEFINITIONS)
def test_schemas_are_structural_keep_unknown_fields_and_turn_no_value_away(name: str) -> None:
    for version in DEFINITIONS[name]["spec"]["versions"]:
        for node in nodes(version["schema"]["openAPIV3Schema"]):
            preserves = node.get("x-kubernetes-preserve-unknown-fields") is True
            assert node.get("type") or preserves or node.get("x-kubernetes-int-or-string")
            assert not {"enum", "pattern", "minLength", "maxLength", "maxItems"} & set(node)
            assert not ("properties" in node and "additionalProperties" in node)
            if node.get("type") == "object" and "additionalProperties" not in node:
                assert preserves or node == {"type": "object"}


def test_upstreams_required_fields_are_required() -> None:
    spec = DEFINITIONS["applications.argoproj.io"]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"][
        "spec"
    ]
    assert spec["required"] == ["destination", "project"]
    assert spec["properties"]["source"]["required"] == ["repoURL"]
    assert spec["properties"]["source"]["properties"]["kustomize"]["properties"]["replicas"]["items"]["properties"][
        "count"
    ] == {"x-kubernetes-int-or-string": True}
