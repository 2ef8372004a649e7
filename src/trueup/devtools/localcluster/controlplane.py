"""The parts of a control plane, started, stopped and asked together by the process that runs them.

All of it blocks: `Cluster` offers the same to an event loop.
"""

import base64
import contextlib
import fcntl
import http.client
import json
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

import msgspec

from trueup.devtools.localcluster.certificates import Authority, write_private
from trueup.devtools.localcluster.commands import (
    Credentials,
    apiserver_command,
    controller_manager_command,
    etcd_command,
    issue_credentials,
    kubeconfig,
    kwok_command,
    scheduler_command,
)
from trueup.devtools.localcluster.contents import furnish, furnished
from trueup.devtools.localcluster.errors import AlreadyRunning, ClusterError, StartFailed
from trueup.devtools.localcluster.layout import Layout
from trueup.devtools.localcluster.options import Options
from trueup.devtools.localcluster.process.part import Part
from trueup.devtools.localcluster.process.ports import HOST, Ports, choose_ports
from trueup.devtools.localcluster.process.processes import Process
from trueup.devtools.localcluster.session import Refused, Session
from trueup.devtools.toolchain import binary

READY_TIMEOUT_S = 300.0
"""How long the whole may take to come up: some 4 s on a quiet machine, far longer on one that compiles meanwhile."""

PARTS = ("etcd", "apiserver", "controller-manager", "scheduler", "kwok")
"""The parts, in the order in which they start: each needs those before it."""

_POLL_S = 0.05
_ABSENT = (OSError, http.client.HTTPException, Refused)


class State(msgspec.Struct, frozen=True):
    """What is kept in the state file: who runs the cluster, which process each part is, where, and whether it is ready.

    The parts are kept when it became ready, in the order in which they are started.
    """

    runner: Process = Process()
    ports: Ports = Ports()
    ready: bool = False
    parts: dict[str, Process] = {}


def read_state(layout: Layout) -> State:
    """Return the kept state; that of a new cluster where none is kept."""
    try:
        return msgspec.json.decode(layout.state.read_bytes(), type=State)
    except (FileNotFoundError, msgspec.DecodeError):
        return State()


