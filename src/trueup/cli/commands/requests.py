"""Commands that ask the controller for something."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from trueup.cli.options import EPILOG, ContextName, Kubeconfig, Namespace, UnitName

app = typer.Typer()


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
