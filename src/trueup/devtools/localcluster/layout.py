"""Where a local cluster keeps its files."""

import os
from pathlib import Path

import msgspec

DEFAULT_NAME = "default"
"""The name of the cluster that is meant where none is named."""


def data_folder() -> Path:
    """Return the folder of all kept local clusters (`$XDG_DATA_HOME/trueup/clusters`, else under `~/.local/share`)."""
    configured = os.environ.get("XDG_DATA_HOME", "")
    base = Path(configured) if configured.startswith("/") else Path.home() / ".local" / "share"
    return base / "trueup" / "clusters"


class Layout(msgspec.Struct, frozen=True):
    """The files of one cluster, all under `root`."""

    root: Path

    @property
    def lock(self) -> Path:
        """Held by the process that runs the cluster, for as long as it lives."""
        return self.root / "lock"

    @property
    def state(self) -> Path:
        """Who runs the cluster and at which ports."""
        return self.root / "state.json"

    @property
    def etcd(self) -> Path:
        """The data of etcd: all that the cluster knows."""
        return self.root / "etcd"

    @property
    def pki(self) -> Path:
        """Keys and certificates."""
        return self.root / "pki"

    @property
    def logs(self) -> Path:
        """A log for each part."""
        return self.root / "logs"

    @property
    def audit(self) -> Path:
        """The API server's audit log, one JSON document a line."""
        return self.logs / "audit.log"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.root / "kubeconfig"

    @property
    def config(self) -> Path:
        """The parts' own configuration files."""
        return self.root / "config"

    def make(self) -> None:
        """Make the folders; nobody but the user may look inside, as there are keys in them."""
        for folder in (self.root, self.pki, self.logs, self.config):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.root.chmod(0o700)
