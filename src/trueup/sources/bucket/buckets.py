"""Buckets as sources: listed by etags, of which the revision is a digest; only objects that changed are fetched.

A bucket has no history: a revision that was not fetched while it was the newest is there no more. What was fetched is
kept for the credentials that have fetched it, since a store may let somebody list what they may not read.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path

import msgspec
from pathspec import PathSpec
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

from trueup.core.model.artifact import (
    Fault,
    IgnoreRules,
    Provenance,
    Resolved,
    Revision,
    SourceCredentials,
    SourceError,
)
from trueup.core.repository.bucket import BUCKET, BucketSpec
from trueup.git.mirror import Mirror
from trueup.git.process import GitFailed
from trueup.git.tree.ignoring import RULES_FILE
from trueup.sources.bucket.address import BucketAddress, read_address
from trueup.sources.bucket.credentials import BucketCredentials, bucket_credentials
from trueup.sources.bucket.listing import KEYS_LIMIT, Object, checked, revision_of, wanted
from trueup.sources.bucket.store import CONNECTIONS, Moved, Store
from trueup.sources.cache import Cache
from trueup.sources.contents import RULES_LIMIT
from trueup.sources.imports import Imports, Item, too_slow
from trueup.sources.polls import Polls
from trueup.sources.proofs import Turns

LISTINGS_KEPT = 16
"""Listings that are held until what they name is fetched."""

_SCRIPT = Path(__file__).with_name("importing.py")
_DENIED = (Fault.CREDENTIALS, Fault.NOT_FOUND)

Objects = dict[str, Object]


class _Asked(msgspec.Struct, frozen=True):
    """One source's question: what of which bucket, as whom."""

    spec: BucketSpec
    address: BucketAddress
    creds: BucketCredentials

    @property
    def view(self) -> str:
        """Name what is wanted of the bucket, and who wants it."""
        told = msgspec.json.encode((self.spec.prefix, self.spec.ignore, self.creds.who))
        return hashlib.sha256(told).hexdigest()[:32]

    def item(self, revision: Revision) -> Item:
        """Name one revision in the mirror."""
        return Item(f"refs/trueup/bucket/{self.view}/{revision.id}", revision.id, self.address.shown)


