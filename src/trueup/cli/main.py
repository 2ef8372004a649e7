"""The entry point of the `trueup` command."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path
from typing import Annotated

import structlog
import typer

app = typer.Typer(
    no_args_is_help=True,
    add_completion=True,
    help="Brings Kubernetes clusters true to Git and keeps them there.",
)


@app.command()
def run(
    kubeconfig: Annotated[str, typer.Option(help="Kubeconfig; by default $KUBECONFIG, or in-cluster.")] = "",
    context: Annotated[str, typer.Option(help="Context of the kubeconfig.")] = "",
    data: Annotated[Path | None, typer.Option(help="Folder for mirrors and artifacts.")] = None,
    log_format: Annotated[str, typer.Option(help="text or json.")] = "text",
) -> None:
    """Run the controller until it is told to stop."""
    from trueup.app import Controller, Settings

    _log_to_stderr(log_format)
    settings = Settings(kubeconfig=kubeconfig, context=context)
    if data is not None:
        settings = Settings(kubeconfig=kubeconfig, context=context, data=data)
    asyncio.run(_until_told(Controller(settings).run()))


async def _until_told(work: object) -> None:
    task = asyncio.ensure_future(work)  # type: ignore[call-overload]
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _log_to_stderr(form: str) -> None:
    import sys

    renderer = structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer(colors=False)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


@app.command()
def demo(
    stay: Annotated[bool | None, typer.Option(help="Stay up afterwards; by default with a terminal.")] = None,
    keep: Annotated[bool, typer.Option(help="Keep logs and repositories.")] = False,
    picture: Annotated[Path | None, typer.Option(help="Also draw what is printed into this SVG file.")] = None,
) -> None:
    """Start a real control plane and a Git server, and watch Git drive them."""
    from trueup.demo.command import demo as tell

    raise typer.Exit(tell(stay=stay, keep=keep, picture=picture))


def main() -> None:
    """Run the command."""
    app()


if __name__ == "__main__":
    main()
