"""Workers that die, hang, grow or talk nonsense: each costs its own request, never another."""

import asyncio
import os
import signal
import stat
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from trueup.core.model.recipe import DirectoryRecipe, HelmRecipe, KustomizeRecipe, RenderContext, RenderError
from trueup.devtools.toolchain import binary
from trueup.render import RenderSettings, WorkerRenderer

from .conftest import FolderIds

ENDLESS = "local f(n) = if n == 0 then 0 else f(n - 1) + f(n - 1); f(60)"
GREEDY = "std.length(std.foldl(function(a, i) a + a, std.range(1, 40), 'x'))"


@pytest.fixture
async def renderer() -> AsyncIterator[WorkerRenderer]:
    """A pool of one, so that whoever comes next meets what the one before left behind."""
    async with WorkerRenderer(RenderSettings(workers=1, memory_mib=128)) as running:
        yield running


@pytest.fixture
def tree(tmp_path: Path, manifest: Callable[..., str]) -> Path:
    files = {
        "fine/a.yaml": manifest("a"),
        "endless/x.jsonnet": ENDLESS,
        "greedy/x.jsonnet": GREEDY,
        "recursive/Chart.yaml": "apiVersion: v2\nname: recursive\nversion: 1.0.0\n",
        "recursive/templates/x.yaml": '{{ define "x" }}{{ template "x" . }}{{ end }}{{ template "x" . }}\n',
        "deep/x.jsonnet": "local f(n) = [f(n + 1)]; f(0)",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


async def fails(renderer: WorkerRenderer, tree: Path, path: str, context: RenderContext | None = None) -> RenderError:
    with pytest.raises(RenderError) as failure:
        await renderer.render(DirectoryRecipe(path=path), tree, context or RenderContext(deadline=5))
    return failure.value


async def still_serves(renderer: WorkerRenderer, tree: Path) -> None:
    result = await renderer.render(DirectoryRecipe(path="fine"), tree, RenderContext())
    assert len(result.objects) == 1


async def test_killed_in_a_render(renderer: WorkerRenderer, tree: Path) -> None:
    await still_serves(renderer, tree)
    (before,) = renderer.pids
    slow = asyncio.create_task(fails(renderer, tree, "endless"))
    await asyncio.sleep(0.2)
    after = asyncio.create_task(still_serves(renderer, tree))
    os.kill(before, signal.SIGKILL)
    error = await slow
    assert error.problem.code == "crashed" and error.problem.next_step == "retry"
    assert "endless" in error.problem.message and "SIGKILL" in error.problem.message
    await after
    assert before not in renderer.pids


async def test_workers_killed_again_and_again_cost_one_request_each(tree: Path, manifest: Callable[..., str]) -> None:
    kills = 12
    for number in range(300):
        (tree / f"unit-{number}").mkdir()
        (tree / f"unit-{number}" / "x.yaml").write_text(manifest(f"x-{number}"))
    async with WorkerRenderer(RenderSettings(workers=2)) as renderer:

        async def render(number: int) -> str:
            recipe = KustomizeRecipe(path=f"unit-{number}", generate=True)
            result = await renderer.render(recipe, tree, RenderContext())
            name: str = result.objects[0].body["metadata"]["name"]
            return name

        under_way = [asyncio.create_task(render(number)) for number in range(300)]
        for _ in range(kills):
            await asyncio.sleep(0.02)
            for pid in renderer.pids[:1]:
                os.kill(pid, signal.SIGKILL)
        results = await asyncio.gather(*under_way, return_exceptions=True)
    failed = [one for one in results if isinstance(one, RenderError)]
    assert 0 < len(failed) <= kills and all(one.problem.code == "crashed" for one in failed)
    for number, one in enumerate(results):
        assert isinstance(one, RenderError) or one == f"x-{number}"


async def test_killed_while_idle_costs_nothing(renderer: WorkerRenderer, tree: Path) -> None:
    await still_serves(renderer, tree)
    os.kill(renderer.pids[0], signal.SIGKILL)
    await _until(lambda: not renderer.pids)
    await still_serves(renderer, tree)


async def test_deadline(renderer: WorkerRenderer, tree: Path) -> None:
    await still_serves(renderer, tree)
    (before,) = renderer.pids
    started = time.monotonic()
    error = await fails(renderer, tree, "endless", RenderContext(deadline=0.3))
    assert error.problem.code == "deadline" and "0.3 s" in error.problem.message
    assert time.monotonic() - started < 15
    assert not _runs(before)
    await still_serves(renderer, tree)


async def test_memory(renderer: WorkerRenderer, tree: Path) -> None:
    context = RenderContext(tree=FolderIds(tree), deadline=30)
    error = await fails(renderer, tree, "greedy", context)
    assert error.problem.code == "memory" and "greedy" in error.problem.message
    await still_serves(renderer, tree)
    # It would be the same again: known for exactly this tree, as nobody can say what it looked at.
    assert (await fails(renderer, tree, "greedy", context)).cached
    (tree / "fine/a.yaml").write_text("changed: true\n")
    assert not (await fails(renderer, tree, "greedy", RenderContext(tree=FolderIds(tree), deadline=30))).cached


async def test_endless_recursion(renderer: WorkerRenderer, tree: Path) -> None:
    error = await fails(renderer, tree, "deep")
    assert error.problem.code == "jsonnet" and "max stack frames" in error.problem.message
    with pytest.raises(RenderError) as failure:
        await renderer.render(HelmRecipe(path="recursive"), tree, RenderContext(deadline=20))
    assert failure.value.problem.code in ("template", "memory", "crashed")
    await still_serves(renderer, tree)


async def test_a_caller_that_gives_up_leaves_the_render_to_the_others(renderer: WorkerRenderer, tree: Path) -> None:
    context = RenderContext(tree=FolderIds(tree))
    recipe = KustomizeRecipe(path="fine", generate=True)
    first = asyncio.create_task(renderer.render(recipe, tree, context))
    others = [asyncio.create_task(renderer.render(recipe, tree, context)) for _ in range(5)]
    await asyncio.sleep(0)
    first.cancel()
    results = await asyncio.gather(*others)
    assert all(len(result.objects) == 1 for result in results) and renderer.renders == 1
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_caller_that_gives_up_alone_ends_the_worker_and_frees_its_place(
    renderer: WorkerRenderer, tree: Path
) -> None:
    await still_serves(renderer, tree)
    (before,) = renderer.pids
    task = asyncio.create_task(renderer.render(DirectoryRecipe(path="endless"), tree, RenderContext()))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await still_serves(renderer, tree)
    assert before not in renderer.pids


async def test_stopped_in_a_render(tree: Path) -> None:
    renderer = WorkerRenderer(RenderSettings(workers=1))
    await renderer.start()
    await still_serves(renderer, tree)
    pids = renderer.pids
    under_way = asyncio.create_task(fails(renderer, tree, "endless", RenderContext(tree=FolderIds(tree))))
    waiting = asyncio.create_task(fails(renderer, tree, "greedy"))
    await asyncio.sleep(0.1)
    await renderer.stop()
    assert (await under_way).problem.next_step == "retry"
    assert (await waiting).problem.code == "unavailable"
    assert not any(map(_runs, pids))


async def test_no_worker_outlives_a_parent_that_is_killed(tree: Path) -> None:
    script = (
        "import asyncio, sys\nfrom pathlib import Path\n"
        "from trueup.core.model.recipe import DirectoryRecipe, RenderContext\n"
        "from trueup.render import RenderSettings, WorkerRenderer\n"
        "async def main():\n"
        "    renderer = WorkerRenderer(RenderSettings(workers=2))\n    await renderer.start()\n"
        "    for path in ('endless', 'fine'):\n"
        "        asyncio.create_task(renderer.render(DirectoryRecipe(path=path), Path(sys.argv[1]), RenderContext()))\n"
        "    await asyncio.sleep(1)\n    print(*renderer.pids, flush=True)\n    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(tree), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    pids = [int(pid) for pid in (await parent.stdout.readline()).split()]
    assert len(pids) == 2
    parent.kill()
    await parent.wait()
    await _until(lambda: not any(map(_runs, pids)))


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)


def _runs(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def program(folder: Path, body: str) -> Path:
    path = folder / "worker"
    path.write_text(f"#!{sys.executable}\nimport sys, struct, time, os\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


GREET = "def say(b): os.write(1, struct.pack('>I', len(b)) + b)\nsay(b'{\"version\":\"x\"}')\n"
FAULTY = {
    "says nothing at all": ("time.sleep(60)", "unavailable", "said nothing"),
    "ends at once": ("sys.exit('no such role')", "unavailable", "no such role"),
    "is another program": ("os.write(1, struct.pack('>I', 5) + b'hello')", "unavailable", "not a worker"),
    "floods": ("os.write(1, b'usage: something else')\ntime.sleep(60)", "unavailable", "ended at once"),
    "answers in no JSON": (
        GREET + "sys.stdin.buffer.read(4)\nsay(b'{{')\ntime.sleep(60)",
        "protocol",
        "cannot be read",
    ),
    "answers in no frame": (
        GREET + "sys.stdin.buffer.read(4)\nos.write(1, b'\\xff' * 64)\ntime.sleep(60)",
        "protocol",
        "no answer",
    ),
    "answers another question": (
        GREET + "sys.stdin.buffer.read(4)\nsay(b'{\"id\": 77}')\ntime.sleep(60)",
        "protocol",
        "another question",
    ),
    "ends in the middle": (
        GREET + "sys.stdin.buffer.read(4)\nos.write(1, b'\\0\\0\\1\\0half')\nsys.exit(9)",
        "crashed",
        "exit code 9",
    ),
    "answers with objects that are none": (
        GREET + 'sys.stdin.buffer.read(4)\nsay(b\'{"id": 1, "objects": [{"body": 1}]}\')\ntime.sleep(60)',
        "protocol",
        "no object",
    ),
}


@pytest.mark.parametrize("fault", FAULTY)
async def test_program_that_is_no_worker(fault: str, tmp_path: Path, tree: Path) -> None:
    body, code, words = FAULTY[fault]
    folder = tmp_path / "bin"
    folder.mkdir()
    settings = RenderSettings(executable=program(folder, body), workers=1, start_deadline=1.0)
    async with WorkerRenderer(settings) as renderer:
        error = await fails(renderer, tree, "fine", RenderContext(deadline=2.0, tree=FolderIds(tree)))
        assert (error.problem.code, words in error.problem.message) == (code, True), error.problem
        assert renderer.lookup(DirectoryRecipe(path="fine"), RenderContext(tree=FolderIds(tree))) is None


async def test_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await WorkerRenderer(RenderSettings(executable=tmp_path / "none")).start()


async def test_folder_that_is_gone(renderer: WorkerRenderer, tree: Path) -> None:
    error = await fails(renderer, tree / "gone", ".")
    assert error.problem.code == "unavailable" and error.problem.next_step == "retry"
    await still_serves(renderer, tree)


async def test_garbage_on_the_workers_input_ends_it_with_words() -> None:
    process = await asyncio.create_subprocess_exec(
        str(binary("worker")),
        "--role",
        "render",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate(b"GET / HTTP/1.1\r\n\r\n")
    assert process.returncode == 3 and b"not our protocol" in said
