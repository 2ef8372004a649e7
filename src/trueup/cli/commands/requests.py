"""Commands that ask the controller for something."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from trueup.cli.completion.callbacks import complete_deployment
from trueup.cli.options import EPILOG, ContextName, Kubeconfig, Namespace, UnitName, UnitNames
from trueup.cli.where import Where

app = typer.Typer()


@app.command(epilog=EPILOG)
def sync(
    unit: UnitName,
    revision: Annotated[str, typer.Option(help="Another revision (Applications).")] = "",
    prune: Annotated[bool, typer.Option(help="Also remove what Git no longer has (Applications).")] = False,
    dry_run: Annotated[bool, typer.Option(help="Try out, and change nothing (Applications).")] = False,
    with_source: Annotated[bool, typer.Option("--with-source", help="Poll its source first.")] = False,
    wait: Annotated[bool, typer.Option(help="Wait for the outcome.")] = True,
    timeout: Annotated[float, typer.Option(help="Seconds to wait.")] = 300.0,
    namespace: Namespace = "",
    kubeconfig: Kubeconfig = "",
    context: ContextName = "",
) -> None:
    """Ask for a sync of a unit or a poll of a source.

    Example: trueup sync ks/shop --with-source
    """
    from trueup.cli.requests import sync as work
    from trueup.commands import SyncRequest

    request = SyncRequest(revision, prune, dry_run, with_source, wait, timeout)
    asyncio.run(work(Where(kubeconfig, context, namespace), unit, request))


@app.command(epilog=EPILOG)
def wait(
    units: UnitNames,
    revision: Annotated[str, typer.Option(help="Until they run this commit, or its beginning, or this tag.")] = "",
    timeout: Annotated[float, typer.Option(help="Seconds to wait, for all together.")] = 300.0,
    namespace: Namespace = "",
    kubeconfig: Kubeconfig = "",
    context: ContextName = "",
) -> None:
    """Wait until units or sources are ready.

    Ends with exit code 1 as soon as the revision is held back.

    Example: trueup wait app/shop ks/web --revision "$(git rev-parse HEAD)"
    """
    from trueup.cli.requests import wait as work
    from trueup.commands import WaitRequest

    asyncio.run(work(Where(kubeconfig, context, namespace), units, WaitRequest(revision, timeout)))


@app.command(epilog=EPILOG)
def suspend(
    units: UnitNames,
    namespace: Namespace = "",
    kubeconfig: Kubeconfig = "",
    context: ContextName = "",
) -> None:
    """Leave units or sources alone until they are resumed.

    What lives stays, and nothing is healed.

    Example: trueup suspend app/guestbook ks/shop
    """
    from trueup.cli.requests import suspend as work

    asyncio.run(work(Where(kubeconfig, context, namespace), units))


@app.command(epilog=EPILOG)
def resume(
    units: UnitNames,
    wait: Annotated[bool, typer.Option(help="Wait until each was reconciled.")] = True,
    timeout: Annotated[float, typer.Option(help="Seconds to wait, for all together.")] = 300.0,
    namespace: Namespace = "",
    kubeconfig: Kubeconfig = "",
    context: ContextName = "",
) -> None:
    """Let suspended units or sources go on.

    Example: trueup resume app/guestbook ks/shop
    """
    from trueup.cli.requests import resume as work
    from trueup.commands import ResumeRequest

    asyncio.run(work(Where(kubeconfig, context, namespace), units, ResumeRequest(wait, timeout)))


@app.command(epilog=EPILOG)
def rollback(
    unit: UnitName,
    to: Annotated[
        str,
        typer.Option(
            help="Deployment: its id, its record's id or its commit; by default the last.",
            autocompletion=complete_deployment,
        ),
    ] = "",
    reason: Annotated[str, typer.Option(help="Why, for those who find it pinned.")] = "",
    wait: Annotated[bool, typer.Option(help="Wait for the outcome.")] = True,
    timeout: Annotated[float, typer.Option(help="Seconds to wait.")] = 300.0,
    namespace: Namespace = "",
    kubeconfig: Kubeconfig = "",
    context: ContextName = "",
) -> None:
    """Pin a unit to an earlier good deployment.

    It heals drift, and does not follow Git until it is released.

    Example: trueup rollback app/shop --to 12 --reason "checkout fails, see ticket 341"
    """
    from trueup.cli.requests import rollback as work
    from trueup.commands import PinRequest

    asyncio.run(work(Where(kubeconfig, context, namespace), unit, PinRequest(to, reason, wait, timeout)))


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
    from trueup.cli.requests import unpin as work
    from trueup.commands import UnpinRequest

    asyncio.run(work(Where(kubeconfig, context, namespace), unit, UnpinRequest(reason, wait, timeout)))


@app.command(epilog=EPILOG)
def approve(
    unit: UnitName,
    namespace: Namespace = "",
    kubeconfig: Kubeconfig = "",
    context: ContextName = "",
) -> None:
    """Approve the removals that a unit asks about.

    It carries them out then.

    Example: trueup approve ks/shop
    """
    from trueup.cli.requests import approve as work

    asyncio.run(work(Where(kubeconfig, context, namespace), unit))
