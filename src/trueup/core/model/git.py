"""A Git source as its declaration asks for it: the repository and the revision of it that is wanted."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from trueup.core.model.artifact import Revision, SourceSpec

GIT = "git"
"""The tag of Git sources."""

_ALGORITHMS = {40: "sha1", 64: "sha256"}


class GitRef(msgspec.Struct, frozen=True):
    """Which commit of a repository is wanted. The first field that is set wins, in the order they stand here.

    `commit`: a full object id. `name`: a full ref such as `refs/pull/7/head`. `semver`: a range over the tags.
    `tag` and `branch`: their short names. `revision`: any of these in one word, as Argo CD's `targetRevision` has
    it: `HEAD`, a branch, a tag, a full or shortened commit, a range over the tags, or a full ref; `tag_prefix`
    limits a range to the tags that begin with it. All empty: the default branch.
    """

    commit: str = ""
    name: str = ""
    semver: str = ""
    tag: str = ""
    branch: str = ""
    revision: str = ""
    tag_prefix: str = ""

    def __str__(self) -> str:
        """Say it to people: `branch main`, `the default branch`."""
        if self.commit:
            return f"commit {self.commit}" + (f" of branch {self.branch}" if self.branch else "")
        for kind in ("name", "semver", "tag", "branch", "revision"):
            if value := getattr(self, kind):
                return f"{'ref' if kind == 'name' else kind} {value}"
        return "the default branch"


class Verification(StrEnum):
    """What must bear a signature: the commit, the annotated tag that it was found by, or both; `ANY` is the tag where
    it was found by an annotated one, else the commit."""

    NOTHING = ""
    HEAD = "HEAD"
    TAG = "Tag"
    BOTH = "TagAndHEAD"
    ANY = "any"


class GitSpec(SourceSpec, frozen=True, tag=GIT):
    """A repository and what is wanted of it.

    `url`: http(s), ssh (also `git@host:path`) or file. `submodules`: also fetch what its submodules name.
    `sparse`: the folders to take, all when empty. `timeout`: seconds for one exchange with the server. `verify`: what
    must bear a signature of a known key, `signers`: the ids of those that count, all where it is empty. `app`: the
    credentials must be those of a GitHub App.
    """

    ref: GitRef = GitRef()
    submodules: bool = False
    sparse: tuple[str, ...] = ()
    timeout: float = 60.0
    verify: Verification = Verification.NOTHING
    signers: tuple[str, ...] = ()
    app: bool = False


def git_revision(commit: str, name: str = "") -> Revision:
    """Make the revision of a commit from its full id and the name it was found by."""
    return Revision(name, f"{_ALGORITHMS.get(len(commit), 'unknown')}:{commit}")
