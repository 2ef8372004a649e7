"""One bare mirror for each URL: fetched into, read from, and made anew when it is broken."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from uuid import uuid4

from trueup.core.model.artifact import Fault, SourceError
from trueup.git.access import base_environment, remote_environment
from trueup.git.bounds import ProcessBounds
from trueup.git.credentials import GitCredentials
from trueup.git.process import GitFailed, disk, failure, run, too_slow
from trueup.git.refs import Advertised, listed
from trueup.git.settings import GitSettings
from trueup.git.urls import GitUrl

_BROKEN = ("not a git repository", "bad object", "is corrupt", "unable to read", "loose object", "packfile", "inflate")
LOCAL = ProcessBounds(timeout=60.0)
CHECK_TIMEOUT = 600.0
"""Seconds that reading every object of a mirror may take."""


def remove_leftovers(cache: Path, followed: Collection[str] | None = None) -> None:
    """Remove what an earlier process had given up or left half done, and mirrors that nobody follows (blocking).

    `followed` are the keys of those that are; `None`: nobody knows yet.
    """
    for path in (cache / "mirrors").glob("*"):
        left = path.suffix != ".git" if followed is None else path.suffix == ".git" and path.stem not in followed
        if left:
            shutil.rmtree(path, ignore_errors=True)


def mirror_key(address: str) -> str:
    """Name the mirror of an address."""
    return hashlib.sha256(address.encode()).hexdigest()[:32]


LetIn = Callable[[GitUrl, GitCredentials | None], Awaitable[GitCredentials | None]]
"""Gives what a remote takes for the credentials of a source, just before it is asked. Raises `SourceError`."""


async def _as_they_are(url: GitUrl, credentials: GitCredentials | None) -> GitCredentials | None:
    return credentials


class Mirror:
    """A bare repository in the cache. Fetches go one at a time; reading never waits."""

    def __init__(self, settings: GitSettings, url: GitUrl, let_in: LetIn = _as_they_are) -> None:
        """Take where it is fetched from, and who gives tokens; nothing is made before the first fetch."""
        self._let_in = let_in
        self.key = mirror_key(url.address)
        self.address = url.address
        self.folder = settings.cache / "mirrors" / f"{self.key}.git"
        self._settings = settings
        self._shown = url.shown
        self._fetching = asyncio.Lock()
        self._opened = False
        self.suspect = False
        """Something in it could not be read: it is looked through before the next fetch."""

    async def refs(
        self, url: GitUrl, credentials: GitCredentials | None, wanted: tuple[str, ...], timeout: float
    ) -> Advertised:
        """Ask the remote for its refs. Raises `SourceError`."""
        patterns = [pattern for prefix in wanted for pattern in _patterns(prefix)]
        raw = await self._remote(url, credentials, ["ls-remote", "--symref", url.address, *patterns], timeout, None)
        return listed(raw.decode(errors="surrogateescape"))

    async def fetch(
        self, url: GitUrl, credentials: GitCredentials | None, ref: str, commit: str, timeout: float
    ) -> None:
        """Bring a commit here, by the ref it was found by or, where there is none, by its id. Raises `SourceError`."""
        async with self._fetching:
            if self.suspect:
                self.suspect = False
                if not await self._sound():
                    await self._discard()
            if await self.commit(commit) is not None:
                return
            await self._open()
            source = ref if ref and ref != "HEAD" else commit
            specs = [f"+{source}:{_kept(ref or commit)}"]
            try:
                await self._fetch(url, credentials, specs, timeout)
            except SourceError:
                if ref and ref != "HEAD":
                    raise
                # A server that gives no commit by its id gives it with the branches and tags that hold it.
                await self.fetch_all(url, credentials, timeout)

    async def fetch_all(self, url: GitUrl, credentials: GitCredentials | None, timeout: float) -> None:
        """Bring all branches and tags here, whole. Raises `SourceError`."""
        await self._open()
        specs = ["+refs/heads/*:refs/trueup/heads/*", "+refs/tags/*:refs/trueup/tags/*"]
        await self._fetch(url, credentials, specs, timeout, whole=True)

    async def fetch_tag(self, url: GitUrl, credentials: GitCredentials | None, ref: str, timeout: float) -> None:
        """Bring an annotated tag here, also where its commit is here already. Raises `SourceError`."""
        async with self._fetching:
            await self._open()
            await self._fetch(url, credentials, [f"+{ref}:{_kept(ref)}"], timeout)

    async def fetch_module(self, url: GitUrl, credentials: GitCredentials | None, commit: str, timeout: float) -> None:
        """Bring a commit of another repository here, which one of this one's commits names. Raises `SourceError`."""
        async with self._fetching:
            if await self.commit(commit) is not None:
                return
            await self._open()
            place = f"refs/trueup/modules/{mirror_key(url.address)}"
            try:
                await self._fetch(url, credentials, [f"+{commit}:{place}/{commit}"], timeout)
            except SourceError as error:
                if error.fault not in (Fault.REF, Fault.PROTOCOL):
                    raise
                # A server that gives no commit by its id gives it with the branches and tags that hold it.
                specs = [f"+refs/heads/*:{place}/heads/*", f"+refs/tags/*:{place}/tags/*"]
                await self._fetch(url, credentials, specs, timeout, whole=True)

    async def tag(self, ref: str) -> bytes | None:
        """Give a raw annotated tag that was fetched by its full ref, `None` where it is not here, or is none."""
        if not self.folder.exists():
            return None
        try:
            return await self.git(["cat-file", "tag", _kept(ref)])
        except GitFailed:
            return None

    async def deepen(self, url: GitUrl, credentials: GitCredentials | None, commit: str, timeout: float) -> None:
        """Bring a commit's whole history here, where only its last commits are. Raises `SourceError`."""
        async with self._fetching:
            if not (self.folder / "shallow").exists():
                return
            arguments = [
                "fetch",
                "--quiet",
                "--no-tags",
                "--no-write-fetch-head",
                "--no-auto-maintenance",
                "--unshallow",
            ]
            try:
                await self._remote(url, credentials, [*arguments, url.address, commit], timeout, self.folder)
            except SourceError as error:
                if error.fault not in (Fault.REF, Fault.PROTOCOL):
                    raise
                # A server that gives no commit by its id gives it with the branches that hold it.
                branches = "+refs/heads/*:refs/trueup/heads/*"
                await self._remote(url, credentials, [*arguments, url.address, branches], timeout, self.folder)

    async def take(self, work: Callable[[Path], Awaitable[None]]) -> None:
        """Have something put into it that comes from elsewhere than a Git remote. Raises what `work` does."""
        async with self._fetching:
            if self.suspect:
                self.suspect = False
                if not await self._sound():
                    await self._discard()
            await self._open()
            try:
                await work(self.folder)
            except BaseException:
                # What was begun and is not to be finished would stay on disk.
                await asyncio.shield(asyncio.to_thread(_remove_locks, self.folder))
                raise

    async def _fetch(
        self, url: GitUrl, credentials: GitCredentials | None, specs: list[str], timeout: float, *, whole: bool = False
    ) -> None:
        depth = [] if whole else [f"--depth={self._settings.keep_commits}"]
        arguments = [
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-auto-maintenance",
            "--force",
            *depth,
        ]
        try:
            await self._remote(url, credentials, [*arguments, url.address, *specs], timeout, self.folder)
        except SourceError as error:
            # The words may be the remote's: only what is here tells whether the mirror is broken.
            if not any(word in str(error).lower() for word in _BROKEN) or await self._sound():
                raise
            await self._discard()
            await self._open()
            await self._remote(url, credentials, [*arguments, url.address, *specs], timeout, self.folder)

    async def _sound(self) -> bool:
        """Say whether every object that is kept can be read. Where nobody can tell now, it is taken to be so."""
        arguments = ["fsck", "--no-dangling", "--no-reflogs", "--no-progress"]
        try:
            await run(
                self._settings.git,
                arguments,
                environment=base_environment({}),
                folder=self.folder,
                bounds=LOCAL,
            )
        except GitFailed:
            return False
        except (TimeoutError, OSError):
            return True
        return True

    def remove(self) -> None:
        """Remove it for good, beside whatever else goes on. What is read from it at this moment fails."""
        gone = self.folder.with_name(f"{self.key}.{uuid4().hex[:6]}.gone")
        try:
            self.folder.rename(gone)
        except OSError:
            return  # Nothing was ever fetched.
        asyncio.get_running_loop().run_in_executor(None, partial(shutil.rmtree, gone, ignore_errors=True))

    async def renew(self) -> None:
        """Empty it: what was once wanted and is no more may be most of it."""
        async with self._fetching:
            await self._discard()

    async def _discard(self) -> None:
        await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)
        self._opened = False

    async def push(
        self,
        url: GitUrl,
        credentials: GitCredentials | None,
        commit: str,
        branch: str,
        timeout: float,
        extra: Mapping[str, str],
    ) -> None:
        """Make a branch at the remote; one that is there by now is left as it is. Raises `SourceError`.

        `extra` is added to Git's environment: it says where objects lie that are not in the mirror.
        """
        ref = f"refs/heads/{branch}"
        arguments = ["push", "--quiet", "--no-verify", f"--force-with-lease={ref}:", url.address, f"{commit}:{ref}"]
        await self._remote(url, credentials, arguments, timeout, self.folder, extra)

    async def _remote(
        self,
        url: GitUrl,
        credentials: GitCredentials | None,
        arguments: list[str],
        timeout: float,
        folder: Path | None,
        extra: Mapping[str, str] | None = None,
    ) -> bytes:
        credentials = await self._let_in(url, credentials)
        try:
            with remote_environment(url, credentials, timeout) as environment:
                environment |= extra or {}
                bounds = self._bounds(timeout, fetching=folder is not None)
                return await run(self._settings.git, arguments, environment=environment, folder=folder, bounds=bounds)
        except TimeoutError as error:
            raise too_slow(url.shown, timeout) from error
        except GitFailed as error:
            raise failure(error.words, url.shown, credentials) from None
        except OSError as error:
            raise disk(error, url.shown) from error

    def _bounds(self, timeout: float, *, fetching: bool) -> ProcessBounds:
        """Give what an exchange with a remote may use: a list of refs is held in memory, a pack is written."""
        limits = self._settings.limits
        if fetching:
            return ProcessBounds(timeout, limits.refs, limits.fetch_memory, limits.pack)
        return ProcessBounds(timeout, limits.refs, limits.refs_memory)

    async def _open(self) -> None:
        """Make the mirror if it is not there; remove the locks that a killed Git has left."""
        if self._opened and self.folder.exists():
            return
        try:
            if self.folder.exists():
                await asyncio.to_thread(_remove_locks, self.folder)
            else:
                await self._make()
        except OSError as error:
            raise disk(error, self._shown) from error
        except GitFailed as error:
            raise failure(error.words, self._shown, None) from None
        self._opened = True

    async def _make(self) -> None:
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        part = self.folder.with_name(f"{self.key}.{uuid4().hex[:8]}.part")
        arguments = ["init", "--quiet", "--bare", "--template=", "--initial-branch=trueup", str(part)]
        await run(self._settings.git, arguments, environment=base_environment(), bounds=LOCAL)
        try:
            part.rename(self.folder)
        except OSError:
            shutil.rmtree(part, ignore_errors=True)
            if not self.folder.exists():
                raise

    # ------------------------------------------------------------------------------------------------ reading

    async def commit(self, commit: str) -> bytes | None:
        """Give a raw commit, `None` where it is not here."""
        if not self.folder.exists():
            return None
        try:
            raw = await self.git(["cat-file", "--batch"], stdin=f"{commit}\n".encode())
        except GitFailed:
            return None
        head, _, rest = raw.partition(b"\n")
        words = head.split()
        if len(words) != 3 or words[1] != b"commit":
            return None
        return rest[: int(words[2])]

    async def expand(self, short: str) -> str | None:
        """Give the full id of a shortened commit, `None` where none or several begin so."""
        try:
            raw = await self.git(["rev-parse", "--verify", "--quiet", f"{short}^{{commit}}"])
        except GitFailed:
            return None
        return raw.decode().strip()

    async def git(
        self,
        arguments: list[str],
        *,
        stdin: bytes = b"",
        index: Path | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> bytes:
        """Run Git inside, without any network; `extra` is added to its environment. Raises `GitFailed`, OSError.

        What cannot be read has the next fetch find out whether the mirror is broken.
        """
        environment = base_environment() | dict(extra or {})
        environment["GIT_DIR"] = str(self.folder)
        if index is not None:
            environment["GIT_INDEX_FILE"] = str(index)
        try:
            return await run(
                self._settings.git,
                arguments,
                environment=environment,
                folder=self.folder,
                stdin=stdin,
                bounds=LOCAL,
            )
        except GitFailed as error:
            self.suspect = self.suspect or any(word in error.words.lower() for word in _BROKEN)
            raise


def _kept(name: str) -> str:
    """Give the ref under which a remote's ref, or a bare commit, is kept."""
    return f"refs/trueup/{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def _patterns(prefix: str) -> tuple[str, ...]:
    if prefix == "HEAD":
        return ("HEAD",)
    if prefix.endswith("/"):
        return (f"{prefix}*",)
    return prefix, f"{prefix}^{{}}"


def _remove_locks(folder: Path) -> None:
    for path in (*folder.glob("*.lock"), *(folder / "refs").rglob("*.lock"), *folder.glob("objects/**/*.lock")):
        path.unlink(missing_ok=True)
    for path in folder.glob("objects/**/tmp_*"):
        if path.is_file():
            path.unlink(missing_ok=True)
