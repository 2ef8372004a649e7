"""Repository URLs: read, rewritten by `insteadOf`, guarded, and shown without what is secret in them."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

import msgspec

from trueup.core import redaction
from trueup.core.model.artifact import Fault, SourceError
from trueup.core.repository.url import RepositoryUrl, read_repository_url
from trueup.git.credentials import GitCredentials

_SCHEMES = frozenset({"http", "https", "ssh", "file"})


class GitUrl(msgspec.Struct, frozen=True):
    """A URL as it is fetched: rewritten, without user and password; `shown` is the declared one for messages."""

    scheme: str
    host: str
    address: str
    shown: str
    username: str = ""
    password: str = ""


def rewrite(url: str, pairs: Iterable[tuple[str, str]]) -> str:
    """Put the base in place of the longest prefix that fits, as Git's `url.<base>.insteadOf` does."""
    fitting = [pair for pair in pairs if url.startswith(pair[0])]
    if not fitting:
        return url
    prefix, base = max(fitting, key=lambda pair: len(pair[0]))
    return base + url[len(prefix) :]


def read_url(url: str, *, instead_of: Iterable[tuple[str, str]] = (), allow_file: bool = False) -> GitUrl:
    """Read a declared URL. Raises SourceError (URL) that says what is wrong with it."""
    shown = redaction.hide_user(url)

    def refuse(why: str) -> SourceError:
        return SourceError(Fault.URL, f"Git URL {shown!r} {why}")

    target = rewrite(url.strip(), instead_of)
    if not target or any(ord(character) < 0x20 or character == "\x7f" for character in target):
        raise refuse("is empty or holds control characters")
    if target.startswith("-"):
        raise refuse("begins with a dash: write the repository's whole URL")
    try:
        parts = read_repository_url(target)
    except ValueError as error:
        if "://" not in target:
            raise refuse("has no known scheme: use https://, http://, ssh:// or file://") from error
        raise refuse(f"cannot be read: {error}") from error
    if parts.scheme not in _SCHEMES:
        raise refuse("has no known scheme: use https://, http://, ssh:// or file://")
    if parts.scheme == "file":
        return _file_url(parts, shown, allow_file)
    if not parts.host or parts.host.startswith("-") or parts.username.startswith("-"):
        raise refuse("has no valid host name")
    if not parts.path.strip("/"):
        raise refuse("has no path to a repository")
    if parts.extra:
        raise refuse("has a query or a fragment, which Git URLs cannot have")
    user = f"{quote(parts.username, safe='')}@" if parts.scheme == "ssh" and parts.username else ""
    address = f"{parts.scheme}://{user}{parts.netloc}{parts.path.rstrip('/')}"
    return GitUrl(parts.scheme, parts.host, address, shown, parts.username, parts.password)


def _file_url(parts: RepositoryUrl, shown: str, allowed: bool) -> GitUrl:
    if not allowed:
        raise SourceError(
            Fault.URL, f"Git URL {shown!r} is a local file: set TRUEUP_GIT_ALLOW_FILE=true where sources may read these"
        )
    if parts.host not in ("", "localhost"):
        raise SourceError(Fault.URL, f"Git URL {shown!r} names a host: a file URL has three slashes")
    return GitUrl("file", "", f"file://{parts.path}", shown)


def redact(text: str, credentials: GitCredentials | None = None) -> str:
    """Take user and password of URLs, authorization headers and the credentials' own values out of a text."""
    return redaction.redact(text, credentials.secrets if credentials else ())