class BucketSource:
    """All buckets of this process. What is on disk is in the cache that all kinds of sources share."""

    def __init__(self, cache: Cache) -> None:
        """Take the cache, which somebody else starts."""
        self.cache = cache
        self._polls: Polls[Revision] = Polls(cache.settings.poll_window)
        self._turns = Turns(cache.settings.parallel)
        self._imports = Imports(cache)
        self._listings: OrderedDict[tuple[str, str], Objects] = OrderedDict()
        # The revision that was had last of each view: what has not changed since is not fetched again.
        self._last: dict[tuple[str, str], Revision] = {}
        self._regions: dict[str, str] = {}

    async def resolve(self, spec: BucketSpec, credentials: SourceCredentials | None, fresh: bool = False) -> Revision:
        """List a bucket, and give the digest of what is wanted of it. Raises `SourceError`."""
        asked = _asked(spec, credentials)
        question = (asked.address.address, asked.view)

        async def ask() -> Revision:
            return await self._listed(asked)

        return await self._polls.one(question, self._turn(asked), ask, fresh)

    async def fetch(
        self, spec: BucketSpec, revision: Revision, credentials: SourceCredentials | None, ignore: IgnoreRules
    ) -> Resolved:
        """Give the objects of a revision, fetched if they are not here. Raises `SourceError`."""
        asked = _asked(spec, credentials)
        mirror = self.cache.mirror(asked.address.kept)
        if not self.cache.proofs.lately(_proof(mirror, asked)):
            await self.resolve(spec, credentials)
        if (known := self.cache.known(_key(asked, revision, ignore))) is not None:
            return known
        item = asked.item(revision)
        async with self._turn(asked):
            commit = await self._imports.commit(mirror, item)
            if not commit:
                commit = await self._imports.brought(mirror, item, lambda: self._bring(asked, revision))
        return await self._described(asked, revision, commit, ignore)

    async def recall(
        self, spec: BucketSpec, revision: Revision, credentials: SourceCredentials | None, ignore: IgnoreRules
    ) -> Resolved | None:
        """Give a revision that was fetched before, without any network."""
        asked = _asked(spec, credentials)
        mirror = self.cache.mirror(asked.address.kept)
        if self.cache.proofs.since(_proof(mirror, asked)) is None:
            return None
        if (known := self.cache.known(_key(asked, revision, ignore))) is not None:
            return known
        commit = await self._imports.commit(mirror, asked.item(revision))
        return await self._described(asked, revision, commit, ignore) if commit else None

    def followed(self, spec: BucketSpec, tenants: frozenset[str]) -> None:
        """Take note of whose sources follow a bucket now."""
        with suppress(SourceError):
            self.cache.quotas.followed(read_address(spec).address, tenants)

    def forget(self, spec: BucketSpec) -> None:
        """Remove all that is kept and known of a bucket that no source follows any more."""
        with suppress(SourceError):
            address = read_address(spec).address
            self._polls.forget(address)
            self._last = {key: one for key, one in self._last.items() if key[0] != address}
            self._regions.pop(address, None)
            self.cache.forget(address)

    # ---------------------------------------------------------------------------------------------- listing

    def _turn(self, asked: _Asked) -> asyncio.Semaphore:
        return self._turns.of(f"{asked.address.host} {asked.creds.who}")

    def _store(self, asked: _Asked) -> Store:
        return Store(asked.address, asked.creds, self._regions.get(asked.address.address) or asked.spec.region)

    async def _listed(self, asked: _Asked) -> Revision:
        """List a bucket; its answer proves that it lets these credentials in, or does not."""
        proof = _proof(self.cache.mirror(asked.address.kept), asked)
        try:
            async with asyncio.timeout(asked.spec.timeout):
                async with self._store(asked) as store:
                    objects = await self._objects(store, asked)
                    self._regions[asked.address.address] = store.region
        except TimeoutError as error:
            raise too_slow(asked.address.shown, asked.spec.timeout) from error
        except SourceError as error:
            if error.fault in _DENIED:
                await self.cache.proofs.refused(proof)
            raise
        await self.cache.proofs.let_in(proof)
        revision = revision_of(objects)
        self._listings[asked.view, revision.id] = objects
        self._listings.move_to_end((asked.view, revision.id))
        while len(self._listings) > LISTINGS_KEPT:
            self._listings.popitem(last=False)
        return revision

    async def _objects(self, store: Store, asked: _Asked) -> Objects:
        spec, shown, limits = asked.spec, asked.address.shown, self.cache.settings.limits
        raw = await store.small(RULES_FILE, RULES_LIMIT)
        rules = _rules(raw.decode(errors="replace") if raw else "", spec.ignore or "", shown)
        objects: Objects = {}
        count, more, tokens = 0, "", set()
        while True:
            page = await store.page(spec.prefix, more)
            count += len(page.objects)
            for key, item in page.objects:
                if key != RULES_FILE and wanted(key, rules, spec.prefix):
                    objects[key] = item
            more = page.more
            if not more:
                break
            if count > KEYS_LIMIT or more in tokens or not page.objects:
                words = f"{shown}: its listing has no end, or more than {KEYS_LIMIT} keys; narrow it by spec.prefix"
                raise SourceError(Fault.TOO_LARGE, words)
            if len(objects) > limits.files:
                break
            tokens.add(more)
        if len(objects) > limits.files:
            words = f"{shown}: it has more than {limits.files} objects; narrow it by spec.prefix or spec.ignore"
            raise SourceError(Fault.TOO_LARGE, words)
        checked(objects, limits, shown)
        if not objects:
            # It may have been emptied by mistake, or the prefix be misspelt: everything delivered would be removed.
            below = f" below the prefix {spec.prefix!r}" if spec.prefix else ""
            words = f"{shown}: it has no objects{below} that are not left out; what was fetched before stays in use"
            raise SourceError(Fault.REF, words)
        return objects

    # --------------------------------------------------------------------------------------------- fetching

    async def _bring(self, asked: _Asked, revision: Revision) -> None:
        """Fetch the objects that are not here with the same etag, and keep all of them as one commit."""
        objects = self._listings.get((asked.view, revision.id))
        shown, mirror, item = asked.address.shown, self.cache.mirror(asked.address.kept), asked.item(revision)
        if objects is None:
            found = await self._listed(asked)
            if found != revision:
                words = f"{shown}: {revision} is there no more: a bucket keeps no earlier state of its objects"
                raise SourceError(Fault.REF, words)
            objects = self._listings[asked.view, revision.id]
        known = await self._known(asked, mirror, objects)
        async with self._imports.folder(shown) as folder:
            missing = [key for key in objects if key not in known]
            files = {key: folder / str(number) for number, key in enumerate(missing)}
            try:
                async with asyncio.timeout(asked.spec.timeout):
                    await self._fetched(asked, objects, files)
            except TimeoutError as error:
                raise too_slow(shown, asked.spec.timeout) from error
            except Moved as moved:
                words = f"{shown}: {moved} while it was fetched; it is listed again; what was fetched before stays"
                raise SourceError(Fault.REF, words) from None
            finally:
                self._listings.pop((asked.view, revision.id), None)
            told = {
                "message": "{}",
                "files": [(key, str(path)) for key, path in files.items()],
                "known": list(known.items()),
                "note": msgspec.json.encode({key: one.etag for key, one in objects.items()}).decode(),
            }
            await self._imports.run(mirror, item, _SCRIPT, [item.ref], msgspec.json.encode(told))

    async def _fetched(self, asked: _Asked, objects: Objects, files: dict[str, Path]) -> None:
        """Write objects to files, some at a time."""
        left = list(files.items())
        async with self._store(asked) as store:

            async def work() -> None:
                while left:
                    key, path = left.pop()
                    await store.fetch(key, objects[key], path)

            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(min(CONNECTIONS, len(files))):
                        group.create_task(work())
            except ExceptionGroup as several:
                raise several.exceptions[0] from None

    async def _known(self, asked: _Asked, mirror: Mirror, objects: Objects) -> dict[str, str]:
        """Give the blobs of objects that were fetched for the same source before, by key."""
        last = self._last.get((asked.address.address, asked.view))
        if last is None or mirror.suspect:
            return {}
        item = asked.item(last)
        try:
            note = msgspec.json.decode(await mirror.git(["cat-file", "blob", f"{item.ref}-note:note"]))
            raw = await mirror.git(["ls-tree", "-r", "-z", "--full-tree", item.ref])
        except (GitFailed, OSError, ValueError):
            return {}
        known = {}
        for line in raw.split(b"\0")[:-1]:
            head, _, path = line.partition(b"\t")
            key = path.decode("utf-8", "surrogateescape")
            if key in objects and note.get(key) == objects[key].etag:
                known[key] = head.split()[2].decode()
        return known

    # ------------------------------------------------------------------------------------------- describing

    async def _described(self, asked: _Asked, revision: Revision, commit: str, ignore: IgnoreRules) -> Resolved:
        mirror, shown = self.cache.mirror(asked.address.kept), asked.address.shown
        made = await self._imports.read(mirror, commit, asked.item(revision))
        tree = await self._imports.tree(mirror, made.tree, ignore, shown)
        provenance = Provenance(revision.id, made.tree)
        self._last[asked.address.address, asked.view] = revision
        resolved = Resolved(BUCKET, asked.spec.url, revision, provenance, tree, str(mirror.folder))
        return self.cache.keep(_key(asked, revision, ignore), resolved)


def _asked(spec: BucketSpec, credentials: SourceCredentials | None) -> _Asked:
    address = read_address(spec)
    return _Asked(spec, address, bucket_credentials(credentials, address.shown))


def _rules(text: str, own: str, shown: str) -> PathSpec[GitIgnoreSpecPattern] | None:
    """Give what the bucket's rules and the source's own leave out; the last rule that matches decides."""
    lines = [*text.splitlines(), *own.splitlines()]
    try:
        return PathSpec.from_lines(GitIgnoreSpecPattern, lines) if lines else None
    except ValueError as error:
        raise SourceError(Fault.RULES, f"{shown}: the ignore rules cannot be read: {error}") from error


def _key(asked: _Asked, revision: Revision, ignore: IgnoreRules) -> tuple[str, str, str, str]:
    return (asked.address.address, revision.id, revision.name, f"{ignore.key}\0{asked.view}")


def _proof(mirror: Mirror, asked: _Asked) -> str:
    return f"{mirror.key}.{asked.view}"
