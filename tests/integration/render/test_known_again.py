"""A commit renders again what it touches, and nothing else."""

from collections.abc import AsyncIterator, Callable

import pytest

from trueup.core.model.recipe import Capabilities, DirectoryRecipe, HelmRecipe, KustomizeRecipe, RenderContext
from trueup.render import RenderSettings, WorkerRenderer

from .conftest import Bench, FolderIds

UNITS = 40


@pytest.fixture
async def renderer() -> AsyncIterator[WorkerRenderer]:
    """One of its own for each test: content is known wherever it was first seen, in another test too."""
    async with WorkerRenderer(RenderSettings(workers=1)) as running:
        yield running


@pytest.fixture
def monorepo(bench: Bench, manifest: Callable[..., str]) -> Bench:
    bench.write({"base/kustomization.yaml": "resources: [map.yaml]\n", "base/map.yaml": manifest("shared")})
    for number in range(UNITS):
        bench.write(
            {
                f"apps/{number}/kustomization.yaml": (
                    "resources: [own.yaml]\n" if number % 2 else "resources: [own.yaml, ../../base]\n"
                ),
                f"apps/{number}/own.yaml": manifest(f"own-{number}"),
            }
        )
    return bench


def recipes() -> list[KustomizeRecipe]:
    return [KustomizeRecipe(path=f"apps/{number}") for number in range(UNITS)]


def unknown(bench: Bench, context: RenderContext) -> list[int]:
    return [number for number, recipe in enumerate(recipes()) if bench.renderer.lookup(recipe, context) is None]


async def test_a_commit_costs_those_it_touches(monorepo: Bench, manifest: Callable[..., str]) -> None:
    rendered = [await monorepo.render(recipe) for recipe in recipes()]
    assert unknown(monorepo, monorepo.context()) == []
    monorepo.write({"README.md": "more words", "apps/7/NOTES": "not looked at"})
    assert unknown(monorepo, monorepo.context()) == []
    monorepo.write({"apps/7/own.yaml": manifest("changed")})
    assert unknown(monorepo, monorepo.context()) == [7]
    monorepo.write({"base/map.yaml": manifest("shared", key="changed")})
    assert unknown(monorepo, monorepo.context()) == sorted({7, *range(0, UNITS, 2)})
    again = await monorepo.render(recipes()[8])
    assert not again.cached and again.inputs != rendered[8].inputs
    # The file's place in kustomize's search order: one that comes before counts when it appears.
    monorepo.write({"apps/9/kustomization.yml": "resources: [own.yaml]\n"})
    seen = rendered[9].input_paths[""]
    assert ("apps/9/kustomization.yml" in seen.absent) == (9 in unknown(monorepo, monorepo.context()))


async def test_what_is_known_equals_what_is_rendered(monorepo: Bench) -> None:
    first = await monorepo.render(recipes()[0])
    known = monorepo.renderer.lookup(recipes()[0], monorepo.context())
    assert known is not None and known.cached and not first.cached
    assert (known.objects, known.inputs, known.input_paths, known.recipe, known.renderer, known.warnings) == (
        first.objects,
        first.inputs,
        first.input_paths,
        first.recipe,
        first.renderer,
        first.warnings,
    )


async def test_units_with_the_same_inputs_share_a_render(monorepo: Bench) -> None:
    before = monorepo.renderer.renders
    first = await monorepo.render(recipes()[1])
    second = await monorepo.render(KustomizeRecipe(path="apps/1"))
    assert monorepo.renderer.renders == before + 1 and second.cached and first.inputs == second.inputs


async def test_the_old_content_is_known_still_when_a_commit_is_reverted(
    monorepo: Bench, manifest: Callable[..., str]
) -> None:
    first = await monorepo.render(recipes()[1])
    monorepo.write({"apps/1/own.yaml": manifest("changed")})
    await monorepo.render(recipes()[1])
    monorepo.write({"apps/1/own.yaml": manifest("own-1")})
    back = monorepo.renderer.lookup(recipes()[1], monorepo.context())
    assert back is not None and back.inputs == first.inputs


async def test_the_cluster_counts_where_templates_can_see_it(bench: Bench, manifest: Callable[..., str]) -> None:
    bench.write({"Chart.yaml": "apiVersion: v2\nname: x\nversion: 1.0.0\n", "templates/x.yaml": manifest("x")})
    bench.write({"plain/x.yaml": manifest("x")})
    for recipe in (HelmRecipe(), DirectoryRecipe(path="plain")):
        await bench.render(recipe)
    newer = bench.context(capabilities=Capabilities("v1.38.0", ()))
    assert bench.renderer.lookup(HelmRecipe(), newer) is None
    assert bench.renderer.lookup(DirectoryRecipe(path="plain"), newer) is not None


async def test_without_ids_nothing_is_known(bench: Bench, manifest: Callable[..., str]) -> None:
    bench.write({"x.yaml": manifest("x")})
    result = await bench.render(DirectoryRecipe(), tree=None)
    assert result.inputs == "" and not result.cached
    assert bench.renderer.lookup(DirectoryRecipe(), bench.context(tree=None)) is None
    assert bench.renderer.lookup(DirectoryRecipe(), bench.context()) is None


async def test_memory_is_bounded(bench: Bench, manifest: Callable[..., str]) -> None:
    for number in range(30):
        bench.write({f"{number}/x.yaml": manifest("x", text="y" * 10_000)})
    context = RenderContext(tree=FolderIds(bench.folder))
    recipes = [DirectoryRecipe(path=str(number)) for number in range(30)]
    async with WorkerRenderer(RenderSettings(workers=1, cache_bytes=100_000)) as renderer:
        for recipe in recipes:
            await renderer.render(recipe, bench.folder, context)
        known = [recipe for recipe in recipes if renderer.lookup(recipe, context)]
        assert recipes[-5:] == known[-5:] and len(known) < 10


async def test_version_names_the_program(renderer: WorkerRenderer) -> None:
    assert renderer.version.startswith("worker/")
    with pytest.raises(RuntimeError):
        _ = WorkerRenderer().version
