"""Submodules: their files are laid into the tree of the commit that names them, by the commits that it names.

What a repository names is never trusted: only HTTP(S) and SSH are spoken, credentials go along to the repository's own
host alone, and nobody is led to this machine or a cloud's metadata service.
"""

from __future__ import annotations

import re

import msgspec

from trueup.core.model.artifact import Fault, SourceError
from trueup.git.commits import parse_commit
from trueup.git.credentials import GitCredentials
from trueup.git.mirror import Mirror
from trueup.git.process import GitFailed
from trueup.git.tree.listing import SUBMODULE, Item, Listing
from trueup.git.urls import GitUrl, read_url, rewrite
from trueup.sources.cache import Cache
from trueup.sources.git.remotes import Remotes
from trueup.sources.web.guard import Guard, is_inside

_HELPER = re.compile(r"[A-Za-z0-9+_-]+::")
FILE = ".gitmodules"
FILE_LIMIT = 1024 * 1024
DEEPEST = 8
"""Submodules within submodules."""

MOST = 100
"""Submodules of one commit, those within others included."""


class Superproject(msgspec.Struct, frozen=True):
    """A repository with submodules: where it is, what is kept of it, and as whom it is asked."""

    url: GitUrl
    mirror: Mirror
    creds: GitCredentials | None
    timeout: float


class _Gathered:
    """What was found so far of one commit: its files by path, and how many submodules."""

    def __init__(self, of: Superproject, online: bool) -> None:
        self.of = of
        self.online = online
        self.items: dict[str, Item] = {}
        self.count = 0


