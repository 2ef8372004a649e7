"""`trueup demo`: sets the stage, tells the story, and stays up where somebody is there to try things."""

from __future__ import annotations

import asyncio
import shlex
import shutil
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from rich.console import Console

from trueup.devtools.demo import manifests
from trueup.devtools.demo.progress import Notification
from trueup.devtools.demo.stage import Stage, staged
from trueup.devtools.demo.story import Story
from trueup.devtools.demo.watching import Watcher
from trueup.devtools.localcluster import Cluster, ClusterError


def demo(*, stay: bool | None = None, keep: bool = False, picture: Path | None = None) -> int:
    """Tell the story; gives the exit code: 0 if every step held.

    `stay`: keep everything running afterwards until Ctrl-C (by default where there is a terminal). `keep`: leave the
    folder with logs and repositories behind. `picture`: also draw what was printed into this SVG file.
    """
    console = Console(record=picture is not None, width=120 if picture else None)
    interactive = sys.stdin.isatty() and sys.stdout.isatty()
    folder = Path(tempfile.mkdtemp(prefix="trueup-demo-"))
    kept = keep
    try:
        held = asyncio.run(_told(console, folder, interactive if stay is None else stay))
        kept = kept or not held
        if picture is not None:
            console.save_svg(str(picture), title="make demo")
        return 0 if held else 1
    except (ClusterError, RuntimeError) as error:
        kept = True
        console.print(f"[red]error:[/red] {error}", highlight=False)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        if kept:
            console.print(f"Logs and repositories are in {folder}", highlight=False)
        else:
            shutil.rmtree(folder, ignore_errors=True)


async def _told(console: Console, folder: Path, stay: bool) -> bool:
    telling = Notification(console)
    async with AsyncExitStack() as stack:
        async with telling.step("a real control plane: kube-apiserver, controller-manager, scheduler, etcd"):
            cluster = await stack.enter_async_context(Cluster.start(folder / "cluster"))
        stage = await stack.enter_async_context(staged(folder, cluster))
        async with telling.step("a Git server with two repositories, and a controller"):
            await stage.start_controller()
        await Story(stage, telling, Watcher(stage.client, stage.mapper)).tell()
        held = telling.summary()
        if stay:
            _invite(console, stage)
            await asyncio.Event().wait()
        return held


def _invite(console: Console, stage: Stage) -> None:
    """Say what to try."""
    config = shlex.quote(str(stage.cluster.kubeconfig))
    clone = shlex.quote(f"http://{manifests.USER}:{manifests.PASSWORD}@{stage.server.url.split('://')[1]}/example/shop")
    lines = (
        "",
        "Everything is still running. Try, in another terminal:",
        "",
        f"  export KUBECONFIG={config} TRUEUP_HISTORY=sqlite:///{stage.folder / 'history.db'}",
        "  .venv/bin/trueup get",
        "  .venv/bin/trueup tree kustomization/shop-dev",
        "  .venv/bin/trueup history app/shop-production; .venv/bin/trueup history --object Deployment/production/shop",
        "  .venv/bin/trueup why kustomization/shop-dev",
        "  .venv/bin/trueup blame deployment/production/shop --field spec",
        "  .venv/bin/trueup cluster kubectl -- get applications,kustomizations,gitrepositories -A",
        "  .venv/bin/trueup cluster kubectl -- -n production scale deployment shop --replicas=9",
        f"  git clone {clone}        # change something, commit, push",
        "",
        "Ctrl-C ends it and removes all of it.",
    )
    console.print("\n".join(lines), highlight=False, markup=False)
