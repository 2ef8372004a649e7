"""The values of sources: what is asked for, the revision it is, its content, and what others can fetch of it.

They are the same for every kind of source; what one kind alone knows is in its own module (`trueup.core.model.git`).
Revisions are written as Flux writes them (`main@sha1:…`), so that status fields need no second format. Secret values
are never part of a `repr`. Times are aware datetimes; sizes are bytes.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from enum import StrEnum

import msgspec

CHART = "chart"
"""The algorithm of charts' digests: that of the archive by SHA-256, whose version is what users know it by."""

_LENGTHS = {"sha1": 40, "sha256": 64, "sha512": 128, CHART: 64}
_BARE = {40: "sha1", 64: "sha256"}
_HEX = re.compile(r"[0-9a-f]+")


class SourceSpec(msgspec.Struct, frozen=True):
    """Where desired state comes from, as declared. Each kind of source derives its own, with a `tag` of its own.

    The tag chooses the provider (`trueup.sources.registry`). `url` is the declared address; sources with the same kind
    and URL are versions of the same thing.
    """

    url: str

    @property
    def kind(self) -> str:
        """The tag of this kind of source: `git`, `oci`, `http` and so on."""
        return str(self.__struct_config__.tag or "")

    @property
    def origin(self) -> tuple[str, str]:
        """Name the repository, bucket or registry that is followed, whatever revision of it is wanted."""
        return self.kind, self.url

    def remembered(self, text: str) -> Revision:
        """Read a revision as a status shows it. Raises ValueError on anything else."""
        return Revision.parse(text)


class SourceCredentials(msgspec.Struct, frozen=True):
    """Secrets for a source, not decoded: each provider knows the keys it reads.

    `data` is the source's own Secret, `proxy` the Secret of the proxy it is reached through, `keys` the one of the
    public keys whose signatures count; each may be empty. `secret` names the first as `namespace/name`, for messages.
    """

    data: dict[str, bytes] = {}
    proxy: dict[str, bytes] = {}
    keys: dict[str, bytes] = {}
    secret: str = ""

    def __repr__(self) -> str:
        """Name the keys, never their values."""
        return f"SourceCredentials({', '.join((*self.data, *(f'proxy.{key}' for key in self.proxy)))})"


class IgnoreRules(msgspec.Struct, frozen=True):
    """Which files of a tree an artifact leaves out.

    Not `enabled`: none. Enabled: the version control files, and with them either the default rules or, where there
    are any, the rules of `text` (gitignore syntax) and of the `.sourceignore` files in the tree, which replace these.
    """

    enabled: bool = False
    text: str | None = None

    @property
    def key(self) -> str:
        """A short digest: equal keys leave out the same files of the same tree."""
        if not self.enabled:
            return "all"
        return hashlib.sha256(b"\0" if self.text is None else b"\1" + self.text.encode()).hexdigest()[:16]


class Revision(msgspec.Struct, frozen=True, order=True):
    """One version of a source: a digest such as `sha1:…`, and the name it was found by.

    The name is a branch, a tag, a full ref or a version; empty where it was found by the digest alone.
    """

    name: str
    digest: str

    def __str__(self) -> str:
        """Write it as `main@sha1:…`, or `sha1:…` without a name."""
        return f"{self.name}@{self.digest}" if self.name else self.digest

    @property
    def id(self) -> str:
        """The digest without its algorithm; for Git the commit's id."""
        return self.digest.rpartition(":")[2]

    @property
    def version(self) -> str:
        """The version by which users know the revision of a chart; empty for all else."""
        return self.name if self.digest.startswith(f"{CHART}:") else ""

    @property
    def bare(self) -> str:
        """The version of a chart, or the id of all else: what builds are told of the revision."""
        return self.version or self.id

    @property
    def short(self) -> str:
        """The first eight digits of the id, for people."""
        return self.id[:8]

    @classmethod
    def parse(cls, text: str) -> Revision:
        """Read `main@sha1:…`, `sha1:…`, a bare commit, or the older `main/…`. Raises ValueError on anything else."""
        name, at, digest = text.rpartition("@")
        if not at:
            name, _, digest = text.rpartition("/")
        algorithm, colon, id = digest.rpartition(":")
        if not _HEX.fullmatch(id) or (colon and _LENGTHS.get(algorithm) != len(id)):
            raise ValueError(f"{text!r} is no revision: expected NAME@sha1:DIGEST or sha1:DIGEST")
        if not colon and len(id) not in _BARE:
            raise ValueError(f"{text!r} is no revision: {id!r} is no full digest")
        return cls(name, digest if colon else f"{_BARE[len(id)]}:{id}")


