"""The wall of renders, by every way to spend time: neighbours are served in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from trueup.core.model.recipe import DirectoryRecipe, HelmRecipe, KustomizeRecipe, Recipe, RenderContext, RenderError
from trueup.fairness import TENANT
from trueup.render import RenderSettings, WorkerRenderer

ATTACKERS = 6
CHART = {"Chart.yaml": "apiVersion: v2\nname: x\nversion: 1.0.0\n"}
MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"
BASES = 3000


def bases() -> dict[str, str]:
    """Write bases of bases, each in a folder of its own."""
    chain = {f"b{n}/kustomization.yaml": f"resources: [../b{n + 1}]\nnamePrefix: p-\n" for n in range(BASES)}
    return {"kustomization.yaml": "resources: [b0]\n", **chain, f"b{BASES}/kustomization.yaml": "resources: []\n"}


ATTACKS: dict[str, tuple[Mapping[str, str], Recipe]] = {
    "a template that counts": (
        {**CHART, "templates/x.yaml": "{{ range until 60000 }}{{ range until 60000 }}{{ end }}{{ end }}"},
        HelmRecipe(),
    ),
    "a range over a billion": (
        {**CHART, "templates/x.yaml": "{{ range $i := untilStep 0 1000000000 1 }}{{ end }}"},
        HelmRecipe(),
    ),
    "an output without end": (
        {**CHART, "templates/x.yaml": '{{ range until 100000 }}{{ repeat 100000 "x" }}{{ end }}'},
        HelmRecipe(),
    ),
    "a pattern on a long text": (
        {
            **CHART,
            "templates/x.yaml": '{{ range until 100000 }}{{ regexMatch "(x+x+)+y" (repeat 100000 "x") }}{{ end }}',
        },
        HelmRecipe(),
    ),
    "a key that is derived": (
        {**CHART, "templates/x.yaml": '{{ range until 100000 }}{{ derivePassword 1 "long" "p" "u" "s" }}{{ end }}'},
        HelmRecipe(),
    ),
    "bases of bases": (bases(), KustomizeRecipe()),
    "a text that doubles": (
        {"x.jsonnet": "std.foldl(function(a, i) a + a, std.range(1, 60), 'xxxxxxxx')"},
        DirectoryRecipe(),
    ),
    "a loop in jsonnet": (
        {"x.jsonnet": "std.foldl(function(a, i) a + i, std.range(1, 1000000000), 0)"},
        DirectoryRecipe(),
    ),
}


@pytest.fixture(name="renderer")
async def a_renderer() -> AsyncIterator[WorkerRenderer]:
    async with WorkerRenderer(RenderSettings(workers=1, quick_seconds=1.0, memory_mib=256)) as running:
        yield running


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


async def render_as(tenant: str, renderer: WorkerRenderer, recipe: Recipe, folder: Path, unit: str) -> str:
    """Render in a tenant's turn; gives what became of it."""
    TENANT.set(tenant)
    try:
        await renderer.render(recipe, folder, RenderContext(deadline=4.0, unit=unit, tenant=tenant))
    except RenderError as error:
        return error.problem.code
    return "rendered"


@pytest.mark.parametrize("attack", ATTACKS)
async def test_neighbours_are_served_meanwhile(renderer: WorkerRenderer, tmp_path: Path, attack: str) -> None:
    files, recipe = ATTACKS[attack]
    beside = write(tmp_path / "beside", {"x.yaml": MAP})
    assert await render_as("beside/", renderer, DirectoryRecipe(), beside, "warm") == "rendered"
    attackers = [
        asyncio.create_task(
            render_as("mallory/", renderer, recipe, write(tmp_path / f"attack-{number}", files), f"unit-{number}")
        )
        for number in range(ATTACKERS)
    ]
    await asyncio.sleep(0)
    assert await render_as("beside/", renderer, DirectoryRecipe(), beside, "unit") == "rendered"
    done = sum(task.done() for task in attackers)
    ended = await asyncio.gather(*attackers)
    # All of the attackers came before; one of them may be worked on, and one may have ended by itself meanwhile.
    assert done <= 2, (done, ended)
    assert await render_as("beside/", renderer, DirectoryRecipe(), beside, "unit") == "rendered"
    assert "crashed" not in ended, ended


async def test_who_gave_up_leaves_the_worker_free(renderer: WorkerRenderer, tmp_path: Path) -> None:
    """Renders that nobody waits for any more are ended at once, those in line as well."""
    files, recipe = ATTACKS["a template that counts"]
    beside = write(tmp_path / "beside", {"x.yaml": MAP})
    await render_as("beside/", renderer, DirectoryRecipe(), beside, "warm")
    [pid] = renderer.pids
    attackers = [
        asyncio.create_task(
            render_as("mallory/", renderer, recipe, write(tmp_path / f"attack-{number}", files), f"unit-{number}")
        )
        for number in range(ATTACKERS)
    ]
    await asyncio.sleep(0.2)
    for task in attackers:
        task.cancel()
    await asyncio.gather(*attackers, return_exceptions=True)
    assert await render_as("beside/", renderer, DirectoryRecipe(), beside, "unit") == "rendered"
    assert pid not in renderer.pids and not Path(f"/proc/{pid}").exists()


async def test_one_of_two_who_wait_for_the_same_gives_up(renderer: WorkerRenderer, tmp_path: Path) -> None:
    """What somebody else still waits for is not ended."""
    folder = write(tmp_path / "both", {"x.yaml": MAP})
    first, second = (
        asyncio.create_task(render_as(f"{name}/", renderer, DirectoryRecipe(), folder, name)) for name in ("a", "b")
    )
    await asyncio.sleep(0)
    first.cancel()
    assert await second == "rendered"