class ControlPlane:
    """The control plane in one folder. One at a time may do something with it, in one process."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.layout = Layout(options.folder.absolute())
        self._lock: TextIO | None = None
        self._ports = Ports()
        self._keys: Credentials | None = None
        self._parts: dict[str, Part] = {}
        # Calls may come from the threads of an event loop's pool.
        self._turn = threading.RLock()

    @property
    def server(self) -> str:
        """The URL of the API server."""
        return f"https://{HOST}:{self._ports.api}"

    @property
    def pids(self) -> dict[str, int]:
        """The process id of each part that runs, by the part's name."""
        return {name: part.pid for name, part in self._parts.items() if part.pid is not None}

    def start(self) -> None:
        """Start all parts and wait until pods can run. Raises AlreadyRunning, StartFailed or what `binary` raises."""
        with self._turn:
            cluster, kwok = binary("localcluster"), binary("kwok")
            self.layout.make()
            self._take_lock()
            try:
                self._ports = choose_ports(read_state(self.layout).ports)
                # Before anything that takes long: others who want to start it see that somebody does.
                self._write_state()
                self._keys = issue_credentials(self.layout)
                self._parts = self._make_parts(cluster, kwok, self._keys)
                admin = kubeconfig(self.server, self._keys.ca.certificate, self._keys.admin, "admin")
                write_private(self.layout.kubeconfig, admin.encode())
                self._start_parts()
            except BaseException:
                self.stop(grace=0)
                raise

    def stop(self, grace: float = 5.0) -> None:
        """Stop all parts; the data stays. Parts that have not ended in `grace` seconds are killed."""
        with self._turn:
            # Those that write go first, and what they write to goes last.
            for name in reversed(PARTS):
                if name in self._parts:
                    # The API server waits for open watches of others when asked politely; it has nothing to save.
                    self._parts[name].stop(grace if name == "etcd" else 0)
            if self._lock is not None:
                write_private(self.layout.state, msgspec.json.encode(State(ports=self._ports)))
                self._lock.close()
                self._lock = None

    def stop_apiserver(self) -> None:
        """Stop the API server alone, as if it had crashed."""
        with self._turn:
            self._part("apiserver").stop(0)

    def start_apiserver(self) -> None:
        """Start the API server at its old address and wait until it is ready. Raises StartFailed."""
        with self._turn:
            self._part("apiserver").start()
            self._wait("apiserver", lambda: self._api().answers("/readyz"))
            self._write_state(ready=True)

    def wipe(self) -> None:
        """Forget all data: a new, empty cluster at the same address, with the same authorities. Raises StartFailed."""
        with self._turn:
            for part in self._parts.values():
                part.stop(0)
            shutil.rmtree(self.layout.etcd, ignore_errors=True)
            self._start_parts()

    def compact_etcd(self) -> int:
        """Have etcd forget all revisions but the newest, and return that one.

        The API server answers watches from its own memory: only those begun after it was restarted are told that
        their resourceVersion is too old. Raises ClusterError if etcd refuses.
        """
        with self._turn:
            try:
                status = json.loads(self._etcd().request("POST", "/v3/maintenance/status", {}))
                revision = int(status["header"]["revision"])
                self._etcd().request("POST", "/v3/kv/compaction", {"revision": revision, "physical": True})
            except _ABSENT as error:
                raise ClusterError(
                    f"etcd did not compact its data: {error}; see {self.layout.logs / 'etcd.log'}"
                ) from (error)
            return revision

    def kubeconfig_for(self, user: str, groups: Sequence[str] = ()) -> Path:
        """Write a kubeconfig with a client certificate of `user` in `groups`, who may do what RBAC grants them."""
        with self._turn:
            name = "user-" + base64.urlsafe_b64encode(json.dumps([user, *groups]).encode()).decode().rstrip("=")
            if len(name) > 200:
                raise ClusterError("The names of the user and the groups are too long together for a local cluster")
            pair = Authority(self.layout.pki, "ca").client(name, user, groups)
            path = self.layout.config / f"{re.sub(r'[^A-Za-z0-9]+', '-', user).strip('-')}-{name[-16:]}.kubeconfig"
            text = kubeconfig(self.server, self._credentials().ca.certificate, pair, user)
            write_private(path, text.encode())
            return path

    def failed(self) -> str | None:
        """Return what to tell of a part that has ended by itself, or None if all that was started runs."""
        for part in self._parts.values():
            if part.exit_code is not None:
                return f"{part.name} ended with exit code {part.exit_code}; the end of {part.log}:\n{part.last_words()}"
        return None

    def _make_parts(self, cluster: Path, kwok: Path, keys: Credentials) -> dict[str, Part]:
        layout, options, ports = self.layout, self.options, self._ports
        commands = {
            "etcd": etcd_command(cluster, layout, options, ports, keys),
            "apiserver": apiserver_command(cluster, layout, options, ports, keys),
            "controller-manager": controller_manager_command(cluster, layout, ports, keys),
            "scheduler": scheduler_command(cluster, layout, ports, keys),
            "kwok": kwok_command(kwok, layout, ports, keys),
        }
        return {name: Part(name, command, layout.logs / f"{name}.log") for name, command in commands.items()}

    def _start_parts(self) -> None:
        # The API server waits for etcd by itself, so both load their code at once.
        for name in ("etcd", "apiserver"):
            self._parts[name].start()
        api = self._api()
        self._wait("apiserver", lambda: api.answers("/readyz"))
        for name in ("controller-manager", "scheduler", "kwok"):
            self._parts[name].start()
        with contextlib.suppress(*_ABSENT):
            # Again below if the API server was not yet ready for this.
            furnish(api, self.options.nodes)
        self._wait("controller-manager", lambda: self._settled(api))
        self._write_state(ready=True)

    def _settled(self, api: Session) -> bool:
        try:
            if furnished(api, self.options.nodes):
                return True
            nodes = json.loads(api.request("GET", "/api/v1/nodes"))["items"]
            if len(nodes) < self.options.nodes:
                furnish(api, self.options.nodes)
        except _ABSENT:
            return False
        return False

    def _wait(self, name: str, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not done():
            if (failure := self.failed()) is not None:
                raise StartFailed(f"The local cluster did not start: {failure}")
            if time.monotonic() > deadline:
                part = self._parts[name]
                raise StartFailed(
                    f"The local cluster was not ready after {READY_TIMEOUT_S:.0f} s; the end of {part.log}:\n"
                    f"{part.last_words()}"
                )
            time.sleep(_POLL_S)

    def _part(self, name: str) -> Part:
        if self._lock is None:
            raise ClusterError("This local cluster is not running: start it first")
        return self._parts[name]

    def _credentials(self) -> Credentials:
        if self._keys is None:
            raise ClusterError("This local cluster was never started: start it first")
        return self._keys

    def _api(self) -> Session:
        keys = self._credentials()
        return Session(self._ports.api, keys.ca, keys.admin)

    def _etcd(self) -> Session:
        keys = self._credentials()
        return Session(self._ports.etcd, keys.etcd_ca, keys.etcd_client)

    def _take_lock(self) -> None:
        if self._lock is not None:
            raise AlreadyRunning(f"The local cluster in {self.layout.root} is already running in this process")
        lock = self.layout.lock.open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.close()
            pid = read_state(self.layout).runner.pid
            raise AlreadyRunning(
                f"The local cluster in {self.layout.root} is already running (process {pid}): stop it first, or "
                "choose another folder"
            ) from error
        self._lock = lock

    def _write_state(self, *, ready: bool = False) -> None:
        parts = {name: Process.of(pid) for name, pid in self.pids.items()}
        state = State(runner=Process.of(os.getpid()), ports=self._ports, ready=ready, parts=parts)
        write_private(self.layout.state, msgspec.json.encode(state))
