"""Git repositories as sources: polls shared by all who ask, commits fetched once, trees known by their ids."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from typing import Self

from trueup.core.model.artifact import Fault, IgnoreRules, Resolved, Revision, SourceError
from trueup.core.model.git import GIT, GitSpec, git_revision
from trueup.fairness import TENANT
from trueup.git.commits import parse_commit
from trueup.git.credentials import GitCredentials
from trueup.git.log import GitLog
from trueup.git.mirror import Mirror, mirror_key, remove_leftovers
from trueup.git.process import disk
from trueup.git.refs import HEADS, NOTHING_LISTED, Found, check_ref, choose, pinned, prefixes, tied
from trueup.git.reverting import Pushed, Wanted, take_back
from trueup.git.settings import GitSettings
from trueup.git.tree.listing import Listing
from trueup.git.trees import Checkout, Trees
from trueup.git.urls import GitUrl, read_url
from trueup.sources.git.contents import Contents
from trueup.sources.git.quotas import Quotas
from trueup.sources.git.remotes import Remotes

RESOLVED_KEPT = 2000

TIES_COMPARED = 50
"""Of so many tags with equal versions the commits' times are compared: the last by name."""


class GitSource:
    """All Git repositories of this process. Use it as an async context manager."""

    def __init__(self, settings: GitSettings) -> None:
        """Take the settings; the cache's folder is made on entering."""
        self._settings = settings
        self._mirrors: dict[str, Mirror] = {}
        self._trees = Trees(settings.cache / "trees", settings.keep_trees, settings.git)
        self._remotes = Remotes(settings)
        self._quotas = Quotas(settings.limits, self._trees, self._give_up)
        self._resolved: OrderedDict[tuple[str, str, str, str], Resolved] = OrderedDict()
        self._ref_of: OrderedDict[tuple[str, Revision], str] = OrderedDict()
        self._contents = Contents(settings)

    async def __aenter__(self) -> Self:
        """Make or take over the cache. Raises `SourceError` where its folder cannot be used."""
        try:
            self._settings.cache.mkdir(parents=True, exist_ok=True)
            await self._trees.start()
            await self._remotes.start()
            await asyncio.to_thread(remove_leftovers, self._settings.cache)
        except OSError as error:
            raise disk(error, str(self._settings.cache)) from error
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Leave the cache as it is: the next process goes on with it."""

    # -------------------------------------------------------------------------------------------------- asking

    async def poll(self, spec: GitSpec, creds: GitCredentials | None, fresh: bool = False) -> Revision:
        """Ask the remote for its refs only; for a pinned commit only whether it lets these credentials in.

        Raises `SourceError`.
        """
        check_ref(spec.ref)
        fixed = pinned(spec.ref)
        if fixed is not None:
            url = self._url(spec)
            await self._remotes.prove(url, self._mirror(url), creds, spec.timeout)
            return fixed
        found = await self._found(spec, creds, fresh)
        self._ref_of[self._url(spec).address, found.revision] = found.ref
        while len(self._ref_of) > RESOLVED_KEPT:
            self._ref_of.popitem(last=False)
        return found.revision

    async def resolve(
        self, spec: GitSpec, creds: GitCredentials | None, ignore: IgnoreRules, fresh: bool = False
    ) -> Resolved:
        """Find the commit that is wanted, and fetch it if it is not here. Raises `SourceError`."""
        return await self.fetch(spec, await self.poll(spec, creds, fresh), creds, ignore)

    async def fetch(
        self, spec: GitSpec, revision: Revision, creds: GitCredentials | None, ignore: IgnoreRules
    ) -> Resolved:
        """Give a commit, fetched if it is not here, to whom the remote lets in. Raises `SourceError`."""
        url = self._url(spec)
        mirror = self._mirror(url)
        await self._remotes.prove(url, mirror, creds, spec.timeout)
        found = Found(revision.id, self._ref(spec, url, revision), revision)
        key = (url.address, found.commit, found.revision.name, _ignore_key(spec, ignore))
        known = self._resolved.get(key)
        if known is not None:
            self._resolved.move_to_end(key)
            return known
        async with self._remotes.turn(url, creds):
            raw = None if mirror.suspect else await mirror.commit(found.commit)
            if raw is None:
                self._quotas.admit(mirror, TENANT.get(), found.commit, url.shown)
                await self._fetched(mirror, url, creds, found, spec.timeout)
                if self._quotas.too_large(await self._quotas.measure(mirror)):
                    # What was wanted once may be most of it: only what is wanted now is fetched anew.
                    await mirror.renew()
                    await self._fetched(mirror, url, creds, found, spec.timeout)
                    await self._quotas.measure(mirror)
                self._quotas.check(mirror, TENANT.get(), found.commit, url.shown)
                raw = await mirror.commit(found.commit)
        if raw is None:
            text = f"{url.shown}: the remote has no commit {found.commit}; check the ref, or push the commit"
            raise SourceError(Fault.REF, text)
        return self._keep(key, await self._described(spec, url, mirror, (found.revision, raw), ignore))

    async def recall(
        self, spec: GitSpec, revision: Revision, creds: GitCredentials | None, ignore: IgnoreRules
    ) -> Resolved | None:
        """Give a commit that was fetched before, without any network, to whom the remote has let in before.

        `None` where it is not here, or the remote has to be asked.
        """
        url = self._url(spec)
        mirror = self._mirror(url)
        if not self._remotes.proven(url, mirror, creds):
            return None
        key = (url.address, revision.id, revision.name, _ignore_key(spec, ignore))
        known = self._resolved.get(key)
        if known is not None:
            return known
        raw = await mirror.commit(revision.id)
        if raw is None:
            return None
        return self._keep(key, await self._described(spec, url, mirror, (revision, raw), ignore))

    async def tree(self, resolved: Resolved) -> Listing:
        """Give the content by id of what was resolved. Raises `SourceError`."""
        mirror = next((item for item in self._mirrors.values() if str(item.folder) == resolved.location), None)
        if mirror is None:
            raise SourceError(Fault.CACHE, f"{resolved.url}: its mirror is not known")
        return await self._contents.listing(mirror, resolved.tree, resolved.url, reduced=True)

    async def git_log(self, spec: GitSpec, resolved: Resolved, creds: GitCredentials | None) -> GitLog:
        """Give the history that ends in what was resolved, whole. Raises `SourceError`."""
        url = self._url(spec)
        mirror = self._mirror(url)
        async with self._remotes.turn(url, creds):
            await mirror.deepen(url, creds, resolved.revision.id, spec.timeout)
        return GitLog(mirror, url.shown)

    def unreadable(self, resolved: Resolved) -> None:
        """Take note that something of a commit could not be read: its mirror is looked through before it is used."""
        for mirror in self._mirrors.values():
            if str(mirror.folder) == resolved.location:
                mirror.suspect = True
        for key in [key for key, one in self._resolved.items() if one.location == resolved.location]:
            del self._resolved[key]

    def forget(self, spec: GitSpec) -> None:
        """Remove the mirror of a repository that no source follows any more, and all that is known of it."""
        try:
            url = self._url(spec)
        except SourceError:
            return
        address = url.address
        self._ref_of = OrderedDict(each for each in self._ref_of.items() if each[0][0] != address)
        mirror = self._mirrors.get(address)
        if mirror is not None:
            self._remotes.forget(url, mirror)
            self._give_up(address)
        self._quotas.forget(address)

    def _give_up(self, address: str) -> None:
        """Remove a mirror; where somebody still follows its repository, it is fetched again once it is needed."""
        self._resolved = OrderedDict(each for each in self._resolved.items() if each[0][0] != address)
        mirror = self._mirrors.pop(address, None)
        if mirror is not None:
            self._trees.forget(mirror.folder)
            self._contents.forget(mirror)
            mirror.remove()

    def followed(self, spec: GitSpec, tenants: frozenset[str]) -> None:
        """Take note of whose sources follow a repository now."""
        try:
            self._quotas.followed(self._url(spec).address, tenants)
        except SourceError:
            return

    def sweep(self) -> None:
        """Remove the mirrors of repositories that nobody follows, as an earlier process may have left them."""
        followed = {mirror_key(address) for address in (*self._quotas.addresses(), *self._mirrors)}
        asyncio.get_running_loop().run_in_executor(None, remove_leftovers, self._settings.cache, followed)

    def checkout(self, resolved: Resolved) -> AbstractAsyncContextManager[Checkout]:
        """Hold the files on disk."""
        return _Held(self, resolved)

    async def take_back(self, spec: GitSpec, creds: GitCredentials | None, wanted: Wanted) -> Pushed:
        """Push a branch that takes commits back. Raises `SourceError`, `NothingToTakeBack`."""
        url = self._url(spec)
        async with self._remotes.turn(url, creds):
            return await take_back(self._mirror(url), url, creds, wanted, spec.timeout)

    # ------------------------------------------------------------------------------------------------- finding

    def _url(self, spec: GitSpec) -> GitUrl:
        return read_url(spec.url, instead_of=self._settings.instead_of, allow_file=self._settings.allow_file)

    def _mirror(self, url: GitUrl) -> Mirror:
        mirror = self._mirrors.get(url.address)
        if mirror is None:
            mirror = self._mirrors[url.address] = Mirror(self._settings, url)
        return mirror

    def _ref(self, spec: GitSpec, url: GitUrl, revision: Revision) -> str:
        """Give the full ref that a revision was found by, which servers give more willingly than a bare commit."""
        if spec.ref.commit == revision.id and spec.ref.branch:
            return f"refs/heads/{spec.ref.branch}"
        return self._ref_of.get((url.address, revision), "")

    async def _found(self, spec: GitSpec, creds: GitCredentials | None, fresh: bool) -> Found:
        url = self._url(spec)
        mirror = self._mirror(url)
        remote = await self._remotes.refs(url, mirror, creds, prefixes(spec.ref), spec.timeout, fresh)
        try:
            found = choose(spec.ref, remote)
        except SourceError as error:
            if remote.refs or await self._lists_something(url, mirror, creds, spec.timeout):
                raise
            raise SourceError(error.fault, f"{url.shown}: {NOTHING_LISTED}") from error
        if found is not None:
            ties = tied(spec.ref, remote)
            return await self._newest(mirror, url, creds, ties[-TIES_COMPARED:], spec.timeout) if ties[1:] else found
        short = spec.ref.revision
        full = await mirror.expand(short) if mirror.folder.exists() else None
        if full is None:
            await mirror.fetch_all(url, creds, spec.timeout)
            full = await mirror.expand(short)
        if full is None:
            text = f"{url.shown}: revision {short!r} is no branch, tag or (unambiguous) commit of the repository"
            raise SourceError(Fault.REF, text)
        return Found(full, "", git_revision(full))

    async def _newest(
        self, mirror: Mirror, url: GitUrl, creds: GitCredentials | None, ties: Sequence[Found], timeout: float
    ) -> Found:
        """Give, of tags whose versions are equal, that of the newest commit, as Flux does."""
        times: list[tuple[datetime, str, Found]] = []
        for one in ties:
            await self._fetched(mirror, url, creds, one, timeout)
            raw = await mirror.commit(one.commit)
            committer = parse_commit(one.commit, raw).committer if raw is not None else None
            if committer is not None:
                times.append((committer.when, one.ref, one))
        return max(times, key=lambda item: item[:2])[2] if times else ties[-1]

    async def _lists_something(self, url: GitUrl, mirror: Mirror, creds: GitCredentials | None, timeout: float) -> bool:
        """Say whether a remote has any ref: one that answers with a web page has none, and says so of each."""
        async with self._remotes.turn(url, creds):
            return bool((await mirror.refs(url, creds, (HEADS,), timeout)).refs)

    async def _fetched(
        self, mirror: Mirror, url: GitUrl, creds: GitCredentials | None, found: Found, timeout: float
    ) -> None:
        # A ref that has moved on since it was asked for may no longer bring this commit: then by its id.
        await mirror.fetch(url, creds, found.ref, found.commit, timeout)
        if found.ref and await mirror.commit(found.commit) is None:
            await mirror.fetch(url, creds, "", found.commit, timeout)

    # ---------------------------------------------------------------------------------------------- describing

    async def _described(
        self,
        spec: GitSpec,
        url: GitUrl,
        mirror: Mirror,
        commit: tuple[Revision, bytes],
        ignore: IgnoreRules,
    ) -> Resolved:
        revision, raw = commit
        try:
            info = parse_commit(revision.id, raw)
        except ValueError as error:
            raise SourceError(Fault.HOSTILE, f"{url.shown}: {error}") from error
        listing = await self._contents.listing(mirror, info.tree, url.shown)
        tree = await self._contents.reduced(mirror, listing, ignore, spec.sparse, url.shown)
        warnings = tuple(f"the submodule {path!r} is not fetched" for path in listing.submodules())
        return Resolved(GIT, spec.url, revision, info, tree, str(mirror.folder), warnings)

    def _keep(self, key: tuple[str, str, str, str], resolved: Resolved) -> Resolved:
        self._resolved[key] = resolved
        while len(self._resolved) > RESOLVED_KEPT:
            self._resolved.popitem(last=False)
        return resolved


class _Held:
    """Holds a tree on disk for as long as it is entered."""

    def __init__(self, source: GitSource, resolved: Resolved) -> None:
        self._source = source
        self._resolved = resolved
        self._tenant = TENANT.get()
        self._inner: AbstractAsyncContextManager[Checkout] | None = None

    async def __aenter__(self) -> Checkout:
        try:
            listing = await self._source.tree(self._resolved)
            self._source._quotas.used(self._resolved.location)
            self._inner = self._source._trees.hold(
                Path(self._resolved.location), listing, self._resolved.url, self._tenant
            )
            return await self._inner.__aenter__()
        except SourceError as error:
            if error.fault is Fault.CACHE:
                self._source.unreadable(self._resolved)
            raise

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if self._inner is not None:
            await self._inner.__aexit__(kind, error, trace)  # type: ignore[arg-type]
            self._source._quotas.trim(self._tenant)


def _ignore_key(spec: GitSpec, ignore: IgnoreRules) -> str:
    return ignore.key + "".join(f"\0{path}" for path in spec.sparse)
