"""Starting, stopping and breaking a local cluster.

The methods are synchronous and safe to call from a thread; the coroutines beside them do that for an event loop.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import msgspec

from trueup.localcluster import commands
from trueup.localcluster.certificates import Authority, write_private
from trueup.localcluster.layout import Layout
from trueup.localcluster.options import Options
from trueup.localcluster.part import Part
from trueup.localcluster.ports import HOST, Ports, choose_ports
from trueup.localcluster.requests import Api
from trueup.localcluster.stages.storage import storage_class
from trueup.toolchain import binary

READY_TIMEOUT = 60.0
LOOK_PAUSE = 0.03


class ClusterFailed(Exception):
    """The cluster could not be started: which part, and its last words."""


class State(msgspec.Struct, frozen=True):
    """What is kept of a cluster between its runs: the ports, so that its address stays the same."""

    ports: Ports = Ports()
    pid: int = 0


class Cluster:
    """One cluster in one folder. Its processes end with this one, however this one ends.

    Use it as a context manager (also an asynchronous one), or call `start` and `stop`.
    """

    def __init__(self, options: Options, say: Callable[[str], None] = lambda text: None) -> None:
        """Take the choices; `say` is told what is going on."""
        self.options = options
        self.layout = Layout(options.folder)
        self.ports = Ports()
        self._say = say
        self._lock: int | None = None
        self._parts: dict[str, Part] = {}
        self._keys: commands.Credentials | None = None
        self._ephemeral: Path | None = None

    @classmethod
    def ephemeral(cls, *, audit: bool = False, nodes: int = 1) -> Cluster:
        """Give a cluster in a temporary folder that is removed when it stops."""
        folder = Path(tempfile.mkdtemp(prefix="trueup-cluster-"))
        cluster = cls(Options(folder=folder, durable=False, audit=audit, nodes=nodes))
        cluster._ephemeral = folder
        return cluster

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.layout.kubeconfig

    @property
    def url(self) -> str:
        """The API server's address."""
        return f"https://{HOST}:{self.ports.api}"

    @property
    def pids(self) -> dict[str, int | None]:
        """The process of each part, `None` for one that does not run."""
        return {name: part.pid for name, part in self._parts.items()}

    # ------------------------------------------------------------------------------------------ up and down

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Stop it."""
        self.stop()

    async def __aenter__(self) -> Self:
        """Start it in a thread."""
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Stop it in a thread."""
        await asyncio.to_thread(self.stop)

    def start(self) -> None:
        """Start all parts and wait until pods can run. Raises `ClusterFailed`."""
        self.layout.make()
        self._take_lock()
        previous = self._read_state()
        self.ports = choose_ports(previous.ports)
        self._keys = keys = commands.issue_credentials(self.layout)
        text = commands.kubeconfig(self.url, keys.ca.certificate, keys.admin, "admin")
        write_private(self.layout.kubeconfig, text.encode())
        self._make_parts()
        self._write_state()
        try:
            self._start_parts()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End all parts; the data stays, unless the cluster is an ephemeral one."""
        for name in ("kwok", "scheduler", "controller-manager", "apiserver", "etcd"):
            if name in self._parts:
                self._parts[name].stop(grace=0 if self._ephemeral else 5)
        self._parts.clear()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        if self._ephemeral is not None:
            shutil.rmtree(self._ephemeral, ignore_errors=True)

    def _take_lock(self) -> None:
        handle = os.open(self.layout.lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            raise ClusterFailed(f"the cluster in {self.layout.root} is already running") from None
        self._lock = handle

    def _read_state(self) -> State:
        try:
            return msgspec.json.decode(self.layout.state.read_bytes(), type=State)
        except (OSError, msgspec.MsgspecError):
            return State()

    def _write_state(self) -> None:
        write_private(self.layout.state, msgspec.json.encode(State(self.ports, os.getpid())))

    def _make_parts(self) -> None:
        assert self._keys is not None
        program, kwok = binary("localcluster"), binary("kwok")
        layout, options, ports, keys = self.layout, self.options, self.ports, self._keys
        lines = {
            "etcd": commands.etcd_command(program, layout, options, ports, keys),
            "apiserver": commands.apiserver_command(program, layout, options, ports, keys),
            "controller-manager": commands.controller_manager_command(program, layout, ports, keys),
            "scheduler": commands.scheduler_command(program, layout, ports, keys),
            "kwok": commands.kwok_command(kwok, layout, ports, keys),
        }
        self._parts = {name: Part(name, line, layout.logs / f"{name}.log") for name, line in lines.items()}

    def _start_parts(self) -> None:
        for name in ("etcd", "apiserver"):
            self._parts[name].start()
        api = self._api()
        self._wait("apiserver", api.ready)
        for name in ("controller-manager", "scheduler", "kwok"):
            self._parts[name].start()
        for number in range(self.options.nodes):
            api.ensure("/api/v1/nodes", _node(f"node-{number + 1}"))
        api.ensure("/apis/storage.k8s.io/v1/storageclasses", storage_class())
        # Pods are refused until the controllers have made the account that they run as.
        self._wait("controller-manager", lambda: api.ready("/api/v1/namespaces/default/serviceaccounts/default"))
        self._wait("kwok", lambda: self._node_ready(api))

    def _node_ready(self, api: Api) -> bool:
        try:
            status, raw = api.request("GET", "/api/v1/nodes/node-1")
        except OSError:
            return False
        return status == 200 and b'"KubeletReady"' in raw

    def _api(self) -> Api:
        assert self._keys is not None
        return Api(self.ports.api, self._keys.ca.certificate, self._keys.admin)

    def _wait(self, name: str, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + READY_TIMEOUT
        while not done():
            for part in self._parts.values():
                if part.exit_code is not None:
                    words = part.last_words()
                    raise ClusterFailed(f"{part.name} ended with {part.exit_code}; its log {part.log} ends:\n{words}")
            if time.monotonic() > deadline:
                part = self._parts[name]
                raise ClusterFailed(
                    f"{name} was not ready in {READY_TIMEOUT:.0f} s; its log {part.log} ends:\n{part.last_words()}"
                )
            time.sleep(LOOK_PAUSE)

    # --------------------------------------------------------------------------------- what may befall a cluster

    def stop_apiserver(self, *, kill: bool = False) -> None:
        """End the API server; everything else goes on."""
        self._parts["apiserver"].stop(grace=0 if kill else 5)

    def start_apiserver(self) -> None:
        """Start it again, and wait until it is ready."""
        self._parts["apiserver"].start()
        self._wait("apiserver", self._api().ready)

    def wipe(self) -> None:
        """Lose all data: an empty control plane comes up at the same address with the same authorities."""
        for part in reversed(list(self._parts.values())):
            part.stop(grace=0)
        shutil.rmtree(self.layout.etcd, ignore_errors=True)
        self._start_parts()

    def certificate_for(self, user: str, groups: tuple[str, ...] = ()) -> Path:
        """Give a kubeconfig for a user of these groups, whom RBAC allows nothing yet."""
        assert self._keys is not None
        pair = Authority(self.layout.pki, "ca").client(f"user-{user.replace(':', '-')}", user, groups)
        path = self.layout.root / f"kubeconfig-{user.replace(':', '-')}"
        write_private(path, commands.kubeconfig(self.url, self._keys.ca.certificate, pair, user).encode())
        return path


def _node(name: str) -> dict[str, object]:
    capacity = {"cpu": "64", "memory": "256Gi", "pods": "2000", "ephemeral-storage": "1Ti"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "type": "kwok",
            },
            "annotations": {"kwok.x-k8s.io/node": "fake"},
        },
        "status": {
            "capacity": capacity,
            "allocatable": capacity,
            "nodeInfo": {
                "architecture": "amd64",
                "bootID": "",
                "containerRuntimeVersion": "simulated",
                "kernelVersion": "simulated",
                "kubeProxyVersion": "simulated",
                "kubeletVersion": "v1.37.2",
                "machineID": "",
                "operatingSystem": "linux",
                "osImage": "simulated",
                "systemUUID": "",
            },
        },
    }
