"""Git repositories as sources: polls shared by all who ask, commits fetched once, trees known by their ids."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Self

import msgspec

from trueup.core.model.artifact import Fault, IgnoreRules, Provenance, Resolved, Revision, SourceError
from trueup.core.model.git import GIT, GitSpec, git_revision
from trueup.fairness import TENANT
from trueup.git.commits import parse_commit
from trueup.git.credentials import GitCredentials
from trueup.git.log import GitLog
from trueup.git.mirror import Mirror
from trueup.git.refs import HEADS, NOTHING_LISTED, Found, check_ref, choose, pinned, prefixes, tied
from trueup.git.reverting import Pushed, Wanted, take_back
from trueup.git.settings import GitSettings
from trueup.git.signatures import PublicKeys
from trueup.git.tree.listing import Listing
from trueup.git.trees import Checkout
from trueup.git.urls import GitUrl, read_url
from trueup.sources.cache import RESOLVED_KEPT, Cache
from trueup.sources.git.apps import AppLogins
from trueup.sources.git.large_files import LargeFiles
from trueup.sources.git.remotes import Remotes, who
from trueup.sources.git.submodules import Submodules, Superproject
from trueup.sources.git.verification import Check

NO_KEYS = PublicKeys()
TIES_COMPARED = 50
"""Of so many tags with equal versions the commits' times are compared: the last by name."""


