"""`trueup git-server`: repositories of this machine over HTTP, for trying things out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trueup.cli.options import EPILOG

app = typer.Typer()


@app.command("git-server", epilog=EPILOG)
def git_server(
    folder: Annotated[Path, typer.Argument(help="Folder with the repositories; made if absent.")],
    listen: Annotated[
        str, typer.Option(envvar="TRUEUP_GIT_SERVER_LISTEN", help="Address to listen on; port 0 picks a free one.")
    ] = "127.0.0.1:8418",
    example: Annotated[bool, typer.Option("--example", help="Also make a repository `shop` to begin with.")] = False,
) -> None:
    """Serve the Git repositories below a folder until Ctrl-C.

    Whoever reaches it may fetch and push: it asks for no password.

    Example: trueup git-server ~/trueup-tour --example
    """
    from trueup.cli.gitserver import serve

    serve(folder, listen, example=example)
