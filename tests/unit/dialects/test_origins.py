"""What a wide table says of where an object comes from and when it last changed."""

from __future__ import annotations

from typing import Any

import pytest

from trueup.core.model.objects import ObjectRef
from trueup.dialects.source_summary import Origin, origin

SOURCE = ObjectRef("source.toolkit.fluxcd.io", "GitRepository", "flux-system", "shop")
URLS = {SOURCE: "https://github.com/team/shop"}


def flux(kind: str, spec: dict[str, Any], *times: str) -> dict[str, Any]:
    conditions = [{"type": "Ready", "lastTransitionTime": time} for time in times]
    return {
        "kind": kind,
        "metadata": {"name": "x", "namespace": "flux-system"},
        "spec": spec,
        "status": {"conditions": conditions},
    }


def test_a_kustomization_comes_from_its_source_and_changed_with_its_latest_condition() -> None:
    spec = {"path": "./web", "sourceRef": {"kind": "GitRepository", "name": "shop"}}
    times = ("2026-11-25T10:00:00Z", "2026-11-25T11:00:00Z", "2026-11-25T09:00:00Z")
    assert origin(flux("Kustomization", spec, *times), URLS) == Origin(URLS[SOURCE], "./web", times[1])


@pytest.mark.parametrize("namespace", ["other", ""])
def test_a_source_that_is_not_there_is_named(namespace: str) -> None:
    reference = {"kind": "GitRepository", "name": "absent", "namespace": namespace}
    found = origin(flux("Kustomization", {"sourceRef": reference}), URLS)
    assert found.source == f"GitRepository/{namespace or 'flux-system'}/absent"


def test_an_application_of_several_sources_shows_all() -> None:
    sources = [{"repoURL": "https://a", "path": "one"}, {"repoURL": "https://b", "chart": "two"}]
    body = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "spec": {"sources": sources},
        "status": {
            "health": {"lastTransitionTime": "2026-11-25T10:00:00Z"},
            "operationState": {"finishedAt": "2026-11-25T10:00:01Z"},
        },
    }
    assert origin(body) == Origin("https://a, https://b", "one, two", "2026-11-25T10:00:01Z")


@pytest.mark.parametrize("spec", [None, [], {"sources": [None]}, {"source": 3}, {"sourceRef": "x"}, {"url": {}}])
@pytest.mark.parametrize("kind", ["Application", "Kustomization", "GitRepository"])
def test_nonsense_comes_from_nowhere(kind: str, spec: object) -> None:
    assert origin({"kind": kind, "spec": spec, "status": {"conditions": [7]}}) == Origin()