class GitSource:
    """All Git repositories of this process. Use it as an async context manager."""

    def __init__(self, settings: GitSettings) -> None:
        """Take the settings; the cache's folder is made on entering."""
        self._settings = settings
        self.cache = Cache(settings, AppLogins().let_in)
        """What is kept on disk, which other kinds of sources share."""
        self._remotes = Remotes(settings, self.cache.proofs)
        self._submodules = Submodules(self.cache, self._remotes)
        self._large_files = LargeFiles(self.cache.contents)
        self._ref_of: OrderedDict[tuple[str, Revision], str] = OrderedDict()

    async def __aenter__(self) -> Self:
        """Make or take over the cache. Raises `SourceError` where its folder cannot be used."""
        await self.cache.start()
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
            await self._remotes.prove(url, self.cache.mirror(url), creds, spec.timeout)
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
        self,
        spec: GitSpec,
        revision: Revision,
        creds: GitCredentials | None,
        ignore: IgnoreRules,
        keys: PublicKeys = NO_KEYS,
    ) -> Resolved:
        """Give a commit, fetched if it is not here, to whom the remote lets in. Raises `SourceError`.

        `keys` are those whose signatures count, where the spec asks for any.
        """
        url = self._url(spec)
        mirror = self.cache.mirror(url)
        await self._remotes.prove(url, mirror, creds, spec.timeout)
        found = Found(revision.id, self._ref(spec, url, revision), revision)
        key = (url.address, found.commit, found.revision.name, _kept_by(spec, url, creds, ignore, keys))
        known = self.cache.known(key)
        if known is not None:
            return known
        async with self._remotes.turn(url, creds):
            raw = None if mirror.suspect else await mirror.commit(found.commit)
            if raw is None:
                self.cache.quotas.admit(mirror, TENANT.get(), found.commit, url.shown)
                await self._fetched(mirror, url, creds, found, spec.timeout)
                if self.cache.quotas.too_large(await self.cache.quotas.measure(mirror)):
                    # What was wanted once may be most of it: only what is wanted now is fetched anew.
                    await mirror.renew()
                    await self._fetched(mirror, url, creds, found, spec.timeout)
                    await self.cache.quotas.measure(mirror)
                self.cache.quotas.check(mirror, TENANT.get(), found.commit, url.shown)
                raw = await mirror.commit(found.commit)
        if raw is None:
            text = f"{url.shown}: the remote has no commit {found.commit}; check the ref, or push the commit"
            raise SourceError(Fault.REF, text)
        check = Check(spec, revision, raw, url.shown, found.ref)
        tag = await mirror.tag(check.tag) if check.tag else None
        if check.tag and not check.fits(tag) and (check.must_have_tag or found.ref == check.tag):
            async with self._remotes.turn(url, creds):
                await mirror.fetch_tag(url, creds, check.tag, spec.timeout)
            tag = await mirror.tag(check.tag)
        verified = await check.run(tag, keys)
        info = _read(revision.id, raw, url)
        tree = info.tree
        if spec.submodules:
            of = Superproject(url, mirror, creds, spec.timeout)
            tree = await self._submodules.tree(of, tree, online=True) or tree
            if tree != info.tree:
                await self.cache.quotas.measure(mirror)
                self.cache.quotas.check(mirror, TENANT.get(), found.commit, url.shown)
        described = await self._described(spec, mirror, (found.revision, info, tree), ignore, url.shown)
        return self.cache.keep(key, msgspec.structs.replace(described, verified=verified))

    async def recall(
        self,
        spec: GitSpec,
        revision: Revision,
        creds: GitCredentials | None,
        ignore: IgnoreRules,
        keys: PublicKeys = NO_KEYS,
    ) -> Resolved | None:
        """Give a commit that was fetched before, without any network, to whom the remote has let in before.

        `None` where it is not here, or the remote has to be asked.
        """
        url = self._url(spec)
        mirror = self.cache.mirror(url)
        if not self._remotes.proven(url, mirror, creds):
            return None
        key = (url.address, revision.id, revision.name, _kept_by(spec, url, creds, ignore, keys))
        known = self.cache.known(key)
        if known is not None:
            return known
        raw = await mirror.commit(revision.id)
        if raw is None:
            return None
        check = Check(spec, revision, raw, url.shown)
        tag = await mirror.tag(check.tag) if check.tag else None
        if check.must_have_tag and not check.fits(tag):
            return None
        verified = await check.run(tag, keys)
        info = _read(revision.id, raw, url)
        tree: str | None = info.tree
        if spec.submodules:
            of = Superproject(url, mirror, creds, spec.timeout)
            tree = await self._submodules.tree(of, info.tree, online=False)
        if tree is None:
            return None
        described = await self._described(spec, mirror, (revision, info, tree), ignore, url.shown)
        return self.cache.keep(key, msgspec.structs.replace(described, verified=verified))

    async def tree(self, resolved: Resolved) -> Listing:
        """Give the content by id of what was resolved. Raises `SourceError`."""
        return await self.cache.tree(resolved)

    async def git_log(self, spec: GitSpec, resolved: Resolved, creds: GitCredentials | None) -> GitLog:
        """Give the history that ends in what was resolved, whole. Raises `SourceError`."""
        url = self._url(spec)
        mirror = self.cache.mirror(url)
        async with self._remotes.turn(url, creds):
            await mirror.deepen(url, creds, resolved.revision.id, spec.timeout)
        return GitLog(mirror, url.shown)

    def mirror(self, spec: GitSpec) -> Mirror:
        """Give where a repository is kept. Raises `SourceError` for a wrong URL."""
        return self.cache.mirror(self._url(spec))

    def forget(self, spec: GitSpec) -> None:
        """Remove the mirror of a repository that no source follows any more, and all that is known of it."""
        try:
            url = self._url(spec)
        except SourceError:
            return
        address = url.address
        self._ref_of = OrderedDict(each for each in self._ref_of.items() if each[0][0] != address)
        self._remotes.forget(address)
        self.cache.forget(address)

    def followed(self, spec: GitSpec, tenants: frozenset[str]) -> None:
        """Take note of whose sources follow a repository now."""
        try:
            self.cache.quotas.followed(self._url(spec).address, tenants)
        except SourceError:
            return

    def sweep(self) -> None:
        """Remove the mirrors of repositories that nobody follows, as an earlier process may have left them."""
        self.cache.sweep()

    def checkout(self, resolved: Resolved) -> AbstractAsyncContextManager[Checkout]:
        """Hold the files on disk."""
        return self.cache.checkout(resolved)

    async def take_back(self, spec: GitSpec, creds: GitCredentials | None, wanted: Wanted) -> Pushed:
        """Push a branch that takes commits back. Raises `SourceError`, `NothingToTakeBack`."""
        url = self._url(spec)
        async with self._remotes.turn(url, creds):
            return await take_back(self.cache.mirror(url), url, creds, wanted, spec.timeout)

    # ------------------------------------------------------------------------------------------------- finding

    def _url(self, spec: GitSpec) -> GitUrl:
        return read_url(spec.url, instead_of=self._settings.instead_of, allow_file=self._settings.allow_file)

    def _ref(self, spec: GitSpec, url: GitUrl, revision: Revision) -> str:
        """Give the full ref that a revision was found by, which servers give more willingly than a bare commit."""
        if spec.ref.commit == revision.id and spec.ref.branch:
            return f"refs/heads/{spec.ref.branch}"
        return self._ref_of.get((url.address, revision), "")

    async def _found(self, spec: GitSpec, creds: GitCredentials | None, fresh: bool) -> Found:
        url = self._url(spec)
        mirror = self.cache.mirror(url)
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
        mirror: Mirror,
        commit: tuple[Revision, Provenance, str],
        ignore: IgnoreRules,
        shown: str,
    ) -> Resolved:
        """Give what is delivered of a commit, its tree given with what submodules bring."""
        revision, info, whole = commit
        listing = await self.cache.contents.listing(mirror, whole, shown)
        tree = await self.cache.contents.reduced(mirror, listing, ignore, spec.sparse, shown)
        warnings = [f"the submodule {path!r} is not fetched" for path in listing.submodules()]
        warnings += await self._large_files.warnings(mirror, listing, shown)
        return Resolved(GIT, spec.url, revision, info, tree, str(mirror.folder), tuple(warnings))


def _read(commit: str, raw: bytes, url: GitUrl) -> Provenance:
    try:
        return parse_commit(commit, raw)
    except ValueError as error:
        raise SourceError(Fault.HOSTILE, f"{url.shown}: {error}") from error


def _kept_by(spec: GitSpec, url: GitUrl, creds: GitCredentials | None, ignore: IgnoreRules, keys: PublicKeys) -> str:
    """Name what is taken of a commit, and whose signatures it must bear; with submodules, as whom they are asked."""
    trusted = f"\0{spec.verify}\0{keys.digest}" if spec.verify else ""
    modules = f"\0modules\0{who(url, creds)}" if spec.submodules else ""
    return ignore.key + "".join(f"\0{path}" for path in spec.sparse) + trusted + modules
