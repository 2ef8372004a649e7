"""What Git remotes are asked: refs, once for all who ask the same, and whether they let somebody in."""

from __future__ import annotations

import asyncio
import hashlib
import time

import msgspec

from trueup.core.model.artifact import Fault, SourceError
from trueup.git.credentials import GitCredentials
from trueup.git.mirror import Mirror
from trueup.git.refs import Advertised
from trueup.git.settings import GitSettings
from trueup.git.urls import GitUrl
from trueup.shared import Shared
from trueup.sources.proofs import Proofs, Turns

ANSWERS_KEPT = 10_000

_REFUSED = (Fault.CREDENTIALS, Fault.NOT_FOUND)


class Remotes:
    """All remotes of this process: polls that are shared, and proofs of access."""

    def __init__(self, settings: GitSettings, proofs: Proofs) -> None:
        """Take the settings, and the proofs that all kinds of sources share."""
        self._settings = settings
        self._proofs = proofs
        self._polls: Shared[Advertised] = Shared()
        self._answers: dict[tuple[str, str, tuple[str, ...]], tuple[float, Advertised]] = {}
        self._turns = Turns(settings.parallel)

    def turn(self, url: GitUrl, creds: GitCredentials | None) -> asyncio.Semaphore:
        """Give what bounds the work on one host, by one proxy, for one who asks: nobody who is slow there holds up
        anybody else."""
        server = url.address.split("/")[2]
        return self._turns.of(f"{server} {who(url, creds)}")

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
                        await self._proofs.refused(_proof(mirror, url, creds))
                    raise
            if len(self._answers) > ANSWERS_KEPT:
                self._answers.clear()
            self._answers[key] = (asked, remote)
            await self._proofs.let_in(_proof(mirror, url, creds))
            return remote

        began = time.monotonic()
        remote = await self._polls.one(key, ask)
        if fresh and (key not in self._answers or self._answers[key][0] < began):
            # Somebody had asked before us, and may not have seen what we are to find.
            remote = await self._polls.one(key, ask)
        return remote

    def proven(self, url: GitUrl, mirror: Mirror, creds: GitCredentials | None) -> bool:
        """Say whether the remote has let these credentials in."""
        return self._proofs.since(_proof(mirror, url, creds)) is not None

    async def prove(self, url: GitUrl, mirror: Mirror, creds: GitCredentials | None, timeout: float) -> None:
        """Have credentials let in where they are not, or not lately. Raises `SourceError` where the remote refuses.

        A remote that cannot be reached does not take away what it has given before.
        """
        proof = _proof(mirror, url, creds)
        if self._proofs.lately(proof):
            return
        try:
            await self.refs(url, mirror, creds, ("HEAD",), timeout)
        except SourceError as error:
            if self._proofs.since(proof) is None or error.fault in _REFUSED:
                raise

    def forget(self, address: str) -> None:
        """Give up what was answered about a repository that nobody follows any more."""
        self._answers = {key: answer for key, answer in self._answers.items() if key[0] != address}


def who(url: GitUrl, creds: GitCredentials | None) -> str:
    """Name who asks, by all that a remote is told: the credentials, the proxy among them, and what the URL holds."""
    if creds is None and not url.username and not url.password:
        return ""
    told = [url.username, url.password, creds]
    return hashlib.sha256(msgspec.json.encode(told)).hexdigest()


def _proof(mirror: Mirror, url: GitUrl, creds: GitCredentials | None) -> str:
    return f"{mirror.key}.{who(url, creds) or 'anybody'}"
