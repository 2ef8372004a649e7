"""The manifests of the user's guide and of well-known repositories are understood as they stand.

They lie beside the project where it is developed; elsewhere these tests say that they skip.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from trueup.core.dialect import Context
from trueup.core.recipe import AutoRecipe, KustomizeRecipe
from trueup.core.unit import SourceDeclaration, Unit
from trueup.dialects import dialect_of

SHARED = Path(__file__).parents[4] / "shared"
GUIDE, REALWORLD = SHARED / "guide", SHARED / "realworld"
needs_guide = pytest.mark.skipif(not GUIDE.is_dir(), reason="the guide's manifests are not beside the project")
needs_realworld = pytest.mark.skipif(
    not REALWORLD.is_dir(), reason="the example repositories are not beside the project"
)


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


@needs_guide
def test_the_guides_application() -> None:
    units, sources = understood(GUIDE / "argocd" / "application.yaml")
    unit = units["my-app"]
    assert not unit.problems and not unit.warnings
    assert (unit.policy.automated, unit.policy.heal, unit.policy.prune) == (True, True, True)
    assert unit.target.namespace == "production" and not unit.target.create_namespace
    assert isinstance(unit.recipe, AutoRecipe) and unit.recipe.path == "k8s"
    assert sources["my-app"].git.ref.revision == "HEAD"


@needs_guide
def test_the_guides_environments_have_no_revision_and_are_synced_by_hand() -> None:
    units, sources = understood(GUIDE / "argocd" / "environments.yaml")
    assert {name: unit.recipe.path for name, unit in units.items()} == {
        "my-app-staging": "overlays/staging",
        "my-app-production": "overlays/production",
    }
    assert all(not unit.problems and not unit.policy.automated for unit in units.values())
    assert all(source.git.ref.revision == "HEAD" for source in sources.values())


@needs_guide
def test_the_guides_flux_objects_belong_together() -> None:
    _, sources = understood(GUIDE / "flux" / "my-app-source.yaml")
    units, _ = understood(GUIDE / "flux" / "my-app-kustomization.yaml")
    unit, source = units["my-app"], sources["my-app"]
    assert not unit.problems and not unit.warnings and not source.problems and not source.warnings
    assert unit.source == source.ref and source.git.ref.branch == "main" and source.interval == 60
    assert isinstance(unit.recipe, KustomizeRecipe) and unit.recipe.path == "k8s" and unit.recipe.generate
    healing, _ = understood(GUIDE / "flux" / "self-healing.yaml")
    assert healing["my-app"].policy.force and healing["my-app"].policy.prune


@needs_realworld
def test_every_object_of_the_example_repositories_is_read_without_an_unknown_field() -> None:
    seen = 0
    for path in sorted(REALWORLD.glob("flux2-*/**/*.yaml")):
        if "charts" in path.parts:
            continue
        units, sources = understood(path)
        for item in (*units.values(), *sources.values()):
            seen += 1
            assert not any("unknown field" in text for text in item.warnings), (path, item.warnings)
            # Patches of tenants are parts of objects; the others may only lack what the compatibility table refuses.
            if isinstance(item, Unit) and "patch" not in path.name:
                assert all("not supported yet" in text for text in item.problems), (path, item.problems)
    assert seen >= 10