class Submodules:
    """Lays submodules' files into trees."""

    def __init__(self, cache: Cache, remotes: Remotes) -> None:
        """Take the cache that all sources share, and the remotes that are asked."""
        self._cache = cache
        self._remotes = remotes
        self._settings = cache.settings

    async def tree(self, of: Superproject, tree: str, *, online: bool) -> str | None:
        """Give a tree with all its submodules' files. Raises `SourceError`.

        Not `online`: nobody is asked, and it is `None` where something is not here, or these credentials have not been
        let in by all remotes.
        """
        gathered = _Gathered(of, online)
        if not await self._collect(gathered, of.url, tree, ()):
            return None
        if not gathered.count:
            return tree
        return await self._cache.contents.written(of.mirror, gathered.items, of.url.shown)

    async def _collect(self, gathered: _Gathered, url: GitUrl, tree: str, within: tuple[str, ...]) -> bool:
        """Gather the files of a repository's tree, and those of its submodules; says whether all are here.

        `within` are the paths of the submodules that it lies in, each from the one before.
        """
        of, prefix = gathered.of, "".join(f"{path}/" for path in within)
        listing = await self._cache.contents.listing(of.mirror, tree, of.url.shown)
        for item in listing.files():
            gathered.items[prefix + item.path] = msgspec.structs.replace(item, path=prefix + item.path)
        if len(gathered.items) > self._settings.limits.files:
            words = f"{of.url.shown}: it has more than {self._settings.limits.files} files with its submodules"
            raise SourceError(Fault.TOO_LARGE, words)
        links = [item for item in listing.items.values() if item.mode == SUBMODULE]
        declared = await self._declared(of, listing) if links else {}
        for link in links:
            path, written = prefix + link.path, declared.get(link.path)
            if written is None:
                # As in Git, a link that no file tells the place of is left as it is.
                gathered.items[path] = msgspec.structs.replace(link, path=path)
                continue
            gathered.count += 1
            if gathered.count > MOST or len(within) >= DEEPEST:
                words = f"it has more than {MOST} submodules, or {DEEPEST} within each other, at {path!r}"
                raise SourceError(Fault.TOO_LARGE, f"{of.url.shown}: {words}")
            what = f"{of.url.shown}: the submodule {path!r}"
            inner = await self._url(url, written, what)
            found = await self._entered(gathered, inner, link.id, what)
            if found is None or not await self._collect(gathered, inner, found, (*within, link.path)):
                return False
        return True

    async def _entered(self, gathered: _Gathered, url: GitUrl, commit: str, what: str) -> str | None:
        """Give the tree of a submodule's commit, fetched where it is not here."""
        of = gathered.of
        same = (url.scheme, _netloc(url)) == (of.url.scheme, _netloc(of.url))
        creds = of.creds if same else None
        own = self._cache.mirror(url)
        if gathered.online:
            try:
                await self._remotes.prove(url, own, creds, of.timeout)
                if await of.mirror.commit(commit) is None:
                    async with self._remotes.turn(url, creds):
                        await of.mirror.fetch_module(url, creds, commit, of.timeout)
            except SourceError as error:
                raise SourceError(error.fault, f"{what} cannot be fetched: {error}") from error
        elif not self._remotes.proven(url, own, creds):
            return None
        raw = await of.mirror.commit(commit)
        if raw is None:
            if not gathered.online:
                return None
            raise SourceError(Fault.REF, f"{what}: its repository has no commit {commit}; push it there")
        try:
            return parse_commit(commit, raw).tree
        except ValueError as error:
            raise SourceError(Fault.HOSTILE, f"{what}: {error}") from error

    async def _declared(self, of: Superproject, listing: Listing) -> dict[str, str]:
        """Read the URLs that a tree tells of its submodules, by their paths."""
        file = listing.items.get(FILE)
        if file is None or not file.is_file:
            return {}
        shown = of.url.shown
        if file.size > FILE_LIMIT:
            raise SourceError(Fault.TOO_LARGE, f"{shown}: {FILE} is larger than {FILE_LIMIT // 1024} KiB")
        asked = ["config", "--null", "--no-includes", "--blob", file.id, "--get-regexp", r"^submodule\..*\.(path|url)$"]
        try:
            raw = await of.mirror.git(asked)
        except GitFailed as error:
            if not error.words.strip():
                return {}
            raise SourceError(Fault.HOSTILE, f"{shown}: {FILE} cannot be read; mend it in Git") from None
        told: dict[str, dict[str, str]] = {}
        for entry in raw.decode("utf-8", "surrogateescape").split("\0"):
            key, newline, value = entry.partition("\n")
            name, _, field = key.rpartition(".")
            if newline and value:
                told.setdefault(name, {})[field] = value
        return {one["path"].rstrip("/"): one["url"] for one in told.values() if "path" in one and "url" in one}

    async def _url(self, parent: GitUrl, written: str, what: str) -> GitUrl:
        """Read the URL of a submodule. Raises `SourceError` (HOSTILE) where it is not followed."""
        try:
            if _HELPER.match(written):
                raise ValueError(f"{written[:80]!r} names a program to be run")
            if written.startswith(("./", "../")):
                allow_file = parent.scheme == "file" and self._settings.allow_file
                return read_url(_relative(parent.address, written), allow_file=allow_file)
            url = read_url(written, instead_of=self._settings.instead_of)
        except (SourceError, ValueError) as error:
            words = f"{what} is not followed: {error}; use an https:// or ssh:// URL, or a relative one"
            raise SourceError(Fault.HOSTILE, words) from None
        chosen = rewrite(written.strip(), self._settings.instead_of) != written.strip()
        if not chosen and url.host != parent.host and await _inside(url.host):
            words = f"{what} is not followed: {url.host} is an address of this machine, or of a metadata service"
            raise SourceError(Fault.HOSTILE, words)
        return url


def _relative(base: str, written: str) -> str:
    """Resolve a relative URL as Git does: each `../` takes a part of the repository's own away."""
    scheme, separator, rest = base.partition("://")
    while written.startswith(("./", "../")):
        if written.startswith("../"):
            rest, slash, _ = rest.rpartition("/")
            if not slash:
                raise ValueError(f"{written!r} leads out of the host")
        written = written.partition("/")[2]
    return f"{scheme}{separator}{rest}/{written}"


def _netloc(url: GitUrl) -> str:
    return url.address.split("/")[2]


async def _inside(host: str) -> bool:
    """Say whether a host is this machine, or a metadata service."""
    if is_inside(host):
        return True
    guard = Guard(frozenset())
    try:
        await guard.resolve(host)
    except OSError as error:
        # A host that cannot be found is told by Git, in its own words.
        return "this machine" in str(error)
    finally:
        await guard.close()
    return False
