"""A PostgreSQL of one's own, from Debian's binaries, on a free port; it can be killed and started again."""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg

INSTALL = ["apt-get", "install", "-y", "--no-install-recommends", "postgresql"]
QUIET = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}


class NoPostgres(Exception):
    """There are no binaries, and none could be installed."""


def binaries() -> Path:
    """Give the folder of the newest server's binaries; installs them where this may. Raises `NoPostgres`."""
    if found := _newest():
        return found
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise NoPostgres("PostgreSQL's server is not installed, and only root on Debian could install it here")
    # Several test processes may come here at once; the first one installs.
    with Path("/tmp/trueup-postgresql.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if found := _newest():
            return found
        environment = {**os.environ, **QUIET}
        for command in (["apt-get", "update"], INSTALL):
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280)
            if done.returncode:
                raise NoPostgres(f"`{' '.join(command)}` failed: {done.stderr[-300:]}")
    if found := _newest():
        return found
    raise NoPostgres("the package postgresql brought no /usr/lib/postgresql/*/bin")


def _newest() -> Path | None:
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    return max(found, key=lambda path: float(path.parent.name), default=None)


class Postgres:
    """One server with a cluster of its own. PostgreSQL refuses to run as root: it then runs as another user."""

    def __init__(self) -> None:
        self._binaries = binaries()
        self._folder = Path(tempfile.mkdtemp(prefix="trueup-pg-", dir="/tmp"))
        self._user: list[str] = []
        if os.geteuid() == 0:
            name = next((user for user in ("postgres", "nobody") if _exists(user)), "")
            if not name:
                raise NoPostgres("there is no user but root that PostgreSQL could run as")
            entry = pwd.getpwnam(name)
            os.chown(self._folder, entry.pw_uid, entry.pw_gid)
            self._user = ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self._data = self._folder / "data"
        # Ordered as people order words, which prefixes and ranges must not depend on.
        locale = ["--locale-provider=icu", "--icu-locale=en-US"] if float(self._binaries.parent.name) >= 15 else []
        self._run("initdb", *locale, "-D", str(self._data), "-U", "trueup", "-A", "trust", "-E", "UTF8", "--no-sync")
        self._process: subprocess.Popen[bytes] | None = None
        self._made = 0
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        # A killed process loses nothing that the kernel has; syncing is for lost power, which no test makes.
        settings = (
            "fsync=off",
            f"port={self.port}",
            "listen_addresses=127.0.0.1",
            f"unix_socket_directories={self._folder}",
        )
        options = [part for setting in settings for part in ("-c", setting)]
        command = [*self._user, str(self._binaries / "postgres"), "-D", str(self._data), *options]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self._folder, start_new_session=True)
        deadline = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=2).close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise
                time.sleep(0.05)

    def kill(self) -> None:
        """Kill it with all its children, without a word, as a lost machine would."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        (self._data / "postmaster.pid").unlink(missing_ok=True)

    def database(self) -> str:
        """Make an empty database; gives its URL."""
        self._made += 1
        name = f"history{self._made}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"create database {name}".encode())
        return self.url(name)

    def url(self, name: str) -> str:
        """Give the URL of a database."""
        return f"postgresql://trueup@127.0.0.1:{self.port}/{name}"

    def close(self) -> None:
        """End it, and remove its files."""
        if self._process is not None and self._process.poll() is None:
            self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, name: str, *arguments: str) -> None:
        command = [*self._user, str(self._binaries / name), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=self._folder)
        if done.returncode:
            raise NoPostgres(f"{name} failed: {done.stderr[-500:]}")


def _exists(user: str) -> bool:
    try:
        return bool(pwd.getpwnam(user))
    except KeyError:
        return False
