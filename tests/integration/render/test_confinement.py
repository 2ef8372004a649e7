"""A render sees the artifact's folder and nothing else: no path, no link, no network, no environment."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from trueup.core.model.recipe import DirectoryRecipe, HelmFileParameter, HelmRecipe, KustomizeRecipe, Recipe
from trueup.render import WorkerRenderer

from .conftest import Bench

SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: stolen}\n"
CHART = "apiVersion: v2\nname: chart\nversion: 1.0.0\n"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret.yaml").write_text(SECRET)
    (folder / "kustomization.yaml").write_text("resources: [secret.yaml]\n")
    return folder


@pytest.fixture
def bench(renderer: WorkerRenderer, tmp_path: Path) -> Bench:
    folder = tmp_path / "artifact"
    folder.mkdir()
    return Bench(renderer, folder)


LINKED: dict[str, tuple[str, Recipe]] = {
    "a manifest": ("app/x.yaml", DirectoryRecipe(path="app")),
    "a resource": ("app/x.yaml", KustomizeRecipe(path="app", restrict_to_folder=False)),
    "a generated resource": ("plain/x.yaml", KustomizeRecipe(path="plain", generate=True)),
    "a kustomization": ("plain/kustomization.yaml", KustomizeRecipe(path="plain")),
    "a template": ("chart/templates/x.yaml", HelmRecipe(path="chart")),
    "values": ("chart/values.yaml", HelmRecipe(path="chart")),
    "a value file": ("values.yaml", HelmRecipe(path="chart", value_files=("/values.yaml",))),
    "a file for a parameter": ("file", HelmRecipe(path="chart", file_parameters=(HelmFileParameter("a", "/file"),))),
    "an import": ("jsonnet/y", DirectoryRecipe(path="jsonnet")),
}


@pytest.mark.parametrize("absolute", [True, False])
@pytest.mark.parametrize("case", LINKED)
async def test_links_that_lead_out(bench: Bench, outside: Path, case: str, absolute: bool) -> None:
    bench.write(
        {
            "app/kustomization.yaml": "resources: [x.yaml]\n",
            "plain/README": "",
            "chart/Chart.yaml": CHART,
            "chart/templates/README": "",
            "jsonnet/x.jsonnet": "importstr 'y'",
        }
    )
    link, recipe = LINKED[case]
    place = bench.folder / link
    target = outside / "secret.yaml"
    place.symlink_to(target if absolute else "/".join([".."] * (link.count("/") + 1)) + "/outside/secret.yaml")
    problem = await bench.fails(recipe)
    assert problem.code == "outside" and link in problem.message and "leads out" in problem.message
    assert problem.origin is not None and problem.origin.path == link
    assert "stolen" not in problem.message


async def test_a_folder_that_is_a_link_out(bench: Bench, outside: Path) -> None:
    (bench.folder / "app").symlink_to(outside, target_is_directory=True)
    for recipe in (DirectoryRecipe(path="app"), KustomizeRecipe(path="app"), HelmRecipe(path="app")):
        assert (await bench.fails(recipe)).code == "outside"
    bench.write({"over/kustomization.yaml": "resources: [../app]\n"})
    assert (await bench.fails(KustomizeRecipe(path="over", restrict_to_folder=False))).code == "outside"


async def test_links_within_are_followed_and_their_targets_count(bench: Bench, manifest: Callable[..., str]) -> None:
    bench.write({"shared/x.yaml": manifest("one"), "app/README": ""})
    (bench.folder / "app" / "x.yaml").symlink_to("../shared/x.yaml")
    recipe = DirectoryRecipe(path="app")
    result = await bench.render(recipe)
    assert set(result.input_paths[""].files) == {"app/x.yaml", "shared/x.yaml"}
    bench.write({"shared/x.yaml": manifest("two")})
    assert bench.renderer.lookup(recipe, bench.context()) is None
    (bench.folder / "shared" / "y.yaml").write_text(manifest("three"))
    (bench.folder / "app" / "x.yaml").unlink()
    (bench.folder / "app" / "x.yaml").symlink_to("../shared/y.yaml")
    assert (await bench.render(recipe)).objects[0].body["metadata"]["name"] == "three"


async def test_links_in_a_circle_and_to_nowhere(bench: Bench, manifest: Callable[..., str]) -> None:
    bench.write({"app/x.yaml": manifest("x")})
    (bench.folder / "app" / "nowhere.yaml").symlink_to("gone.yaml")
    assert len((await bench.render(DirectoryRecipe(path="app"))).objects) == 1
    (bench.folder / "app" / "round.yaml").symlink_to("round.yaml")
    problem = await bench.fails(DirectoryRecipe(path="app"))
    assert problem.code == "outside" and "circle" in problem.message
    (bench.folder / "app" / "round.yaml").unlink()
    (bench.folder / "app" / "up").symlink_to("..", target_is_directory=True)
    assert len((await bench.render(DirectoryRecipe(path="app", recurse=True))).objects) == 1
    (bench.folder / "chart" / "templates").mkdir(parents=True)
    bench.write({"chart/Chart.yaml": CHART})
    (bench.folder / "chart" / "up").symlink_to("..", target_is_directory=True)
    assert (await bench.fails(HelmRecipe(path="chart"))).code in ("too-large", "outside")


async def test_a_pipe_does_not_hang_the_worker(bench: Bench) -> None:
    os.mkfifo(bench.folder / "x.yaml")
    problem = await bench.fails_without_ids(DirectoryRecipe())
    assert problem.code == "outside" and "regular file" in problem.message


async def test_jsonnet_imports_stay_within(bench: Bench, outside: Path) -> None:
    for path in ("/etc/hostname", "../outside/secret.yaml", "../../etc/hostname"):
        bench.write({"x.jsonnet": f"importstr {json.dumps(path)}"})
        problem = await bench.fails(DirectoryRecipe())
        assert problem.code == "outside", problem


async def test_value_files_stay_within(bench: Bench, outside: Path) -> None:
    bench.write({"chart/Chart.yaml": CHART})
    for path in ("../../outside/secret.yaml", "/../outside/secret.yaml", "../../outside/*.yaml"):
        problem = await bench.fails(HelmRecipe(path="chart", value_files=(path,)))
        assert problem.code in ("outside", "values") and "stolen" not in problem.message
    remote = await bench.fails(HelmRecipe(path="chart", value_files=("https://example.org/values.yaml",)))
    assert remote.code == "remote-base"


async def test_workers_have_no_environment_and_no_privileges_to_gain(renderer: WorkerRenderer, bench: Bench) -> None:
    os.environ["TRUEUP_TEST_SECRET"] = "do-not-tell"
    try:
        async with WorkerRenderer() as fresh:
            bench.write({"x.yaml": SECRET})
            await fresh.render(DirectoryRecipe(), bench.folder, bench.context())
            for pid in fresh.pids:
                assert_confined(pid, bench.folder)
    finally:
        del os.environ["TRUEUP_TEST_SECRET"]


def assert_confined(pid: int, folder: Path) -> None:
    process = Path("/proc") / str(pid)
    assert (process / "environ").read_bytes() == b""
    status = (process / "status").read_text()
    assert "NoNewPrivs:\t1" in status and "Seccomp:\t2" in status
    held = [str(entry.readlink()) for entry in (process / "fd").iterdir()]
    assert not any(target.startswith("socket:") for target in held[3:])
    assert str(folder) not in held, "the folder of a render that has ended is still held"
