"""`trueup version`: what this program is, for bug reports and for programs."""

from __future__ import annotations

import platform

import typer

from trueup import __version__
from trueup.cli.options import Form
from trueup.cli.tables import show_data


def version(form: Form) -> None:
    """Print the version and what it runs on."""
    told = {"version": __version__, "python": platform.python_version(), "platform": platform.platform(terse=True)}
    if form.for_people:
        typer.echo(f"trueup {__version__} (Python {told['python']}, {told['platform']})")
    else:
        show_data(form, told)
