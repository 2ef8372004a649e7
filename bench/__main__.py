"""`python -m bench [--units N ...] [--quiet SECONDS]`: prints each figure, and ratios to the limit of this machine.

`python -m bench history` measures the history instead, `python -m bench --recording 2` what recording adds to a sync.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from bench import history, scenario
from bench.measuring import Bench, Result
from bench.process import Driven
from trueup.devtools.gitserver import GitServer, Repository
from trueup.devtools.localcluster import Cluster
from trueup.kube.client import KubeClient
from trueup.kube.config.connect import default_connection
from trueup.kube.discovery import Mapper

RESULTS = Path(__file__).parent / "results"


@asynccontextmanager
async def standing(units: int, **environment: str) -> AsyncIterator[tuple[Bench, Driven]]:
    """Give a cluster of its own, a repository of so many units, and a controller that is not started yet."""
    with tempfile.TemporaryDirectory(prefix="trueup-bench-") as name:
        folder = Path(name)
        repository = Repository.create(folder / "git" / "bench")
        repository.commit(scenario.files(units), "Deliver everything")
        async with (
            Cluster.start(ephemeral=True, nodes=1) as cluster,
            GitServer(folder / "git") as server,
            KubeClient(default_connection(str(cluster.kubeconfig))) as client,
        ):
            mapper = Mapper(client)
            await mapper.refresh()
            environment["TRUEUP_GIT_INSTEAD_OF"] = f"https://git.example.com/={server.url}/"
            work = folder / "controller"
            work.mkdir()
            controller = Driven(cluster.kubeconfig, work, environment)
            try:
                yield Bench(client, mapper, repository), controller
            finally:
                await controller.stop()


async def measured(units: int, quiet: float) -> Result:
    """Measure everything for so many units."""
    result = Result(units)
    async with standing(units) as (bench, controller):
        await bench.raw(result)
        await controller.start()
        await bench.mapper.refresh()
        await bench.cold(controller, result)
        await bench.commit(controller, result)
        await bench.held(result)
        await bench.heal(result)
        await bench.quiet(controller, result, quiet)
        await bench.restart(controller, result)
    return result


async def recorded(units: int, rounds: int) -> None:
    """Say what recording adds to a sync: all units cold, with and without a history, in turns."""
    found: dict[str, list[tuple[float, float]]] = {"": [], "none": []}
    for _ in range(rounds):
        for url, figures in found.items():
            result = Result(units)
            async with standing(units, BENCH_HISTORY=url) as (bench, controller):
                await controller.start()
                await bench.mapper.refresh()
                await bench.cold(controller, result)
                # What is written behind the syncs counts too.
                await asyncio.sleep(3)
                figures.append((result.cold_seconds, (await controller.usage()).cpu))
    (seconds, cpu), (bare_seconds, bare_cpu) = (tuple(map(min, zip(*each, strict=True))) for each in found.values())
    print(f"{units} units cold, the best of {rounds}, with a history and without")
    print(f"  time {seconds:8.2f} s  {bare_seconds:8.2f} s  ratio {seconds / bare_seconds:.3f}")
    print(f"  CPU  {cpu:8.2f} s  {bare_cpu:8.2f} s  ratio {cpu / bare_cpu:.3f}", flush=True)


def shown(result: Result) -> str:
    """Say the figures to people."""
    objects = result.units * scenario.KINDS
    against = result.cold_seconds / result.raw_seconds
    each = 1000 * result.cold_cpu_seconds / objects
    rows = (
        (
            "limit: raw server-side applies",
            f"{result.raw_applies_per_second:.0f}/s",
            f"all in {result.raw_seconds:.2f} s",
        ),
        ("cold until all are Ready", f"{result.cold_seconds:.2f} s", f"{against:.1f} × the limit"),
        ("  CPU of controller and workers", f"{result.cold_cpu_seconds:.2f} s", f"{each:.1f} ms per object"),
        ("  requests", f"{result.cold_requests}", f"{result.cold_requests / result.units:.1f} per unit"),
        ("  renders", f"{result.cold_renders}", ""),
        ("  memory", f"{result.memory:.0f} MiB", f"{result.peak_memory:.0f} MiB at the highest"),
        ("a commit that touches one unit", f"{result.commit_seconds:.2f} s", f"{result.commit_renders} renders"),
        ("  until all units show it", f"{result.commit_all_shown_seconds:.2f} s", ""),
        ("  with one unit held back", f"{result.held_commit_seconds:.2f} s", ""),
        ("  until all others show it", f"{result.held_commit_all_shown_seconds:.2f} s", ""),
        ("a change by hand until healed", f"{result.healed_seconds:.3f} s", ""),
        ("requests in quiet", f"{result.quiet_requests}", f"in {result.quiet_seconds:.0f} s"),
        ("  CPU", f"{result.quiet_cpu_seconds:.2f} s", ""),
        ("restart with all settled", f"{result.restart_seconds:.2f} s", f"{result.restart_renders} renders"),
        ("  writes", f"{result.restart_writes}", ""),
    )
    lines = [f"N = {result.units} Kustomizations of {scenario.KINDS} objects"]
    lines += [f"  {name:<34} {value:>12}   {note}" for name, value, note in rows]
    return "\n".join(lines)


def main() -> None:
    """Measure, print, and keep the figures."""
    if sys.argv[1:2] == ["history"]:
        history.main(sys.argv[2:])
        return
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--units", type=int, nargs="+", default=[200, 1000])
    parser.add_argument("--quiet", type=float, default=60.0, help="seconds of quiet that are counted")
    parser.add_argument("--recording", type=int, default=0, metavar="ROUNDS", help="only what recording syncs adds")
    arguments = parser.parse_args()
    for units in arguments.units:
        if arguments.recording:
            asyncio.run(recorded(units, arguments.recording))
            continue
        result = asyncio.run(measured(units, arguments.quiet))
        print(shown(result), flush=True)
        RESULTS.mkdir(exist_ok=True)
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        (RESULTS / f"{stamp}-{units}.json").write_bytes(msgspec.json.format(msgspec.json.encode(result)))


if __name__ == "__main__":
    main()
