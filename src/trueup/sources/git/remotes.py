"""What remotes are asked, and who has been let in by them.

Mirrors are shared by all who follow the same URL, so what lies in one is given only to whom the remote itself has let
in: a pair of a repository and credentials is *proven* by an answer of the remote. Proofs lie in the cache's folder, so
that a controller that starts while a remote is down goes on; one ends when the remote refuses the credentials.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from pathlib import Path

import msgspec

from trueup.core.model.artifact import Fault, SourceError
from trueup.git.credentials import GitCredentials
from trueup.git.mirror import Mirror
from trueup.git.process import disk
from trueup.git.refs import Advertised
from trueup.git.settings import GitSettings
from trueup.git.urls import GitUrl
from trueup.shared import Shared

HOSTS_KEPT = 1000
ANSWERS_KEPT = 10_000
PROVEN_SECONDS = 3600.0
"""Seconds after which a source that asks nobody (a pinned commit) has to be let in anew."""

_REFUSED = (Fault.CREDENTIALS, Fault.NOT_FOUND)


class Remotes:
    """All remotes of this process: polls that are shared, and proofs of access."""

    def __init__(self, settings: GitSettings) -> None:
        """Take the settings; nothing is read before `start`."""
        self._settings = settings
        self._folder = settings.cache / "proofs"
        self._polls: Shared[Advertised] = Shared()
        self._answers: dict[tuple[str, str, tuple[str, ...]], tuple[float, Advertised]] = {}
        self._parallel: dict[str, asyncio.Semaphore] = {}
        self._proven: dict[str, float] = {}

    async def start(self) -> None:
        """Read who has been let in before. Raises `OSError`."""
        self._proven = await asyncio.to_thread(_read, self._folder)

    def turn(self, url: GitUrl, creds: GitCredentials | None) -> asyncio.Semaphore:
        """Give what bounds the work on one host, by one proxy, for one who asks: nobody who is slow there holds up
        anybody else."""
        while len(self._parallel) > HOSTS_KEPT:
            idle = next((host for host, turn in self._parallel.items() if not turn.locked()), None)
            if idle is None:
                break
            del self._parallel[idle]
        server = url.address.split("/")[2]
        key = f"{server} {who(url, creds)}"
        return self._parallel.setdefault(key, asyncio.Semaphore(self._settings.parallel))

    async def refs(
        self,
        url: GitUrl,
        mirror: Mirror,
        creds: GitCredentials | None,
        wanted: tuple[str, ...],
        timeout: float,
        fresh: bool = False,
    ) -> Advertised:
        """Ask for refs, once for all who ask the same with the same credentials. Raises `SourceError`."""
        key = (url.address, who(url, creds), wanted)
        answer = self._answers.get(key)
        if answer is not None and not fresh and time.monotonic() - answer[0] < self._settings.poll_window:
            return answer[1]

        async def ask() -> Advertised:
            async with self.turn(url, creds):
                asked = time.monotonic()
                try:
                    remote = await mirror.refs(url, creds, wanted, timeout)
                except SourceError as error:
                    if error.fault in _REFUSED:
                        await self._refused(_proof(mirror, url, creds))
                    raise
            if len(self._answers) > ANSWERS_KEPT:
                self._answers.clear()
            self._answers[key] = (asked, remote)
            await self._let_in(_proof(mirror, url, creds))
            return remote

        began = time.monotonic()
        remote = await self._polls.one(key, ask)
        if fresh and (key not in self._answers or self._answers[key][0] < began):
            # Somebody had asked before us, and may not have seen what we are to find.
            remote = await self._polls.one(key, ask)
        return remote

    def proven(self, url: GitUrl, mirror: Mirror, creds: GitCredentials | None) -> bool:
        """Say whether the remote has let these credentials in."""
        return _proof(mirror, url, creds) in self._proven

    async def prove(self, url: GitUrl, mirror: Mirror, creds: GitCredentials | None, timeout: float) -> None:
        """Have credentials let in where they are not, or not lately. Raises `SourceError` where the remote refuses.

        A remote that cannot be reached does not take away what it has given before.
        """
        since = self._proven.get(_proof(mirror, url, creds))
        if since is not None and time.time() - since < PROVEN_SECONDS:
            return
        try:
            await self.refs(url, mirror, creds, ("HEAD",), timeout)
        except SourceError as error:
            if since is None or error.fault in _REFUSED:
                raise

    def forget(self, url: GitUrl, mirror: Mirror) -> None:
        """Give up what is known of a repository that nobody follows any more."""
        self._answers = {key: answer for key, answer in self._answers.items() if key[0] != url.address}
        gone = [name for name in self._proven if name.startswith(f"{mirror.key}.")]
        for name in gone:
            del self._proven[name]
        asyncio.get_running_loop().run_in_executor(None, _remove, self._folder, gone)

    async def _let_in(self, proof: str) -> None:
        since = self._proven.get(proof)
        if since is not None and time.time() - since < PROVEN_SECONDS / 2:
            return
        try:
            await asyncio.to_thread(_write, self._folder / proof)
        except OSError as error:
            raise disk(error, str(self._folder)) from error
        self._proven[proof] = time.time()

    async def _refused(self, proof: str) -> None:
        if self._proven.pop(proof, None) is not None:
            await asyncio.to_thread(_remove, self._folder, [proof])


def who(url: GitUrl, creds: GitCredentials | None) -> str:
    """Name who asks, by all that a remote is told: the credentials, the proxy among them, and what the URL holds."""
    if creds is None and not url.username and not url.password:
        return ""
    told = [url.username, url.password, creds]
    return hashlib.sha256(msgspec.json.encode(told)).hexdigest()


def _proof(mirror: Mirror, url: GitUrl, creds: GitCredentials | None) -> str:
    return f"{mirror.key}.{who(url, creds) or 'anybody'}"


def _read(folder: Path) -> dict[str, float]:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return {path.name: path.stat().st_mtime for path in folder.iterdir()}


def _write(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)


def _remove(folder: Path, names: list[str]) -> None:
    for name in names:
        (folder / name).unlink(missing_ok=True)