class Signature(msgspec.Struct, frozen=True):
    """Who did something and when, in their own time zone."""

    name: str
    email: str
    when: datetime

    def __str__(self) -> str:
        """Write it as Git does: `Name <mail>`."""
        return f"{self.name} <{self.email}>"


class PullRequest(msgspec.Struct, frozen=True):
    """The pull or merge request that a commit's message names: its number, title and source branch where told."""

    number: int
    title: str = ""
    branch: str = ""


class Provenance(msgspec.Struct, frozen=True):
    """Who made a revision, when and why, as far as its source tells.

    For Git it is the commit: `tree` and `parents` are object ids, `trailers` the message's `Key: value` last lines.
    Other sources fill in what they know; `id` is always there. This is stored in histories: do not rename fields.
    """

    id: str
    tree: str = ""
    author: Signature | None = None
    committer: Signature | None = None
    message: str = ""
    parents: tuple[str, ...] = ()
    trailers: tuple[tuple[str, str], ...] = ()
    pull_request: PullRequest | None = None

    @property
    def author_name(self) -> str:
        """The author's name, empty where the source tells none."""
        return self.author.name if self.author else ""

    @property
    def subject(self) -> str:
        """The message's first line."""
        return self.message.partition("\n")[0]


class Resolved(msgspec.Struct, frozen=True):
    """The immutable content of a revision, held by its provider.

    `kind` is the tag of the provider, `location` where that keeps it. `tree` names the content that is delivered,
    without what ignore rules leave out: equal trees have equal files. `warnings` are things left out that the user may
    miss. `metadata` is what the source tells of the revision in its own words, such as an OCI artifact's annotations.
    `verified` says whose signatures it bears, empty where none are wanted.
    `single` is the one file that others fetch as it is, and not packed.
    """

    kind: str
    url: str
    revision: Revision
    provenance: Provenance
    tree: str
    location: str
    warnings: tuple[str, ...] = ()
    metadata: dict[str, str] = {}
    verified: str = ""
    single: str = ""


class Artifact(msgspec.Struct, frozen=True):
    """A tarball that others can fetch: what status shows of a source. `digest` is `sha256:…`, `path` is below `url`."""

    revision: Revision
    path: str
    url: str
    digest: str
    size: int
    updated: datetime
    metadata: dict[str, str] = {}


_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def amount(size: int) -> str:
    """Write a number of bytes for people."""
    number, unit = float(size), 0
    while number >= 1024 and unit < len(_UNITS) - 1:
        number, unit = number / 1024, unit + 1
    return f"{number:.1f} {_UNITS[unit]}" if unit else f"{size} B"


class Fault(StrEnum):
    """What went wrong with a source."""

    URL = "URLInvalid"
    CREDENTIALS = "AuthenticationFailed"
    REF = "RefNotFound"
    UNREACHABLE = "Unreachable"
    TIMEOUT = "Timeout"
    PROTOCOL = "ProtocolError"
    NOT_FOUND = "RepositoryNotFound"
    TOO_LARGE = "TooLarge"
    HOSTILE = "HostileContent"
    DISK = "DiskFull"
    CACHE = "CacheBroken"
    RULES = "IgnoreRulesInvalid"
    UNVERIFIED = "VerificationError"
    COMMIT_SIGNATURE = "InvalidCommitSignature"
    TAG_SIGNATURE = "InvalidTagSignature"
    VALUES = "ValuesFilesInvalid"


UNSIGNED = frozenset({Fault.UNVERIFIED, Fault.COMMIT_SIGNATURE, Fault.TAG_SIGNATURE})
"""What says that something could be had, and is not taken for its signature."""

_STALLED = frozenset({Fault.URL, Fault.TOO_LARGE, Fault.HOSTILE, Fault.RULES, Fault.VALUES})


class SourceError(Exception):
    """A source could not be had. The message says what, where, and what to do; credentials never stand in it.

    `fault` says what it was. `stalled` tells whether only the user can help: the object's spec, or the repository
    itself, must change before another try makes sense. Otherwise the same call may succeed later.
    """

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault = fault

    @property
    def stalled(self) -> bool:
        """Whether a retry without a change by the user is pointless."""
        return self.fault in _STALLED
