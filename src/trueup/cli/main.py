"""The entry point of the `trueup` command: its subcommands, their options, and one line for every error.

What a subcommand does stands in a module of its own, which is imported when it is used: so that `--help` is quick.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from trueup.cli.history import app as history_app
from trueup.cli.problems import BAD_USE, FAILED, Problem
from trueup.cli.showing import Form
from trueup.localcluster.command import app as cluster_app
from trueup.localcluster.errors import ClusterError

EPILOG = "Exit codes: 0 done, 1 failed (for diff: there are differences), 2 bad use, 3 took too long."

app = typer.Typer(
    name="trueup",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Brings Kubernetes clusters true to Git, by the manifests of Argo CD and Flux.",
    epilog=EPILOG,
)

Kubeconfig = Annotated[
    str, typer.Option("--kubeconfig", help="Kubeconfig file; by default $KUBECONFIG, ~/.kube/config or in-cluster.")
]
ContextName = Annotated[str, typer.Option("--context", help="Context of the kubeconfig.")]
Namespace = Annotated[str, typer.Option("--namespace", "-n", help="Namespace; by default all.")]
Output = Annotated[Form, typer.Option("--output", "-o", help="How to answer.")]
UnitName = Annotated[str, typer.Argument(metavar="UNIT", help="name, kind/name or kind/namespace/name (app/…, ks/…).")]


@app.command(epilog=EPILOG)
def run(
    kubeconfig: Kubeconfig = "",
    context: ContextName = "",
    data: Annotated[Path | None, typer.Option(help="Folder for mirrors and artifacts.")] = None,
    namespace: Annotated[str, typer.Option(help="Namespace of the lease; made if absent.")] = "trueup-system",
    home: Annotated[str, typer.Option(help="Argo CD's namespace, in which Applications are read.")] = "argocd",
    listen: Annotated[str, typer.Option(help="Address of artifacts, health and webhooks; port 0 takes a free one.")] = (
        "127.0.0.1:0"
    ),
    webhooks_listen: Annotated[str, typer.Option(help="Another address for webhooks; --listen takes none then.")] = "",
    advertise: Annotated[str, typer.Option(help="URL under which others reach that address.")] = "",
    poll: Annotated[float, typer.Option(help="Seconds between polls of Applications' repositories.")] = 120.0,
    jitter: Annotated[float, typer.Option(help="Seconds that polls are spread over.")] = 60.0,
    rollback: Annotated[str, typer.Option(help="Default policy: auto, propose or report.")] = "auto",
    taken_over: Annotated[
        str, typer.Option(help="Policy of units that another controller had delivered and that name none.")
    ] = "report",
    cross_namespace: Annotated[bool, typer.Option(help="Whether objects may refer to other namespaces.")] = True,
    default_service_account: Annotated[str, typer.Option(help="Whom units act as that name nobody.")] = "",
    workers: Annotated[int, typer.Option(help="Render processes.")] = 2,
    history: Annotated[
        str,
        typer.Option(
            envvar="TRUEUP_HISTORY", help="URL of the history's database; none: no history. [default: SQLite]"
        ),
    ] = "",
    history_keep_days: Annotated[int, typer.Option(min=0, help="Days that are remembered; 0: all.")] = 400,
    history_keep_records: Annotated[int, typer.Option(min=0, help="Deployments remembered; 0: all.")] = 1_000_000,
    log_format: Annotated[str, typer.Option(help="text or json.")] = "text",
) -> None:
    """Run the controller until it is told to stop.

    Example: trueup run --kubeconfig ~/.kube/config --rollback report
    """
    from trueup.cli.run import run as start

    given = {
        "kubeconfig": kubeconfig,
        "context": context,
        "namespace": namespace,
        "home": home,
        "listen": listen,
        "webhooks_listen": webhooks_listen,
        "advertise": advertise,
        "poll": poll,
        "jitter": jitter,
        "cross_namespace": cross_namespace,
        "default_service_account": default_service_account,
        "workers": workers,
        "history": history,
    }
    kept = {"days": history_keep_days, "records": history_keep_records}
    start(given, data, {"rollback": rollback, "taken_over": taken_over}, kept, log_format)


@app.command(epilog=EPILOG)
def get(
    what: Annotated[str, typer.Argument(metavar="[units|sources|UNIT]", help="What to show.")] = "units",
    namespace: Namespace = "",
    output: Output = Form.TABLE,
    kubeconfig: Kubeconfig = "",
    context: ContextName = "",
) -> None:
    """Show units, sources or one unit, of both dialects.

    Example: trueup get sources -o json
    """
    from trueup.cli.get import get as work

    asyncio.run(work(kubeconfig, context, what, namespace, output))


@app.command(epilog=EPILOG)
def tree(
    unit: UnitName,
    namespace: Namespace = "",
    output: Output = Form.TABLE,
    kubeconfig: Kubeconfig = "",
    context: ContextName = "",
) -> None:
    """Show what a unit delivers, what that has made in turn, and how all of it fares.

    Example: trueup tree app/guestbook
    """
    from trueup.cli.tree import tree as work

    asyncio.run(work(kubeconfig, context, unit, namespace, output))


@app.command(epilog=EPILOG)
def diff(
    unit: UnitName,
    other: Annotated[str, typer.Argument(metavar="[UNIT]", help="Another unit: compare the two.")] = "",
    revision: Annotated[str, typer.Option(help="Another revision of its source.")] = "",
    local: Annotated[Path | None, typer.Option(help="A local folder in place of its repository.")] = None,
    before: Annotated[str, typer.Option("--from", help="A revision, or a number of its history.")] = "",
    after: Annotated[str, typer.Option("--to", help="Another one, or `live` (the default).")] = "",
    namespace: Namespace = "",
    kubeconfig: Kubeconfig = "",
    context: ContextName = "",
) -> None:
    """Show what a sync would change now, or in what two revisions or two units differ. Exits 1 where they do.

    Secrets' values stay hidden.

    Example: trueup diff ks/shop-staging ks/shop-production
    """
    from trueup.cli.diff import Asked
    from trueup.cli.diff import diff as work

    asked = Asked(unit, other, revision, local, before, after)
    raise typer.Exit(asyncio.run(_told(work(kubeconfig, context, asked, namespace))))


@app.command(epilog=EPILOG)
def blame(
    what: Annotated[str, typer.Argument(metavar="KIND/NAME", help="An object, as kubectl names kinds.")],
    field: Annotated[str, typer.Option(help="This field and those below it, such as spec.replicas.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="Also fields that nobody has set.")] = False,
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="The object's namespace.")] = "",
    output: Output = Form.TABLE,
    kubeconfig: Kubeconfig = "",
    context: ContextName = "",
) -> None:
    """Say of each field of a live object which commit gave it, by whom and where; or which other manager did.

    Example: trueup blame deployment/web -n shop --field spec.replicas
    """
    from trueup.cli.blame import blame as work

    asyncio.run(work(kubeconfig, context, what, namespace, field, everything, output))


@app.command(epilog=EPILOG)
def why(
    unit: UnitName,
    namespace: Namespace = "",
    output: Output = Form.TABLE,
    kubeconfig: Kubeconfig = "",
    context: ContextName = "",
) -> None:
    """Say in words why a unit is as it is: what waits for what, what failed, since when, and what to do.

    Example: trueup why app/guestbook
    """
    from trueup.cli.why import why as work

    asyncio.run(work(kubeconfig, context, unit, namespace, output))


@app.command(epilog=EPILOG)
def sync(
    unit: UnitName,
    revision: Annotated[str, typer.Option(help="Another revision (Applications).")] = "",
    prune: Annotated[bool, typer.Option(help="Also remove what Git no longer has (Applications).")] = False,
    dry_run: Annotated[bool, typer.Option(help="Try out, and change nothing (Applications).")] = False,
    wait: Annotated[bool, typer.Option(help="Wait for the outcome.")] = True,
    timeout: Annotated[float, typer.Option(help="Seconds to wait.")] = 300.0,
    namespace: Namespace = "",
    kubeconfig: Kubeconfig = "",
    context: ContextName = "",
) -> None:
    """Ask the controller for a sync, and wait for its outcome.

    Example: trueup sync app/guestbook --prune
    """
    from trueup.cli.sync import sync as work

    options = {"revision": revision, "prune": prune, "dry_run": dry_run, "wait": wait, "timeout": timeout}
    asyncio.run(work(kubeconfig, context, unit, namespace, **options))  # type: ignore[arg-type]


@app.command(epilog=EPILOG)
def rollback(
    unit: UnitName,
    to: Annotated[
        str, typer.Option(help="Deployment: its id, its record's id or its commit; by default the last.")
    ] = "",
    reason: Annotated[str, typer.Option(help="Why, for those who find it pinned.")] = "",
    wait: Annotated[bool, typer.Option(help="Wait for the outcome.")] = True,
    timeout: Annotated[float, typer.Option(help="Seconds to wait.")] = 300.0,
    namespace: Namespace = "",
    kubeconfig: Kubeconfig = "",
    context: ContextName = "",
) -> None:
    """Pin a unit to an earlier good deployment: it heals drift and does not follow Git until it is released.

    Example: trueup rollback app/shop --to 12 --reason "checkout fails, see ticket 341"
    """
    from trueup.cli.pin import rollback as work

    options = {"to": to, "reason": reason, "wait": wait, "timeout": timeout}
    asyncio.run(work(kubeconfig, context, unit, namespace, **options))  # type: ignore[arg-type]


@app.command(epilog=EPILOG)
def unpin(
    unit: UnitName,
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    wait: Annotated[bool, typer.Option(help="Wait until it is released.")] = True,
    timeout: Annotated[float, typer.Option(help="Seconds to wait.")] = 60.0,
    namespace: Namespace = "",
    kubeconfig: Kubeconfig = "",
    context: ContextName = "",
) -> None:
    """Release a pinned unit, so that it follows Git again.

    Example: trueup unpin app/shop
    """
    from trueup.cli.pin import unpin as work

    asyncio.run(work(kubeconfig, context, unit, namespace, reason=reason, wait=wait, timeout=timeout))


@app.command(epilog=EPILOG)
def crds(output: Output = Form.YAML) -> None:
    """Print the definitions of all kinds, for clusters that have neither Argo CD's nor Flux' own.

    Example: trueup crds | kubectl apply -f -
    """
    import json

    import yaml

    from trueup.dialects.crds import crds as definitions

    if output is Form.JSON:
        typer.echo(json.dumps(definitions(), indent=2))
    else:
        typer.echo(yaml.safe_dump_all(definitions(), sort_keys=False), nl=False)


@app.command(epilog=EPILOG)
def demo(
    stay: Annotated[bool | None, typer.Option(help="Stay up afterwards; by default with a terminal.")] = None,
    keep: Annotated[bool, typer.Option(help="Keep logs and repositories.")] = False,
    picture: Annotated[Path | None, typer.Option(help="Also draw what is printed into this SVG file.")] = None,
) -> None:
    """Start a real control plane and a Git server, and watch Git drive them.

    Example: trueup demo --no-stay
    """
    from trueup.demo.command import demo as tell

    raise typer.Exit(tell(stay=stay, keep=keep, picture=picture))


async def _told(work: Coroutine[Any, Any, int]) -> int:
    """Translate what inspection raises."""
    from trueup.core.artifact import SourceError
    from trueup.core.recipe import RenderError
    from trueup.inspection import CannotInspect

    try:
        return await work
    except (CannotInspect, SourceError, RenderError) as error:
        raise Problem(str(error), code=BAD_USE) from error
    except Problem as problem:
        # 1 would say that there are differences.
        raise Problem(problem.message, problem.hint, BAD_USE) from problem


def main() -> None:
    """Run the command; an error is one line, and a hint where there is one."""
    try:
        app()
    except Problem as problem:
        typer.echo(f"error: {problem.message}", err=True)
        if problem.hint:
            typer.echo(f"hint: {problem.hint}", err=True)
        sys.exit(problem.code)
    except KeyboardInterrupt:
        sys.exit(130)
    except ClusterError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(FAILED)
    except OSError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(FAILED)


app.add_typer(cluster_app, name="cluster")
app.add_typer(history_app, name="history")

if __name__ == "__main__":
    main()
