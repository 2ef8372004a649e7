"""Clusters by name: the kept ones, and those that are gone when they are stopped.

A kept cluster lives in the folder of its name. One that is not kept lives in a temporary folder, and a link says which:
so it can be found by its name, and never touches the data of the kept one.
"""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Callable, Iterator
from pathlib import Path

from trueup.devtools.localcluster.errors import ClusterError
from trueup.devtools.localcluster.layout import Layout, data_folder
from trueup.devtools.localcluster.process.ephemeral import ephemeral_folder
from trueup.devtools.localcluster.process.supervising import running


class BadName(ClusterError):
    """A word that cannot name a cluster."""


def layout_of(name: str) -> Layout:
    """Give where the cluster of a name is: one that is not kept while it runs, else the kept one. Raises `BadName`."""
    kept = kept_layout(name)
    link = _link(name)
    with contextlib.suppress(OSError):
        passing = Layout(link.readlink())
        if running(passing) is not None:
            return passing
    return kept


def kept_layout(name: str) -> Layout:
    """Give where the kept cluster of a name is. Raises `BadName`."""
    if not name or "/" in name or name.startswith("."):
        raise BadName(f"{name!r} cannot name a cluster: use letters, digits and dashes")
    return Layout(data_folder() / name)


def is_passing(name: str, layout: Layout) -> bool:
    """Say whether this is a cluster that is not kept."""
    return layout.root != kept_layout(name).root


def passing_layout(name: str) -> Layout:
    """Make a place for a cluster that is not kept, to be found by this name. Raises `BadName`."""
    kept_layout(name)
    layout = Layout(ephemeral_folder())
    link = _link(name)
    link.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = link.with_name(f"{layout.root.name}.new")
    fresh.symlink_to(layout.root)
    fresh.replace(link)
    return layout


@contextlib.contextmanager
def starting(name: str, waiting: Callable[[], None]) -> Iterator[None]:
    """Keep others from starting a cluster of this name meanwhile; `waiting` is called where somebody already does."""
    path = _link(name).with_name(f"{name}.lock")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _link(name: str) -> Path:
    # No cluster can have a name that begins with a dot.
    return data_folder() / ".ephemeral" / name
