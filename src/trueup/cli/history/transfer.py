"""`trueup history export` and `import`: the whole history as a file, and from one database into another."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import typer

from trueup.cli.errors import BAD_USE, Problem
from trueup.core.redaction import hide_user
from trueup.history import (
    HistoryUnavailable,
    NotTaken,
    default_url,
    export_history,
    import_history,
    open_database,
    read_url,
)
from trueup.runtime.settings import default_data

STANDARD = "-"
TOLD = 10
"""Findings that are told; `verify` tells all."""


def export_to(file: str, url: str, seal: str) -> int:
    """Write all of it; gives the exit code. Raises `Problem`, and leaves no half of a file."""
    where = url or default_url(default_data() / "history")
    try:
        engine = open_database(read_url(where), read_only=True)
    except HistoryUnavailable as error:
        raise Problem(str(error), "name it with --history-url or TRUEUP_HISTORY") from error
    try:
        with _target(file) as out:
            verdict = export_history(engine, lambda line: out.write(line + b"\n"), seal)
    except HistoryUnavailable as error:
        raise Problem(str(error), "name it with --history-url or TRUEUP_HISTORY") from error
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Problem(f"the history cannot be written to {file}: {error.strerror or error}") from error
    finally:
        engine.dispose()
    typer.echo(f"{verdict.entries} entries of {verdict.writers} writers, from {hide_user(where)}", err=True)
    for item in verdict.findings[:TOLD]:
        typer.echo(f"warning: {item.what} {item.id}: {item.message}", err=True)
    if verdict.findings:
        typer.echo("hint: `trueup history verify` tells all that is not as it was written", err=True)
        return 1
    typer.echo(f"all as it was written; last seal: {verdict.seal or 'none yet'}", err=True)
    return 0


def import_from(file: str, url: str) -> None:
    """Bring an export into an empty database. Raises `Problem`; nothing was changed then."""
    if not url:
        hint = "for example --history-url postgresql://trueup@db.example.com/trueup"
        raise Problem("name the database to bring it into, with --history-url or TRUEUP_HISTORY", hint, BAD_USE)
    try:
        engine = open_database(read_url(url))
    except HistoryUnavailable as error:
        raise Problem(str(error), kind=BAD_USE) from error
    try:
        with _source(file) as lines:
            verdict = import_history(engine, lines)
    except NotTaken as error:
        raise Problem(f"{file} was not brought in: {error}", "nothing was changed") from error
    except HistoryUnavailable as error:
        raise Problem(str(error), "nothing was changed") from error
    finally:
        engine.dispose()
    typer.echo(f"{verdict.entries} entries of {verdict.writers} writers are in {hide_user(url)}, all as written")


@contextmanager
def _target(file: str) -> Iterator[BinaryIO]:
    if file == STANDARD:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    beside = Path(f"{file}.part")
    try:
        with beside.open("xb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        beside.replace(file)
    except FileExistsError as error:
        raise Problem(f"{beside} is there already", "another export writes it, or was cut: remove it") from error
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


@contextmanager
def _source(file: str) -> Iterator[Iterator[bytes]]:
    if file == STANDARD:
        yield iter(sys.stdin.buffer)
        return
    try:
        with Path(file).open("rb") as lines:
            yield iter(lines)
    except OSError as error:
        raise Problem(f"{file} cannot be read: {error.strerror or error}", kind=BAD_USE) from error
