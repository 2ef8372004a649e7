"""How a controller runs: its settings and their defaults."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from trueup.core.model.unit import ReturnPolicy
from trueup.history import Bounds
from trueup.telemetry.metrics import PER_OBJECT

LOGS = "logs"
"""The folder below the data folder in which the log of a controller outside a cluster is kept."""


def default_data() -> Path:
    """Give the folder for mirrors and artifacts: `$XDG_CACHE_HOME/trueup/data`, by default below `~/.cache`."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "trueup" / "data"


class Settings(msgspec.Struct, frozen=True):
    """How a controller runs. All of it has a default that works on a workstation.

    `namespace` is where the lease lies (made if absent), `home` Argo CD's namespace. `listen` is the address that
    artifacts and health are served at, `advertise` the URL under which others reach it (by default the address itself).
    Webhooks are taken and metrics given there too, unless `webhooks_listen` or `metrics_listen` gives them an address
    of their own; `metrics_per_object` is how many objects have series of their own.
    `poll` and `jitter` are in seconds, for sources without an interval of their own. `workers` is the number of
    render processes, `plugins` the folder with config management plugins, `in_flight` of requests to the API server
    at once. `rollback` is what happens when a change makes a unit sick that names no policy, `taken_over` the same
    for one that another controller had delivered. `history` is the URL of the history's database (empty: a SQLite
    file below `data`; `none`: no history), of which `kept` is kept.
    """

    kubeconfig: str = ""
    context: str = ""
    data: Path = msgspec.field(default_factory=default_data)
    namespace: str = "trueup-system"
    lease: str = "trueup-controller"
    home: str = "argocd"
    listen: str = "127.0.0.1:0"
    webhooks_listen: str = ""
    metrics_listen: str = ""
    metrics_per_object: int = PER_OBJECT
    advertise: str = ""
    poll: float = 120.0
    jitter: float = 60.0
    cross_namespace: bool = True
    default_service_account: str = ""
    sops_age_secret: str = ""
    rollback: ReturnPolicy = ReturnPolicy.AUTO
    taken_over: ReturnPolicy = ReturnPolicy.REPORT
    workers: int = 2
    plugins: Path | None = None
    in_flight: int = 24
    history: str = ""
    kept: Bounds = Bounds()
    install_definitions: bool = True
    lease_seconds: float = 15.0
