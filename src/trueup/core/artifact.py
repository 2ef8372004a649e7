"""The values of Git sources: what is asked for, the commit it is, and the artifact that others can fetch.

Revisions are written as Flux writes them (`main@sha1:…`), so that status fields need no second format. Secret values
are never part of a `repr`. Times are aware datetimes; sizes are bytes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from urllib.parse import quote

import msgspec

_ALGORITHMS = {40: "sha1", 64: "sha256"}
_HEX = re.compile(r"[0-9a-f]+")


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


class GitSpec(msgspec.Struct, frozen=True):
    """A repository and what is wanted of it.

    `url`: http(s), ssh (also `git@host:path`) or file. `submodules`: also fetch what its submodules name.
    `sparse`: the folders to take, all when empty. `timeout`: seconds for one exchange with the server.
    """

    url: str
    ref: GitRef = GitRef()
    submodules: bool = False
    sparse: tuple[str, ...] = ()
    timeout: float = 60.0


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


class GitCredentials(msgspec.Struct, frozen=True):
    """How to be let in. Every field may be empty; only those that fit the URL are used.

    `username`, `password`: HTTP basic, or the passphrase of `ssh_key`. `bearer`: an HTTP bearer token. `ssh_key`:
    a private key in PEM; `known_hosts`: the accepted host keys. `ca`: PEM certificates that replace the system's;
    `client_certificate`, `client_key`: PEM, for mutual TLS. `insecure` accepts any certificate or host key.
    `proxy`: URL of an HTTP(S) or SOCKS proxy, which may hold its own user and password.
    """

    username: str = ""
    password: str = ""
    bearer: str = ""
    ssh_key: str = ""
    known_hosts: str = ""
    ca: str = ""
    client_certificate: str = ""
    client_key: str = ""
    insecure: bool = False
    proxy: str = ""

    def __repr__(self) -> str:
        """Name the fields that are set, never their values."""
        return f"GitCredentials({', '.join(name for name in self.__struct_fields__ if getattr(self, name))})"

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values that must appear in no message."""
        return tuple(value for value in (self.password, self.bearer, self.ssh_key, self.client_key) if value)

    @classmethod
    def from_secret(cls, data: Mapping[str, bytes], proxy: Mapping[str, bytes] | None = None) -> GitCredentials:
        """Read a Secret's decoded data, in the keys of Flux and of Argo CD alike; `proxy` is a proxy Secret's data.

        Unknown keys are left alone; bytes that are no UTF-8 are replaced, and then refused by the server.
        """

        def text(*keys: str) -> str:
            return next((data[key].decode("utf-8", "replace") for key in keys if data.get(key)), "")

        address = ""
        if proxy and proxy.get("address"):
            address = _with_user(*(proxy.get(key, b"").decode() for key in ("address", "username", "password")))
        return cls(
            username=text("username"),
            password=text("password"),
            bearer=text("bearerToken"),
            ssh_key=text("identity", "sshPrivateKey"),
            known_hosts=text("known_hosts"),
            ca=text("ca.crt", "caFile"),
            client_certificate=text("tls.crt", "certFile", "tlsClientCertData"),
            client_key=text("tls.key", "keyFile", "tlsClientCertKey"),
            insecure=text("insecure", "insecureIgnoreHostKey") == "true",
            proxy=address or text("proxy"),
        )


def _with_user(address: str, username: str, password: str) -> str:
    scheme, sep, rest = address.partition("://")
    if not sep or not username or "@" in rest.partition("/")[0]:
        return address
    return f"{scheme}://{quote(username, safe='')}:{quote(password, safe='')}@{rest}"


class Revision(msgspec.Struct, frozen=True, order=True):
    """A revision: the commit's id and the name by which it was found (`main`, `v1.0.0`, a full ref, or empty)."""

    commit: str
    name: str = ""

    def __str__(self) -> str:
        """Write it as `main@sha1:…`, or `sha1:…` without a name."""
        digest = f"{_ALGORITHMS.get(len(self.commit), 'unknown')}:{self.commit}"
        return f"{self.name}@{digest}" if self.name else digest

    @property
    def short(self) -> str:
        """The commit's first eight digits, for people."""
        return self.commit[:8]

    @classmethod
    def parse(cls, text: str) -> Revision:
        """Read `main@sha1:…`, `sha1:…`, a bare commit, or the older `main/…`. Raises ValueError on anything else."""
        name, at, digest = text.rpartition("@")
        if not at:
            name, _, digest = text.rpartition("/")
        algorithm, colon, commit = digest.rpartition(":")
        if not _HEX.fullmatch(commit) or (colon and _ALGORITHMS.get(len(commit)) != algorithm):
            raise ValueError(f"{text!r} is no Git revision: expected NAME@sha1:COMMIT or sha1:COMMIT")
        if not colon and len(commit) not in _ALGORITHMS:
            raise ValueError(f"{text!r} is no Git revision: {commit!r} is no full commit id")
        return cls(commit, name)


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


class CommitInfo(msgspec.Struct, frozen=True):
    """What is kept of a commit. `tree` and `parents` are object ids; `trailers` are its `Key: value` last lines."""

    id: str
    tree: str
    author: Signature
    committer: Signature
    message: str
    parents: tuple[str, ...] = ()
    trailers: tuple[tuple[str, str], ...] = ()
    pull_request: PullRequest | None = None

    @property
    def subject(self) -> str:
        """The message's first line."""
        return self.message.partition("\n")[0]


class Resolved(msgspec.Struct, frozen=True):
    """A commit that lies in the cache, and the tree that is delivered of it.

    `tree` is the Git id of the commit's tree without what ignore rules and `sparse` leave out: equal trees have
    equal files. `mirror` names the mirror that holds it. `warnings` are things left out that the user may miss.
    """

    url: str
    revision: Revision
    commit: CommitInfo
    tree: str
    mirror: str
    warnings: tuple[str, ...] = ()


class Artifact(msgspec.Struct, frozen=True):
    """A tarball that others can fetch: what status shows of a source. `digest` is `sha256:…`, `path` is below `url`."""

    revision: Revision
    path: str
    url: str
    digest: str
    size: int
    updated: datetime
    metadata: dict[str, str] = {}


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


_STALLED = frozenset({Fault.URL, Fault.TOO_LARGE, Fault.HOSTILE, Fault.RULES})


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
