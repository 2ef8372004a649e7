"""Manifests as users of both projects write them are understood as they stand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.manifests import FIRST_STEPS, TENANCY
from trueup.core.model.dialect import Context
from trueup.core.model.recipe import AutoRecipe, KustomizeRecipe
from trueup.core.model.unit import SourceDeclaration, Unit
from trueup.dialects import dialect_of


def objects(path: Path) -> Iterator[dict[str, Any]]:
    for body in yaml.safe_load_all(path.read_text()):
        if isinstance(body, dict):
            yield body


def understood(path: Path) -> tuple[dict[str, Unit], dict[str, SourceDeclaration]]:
    units: dict[str, Unit] = {}
    sources: dict[str, SourceDeclaration] = {}
    for body in objects(path):
        dialect = dialect_of(str(body.get("apiVersion", "")).split("/")[0], str(body.get("kind")))
        if dialect is None:
            continue
        found = dialect.translate(body, Context())
        if found.unit is not None:
            units[found.unit.ref.name] = found.unit
        sources.update({source.ref.name: source for source in found.sources})
    return units, sources


def test_a_first_application() -> None:
    units, sources = understood(FIRST_STEPS / "argocd" / "application.yaml")
    unit = units["shop"]
    assert not unit.problems and not unit.warnings
    assert (unit.policy.automated, unit.policy.heal, unit.policy.prune) == (True, True, True)
    assert unit.target.namespace == "production" and not unit.target.create_namespace
    assert isinstance(unit.recipe, AutoRecipe) and unit.recipe.path == "k8s"
    assert sources["shop"].spec.ref.revision == "HEAD"


def test_environments_without_a_revision_are_synced_by_hand() -> None:
    units, sources = understood(FIRST_STEPS / "argocd" / "environments.yaml")
    assert {name: unit.recipe.path for name, unit in units.items()} == {
        "shop-staging": "overlays/staging",
        "shop-production": "overlays/production",
    }
    assert all(not unit.problems and not unit.policy.automated for unit in units.values())
    assert all(source.spec.ref.revision == "HEAD" for source in sources.values())


def test_flux_objects_that_belong_together() -> None:
    _, sources = understood(FIRST_STEPS / "flux" / "source.yaml")
    units, _ = understood(FIRST_STEPS / "flux" / "kustomization.yaml")
    unit, source = units["shop"], sources["shop"]
    assert not unit.problems and not unit.warnings and not source.problems and not source.warnings
    assert unit.source == source.ref and source.spec.ref.branch == "main" and source.interval == 60
    assert isinstance(unit.recipe, KustomizeRecipe) and unit.recipe.path == "k8s" and unit.recipe.generate
    healing, _ = understood(FIRST_STEPS / "flux" / "healing.yaml")
    assert healing["shop"].policy.force and healing["shop"].policy.prune


def test_the_units_of_a_shared_cluster() -> None:
    units, _ = understood(TENANCY / "clusters" / "platform.yaml")
    policies, rules, tenants = units["policies"], units["policy-rules"], units["tenants"]
    for unit in units.values():
        assert not unit.problems and not unit.warnings
        assert unit.target.service_account == "flux-system:platform" and unit.policy.prune
    assert [dependency.ref for dependency in rules.depends_on] == [policies.ref]
    assert [dependency.ref for dependency in tenants.depends_on] == [rules.ref]
    assert isinstance(policies.recipe, KustomizeRecipe) and policies.recipe.path == "platform/policies"


def test_a_tenants_source_and_unit() -> None:
    units, sources = understood(TENANCY / "tenants" / "team.yaml")
    unit, source = units["team-blue"], sources["team-blue"]
    assert not unit.problems and not unit.warnings and not source.problems and not source.warnings
    assert unit.source == source.ref and source.spec.ref.branch == "release" and source.interval == 120
    assert unit.ref.namespace == "blue" and unit.target.service_account == "blue:team-blue"


@pytest.mark.parametrize("path", sorted(TENANCY.rglob("*.yaml")), ids=lambda path: path.stem)
def test_every_object_is_read_without_an_unknown_field(path: Path) -> None:
    units, sources = understood(path)
    assert units
    for item in (*units.values(), *sources.values()):
        assert not any("unknown field" in text for text in item.warnings), item.warnings
        # The patch is a part of an object; the others may only lack what the compatibility table refuses.
        if isinstance(item, Unit) and "patch" not in path.name:
            assert all("not supported yet" in text for text in item.problems), item.problems


def test_an_unknown_field_is_told() -> None:
    """What `test_every_object_is_read_without_an_unknown_field` looks for is said where there is one."""
    body = next(objects(FIRST_STEPS / "flux" / "kustomization.yaml"))
    body["spec"]["colour"] = "blue"
    dialect = dialect_of("kustomize.toolkit.fluxcd.io", "Kustomization")
    assert dialect is not None
    unit = dialect.translate(body, Context()).unit
    assert unit is not None and any("unknown field" in text and "colour" in text for text in unit.warnings)
