"""Sources and their trees in memory."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from os import PathLike

from trueup.core.model.artifact import (
    Artifact,
    Fault,
    IgnoreRules,
    Provenance,
    Resolved,
    Revision,
    Signature,
    SourceCredentials,
    SourceError,
    SourceSpec,
)
from trueup.core.model.git import git_revision
from trueup.core.model.objects import Body, ObjectRef, digest_of
from trueup.core.model.recipe import (
    TreeIds,
)
from trueup.core.model.unit import SourceDeclaration


class FakeTree:
    """A commit's content by id: a folder has the digest of its objects."""

    def __init__(self, folders: Mapping[str, Sequence[Body]]) -> None:
        """Take folder → objects."""
        self.folders = folders

    def entry(self, path: str) -> str | None:
        """Give a folder's id."""
        return digest_of(list(self.folders[path])) if path in self.folders else None

    def names(self, path: str) -> tuple[str, ...] | None:
        """Give no names: nothing lists folders here."""
        return ()


class FakeCheckout:
    """A tree that is held; its path names the commit."""

    def __init__(self, path: PathLike[str], ids: TreeIds) -> None:
        """Take both."""
        self.path = path
        self.ids = ids


class _Path:
    def __init__(self, commit: str) -> None:
        self.commit = commit

    def __fspath__(self) -> str:
        return self.commit


class FakeRepository:
    """Sources: every URL has the same commits. `fault` is raised while set. Implements `Sources`."""

    def __init__(self, first: int = 1) -> None:
        """Start without commits; `first` is the number of the first, so that those of several repositories differ."""
        self.commits: dict[str, FakeTree] = {}
        self.head = ""
        self.fault: SourceError | None = None
        self.forgotten: list[str] = []
        self._numbers = itertools.count(first)

    def tree(self, commit: str) -> FakeTree:
        """Give a commit."""
        return self.commits[commit]

    def commit(self, folders: Mapping[str, Sequence[Body]]) -> str:
        """Make a commit the branch's head; gives its id."""
        self.head = f"{next(self._numbers):040x}"
        self.commits[self.head] = FakeTree(folders)
        return self.head

    async def resolve(
        self, spec: SourceSpec, credentials: SourceCredentials | None, at: str = "", fresh: bool = False
    ) -> Revision:
        """Give the head, or the commit that `at` names."""
        if at in self.commits:
            return git_revision(at)
        if self.fault:
            raise self.fault
        if not self.head:
            raise SourceError(Fault.REF, "branch main does not exist")
        return git_revision(self.head, "main")

    async def fetch(
        self, spec: SourceSpec, revision: Revision, credentials: SourceCredentials | None, ignore: IgnoreRules
    ) -> Resolved:
        """Give a commit."""
        found = await self.recall(spec, revision, credentials, ignore)
        if found is None:
            raise self.fault or SourceError(Fault.REF, f"there is no commit {revision.id}")
        return found

    async def recall(
        self, spec: SourceSpec, revision: Revision, credentials: SourceCredentials | None, ignore: IgnoreRules
    ) -> Resolved | None:
        """Give an earlier commit."""
        return self._resolved(spec, revision) if revision.id in self.commits else None

    def _resolved(self, spec: SourceSpec, revision: Revision) -> Resolved:
        tree = digest_of({path: list(found) for path, found in self.commits[revision.id].folders.items()})
        who = Signature("A", "a@example.com", datetime(2026, 1, 5, tzinfo=UTC))
        commit = Provenance(revision.id, tree, who, who, "change")
        return Resolved(spec.kind, spec.url, revision, commit, tree, "mirror")

    async def ids(self, resolved: Resolved) -> TreeIds:
        """Give the commit's tree."""
        return self.commits[resolved.revision.id]

    @asynccontextmanager
    async def checkout(self, resolved: Resolved) -> AsyncIterator[FakeCheckout]:
        """Hold the commit."""
        yield FakeCheckout(_Path(resolved.revision.id), self.commits[resolved.revision.id])

    async def publish(self, declaration: SourceDeclaration, resolved: Resolved) -> Artifact:
        """Give an artifact that lies nowhere."""
        return Artifact(resolved.revision, "a.tar.gz", "http://a", "sha256:00", 1, datetime(2026, 1, 5, tzinfo=UTC))

    def followed(self, spec: SourceSpec, tenants: frozenset[str]) -> None:
        """Do nothing."""

    def forget(self, spec: SourceSpec) -> None:
        """Take note that nobody follows an origin any more."""
        self.forgotten.append(spec.url)

    def withdraw(self, ref: ObjectRef) -> None:
        """Do nothing."""


class FakeRepositories(FakeRepository):
    """Sources of several repositories, by URL; whatever URL has none of its own is this one. Implements `Sources`."""

    def __init__(self, **others: FakeRepository) -> None:
        """Take the others by URL."""
        super().__init__()
        self.others = others

    def _of(self, url: str) -> FakeRepository | None:
        return self.others.get(url)

    def tree(self, commit: str) -> FakeTree:
        """Give a commit of any of them."""
        return next(one.commits[commit] for one in (*self.others.values(), self) if commit in one.commits)

    async def resolve(
        self, spec: SourceSpec, credentials: SourceCredentials | None, at: str = "", fresh: bool = False
    ) -> Revision:
        """Give the head of the repository, or the commit that `at` names."""
        other = self._of(spec.url)
        ask = other.resolve if other is not None else super().resolve
        return await ask(spec, credentials, at, fresh)

    async def recall(
        self, spec: SourceSpec, revision: Revision, credentials: SourceCredentials | None, ignore: IgnoreRules
    ) -> Resolved | None:
        """Give an earlier commit of the repository."""
        other = self._of(spec.url)
        ask = other.recall if other is not None else super().recall
        return await ask(spec, revision, credentials, ignore)

    async def ids(self, resolved: Resolved) -> TreeIds:
        """Give the commit's tree."""
        return self.tree(resolved.revision.id)

    @asynccontextmanager
    async def checkout(self, resolved: Resolved) -> AsyncIterator[FakeCheckout]:
        """Hold the commit."""
        yield FakeCheckout(_Path(resolved.revision.id), self.tree(resolved.revision.id))


class NoCredentials:
    """Lets everybody in. Implements `Credentials`."""

    async def of(self, declaration: SourceDeclaration) -> SourceCredentials | None:
        """Give none."""
        return None
