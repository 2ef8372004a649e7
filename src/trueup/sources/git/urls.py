"""Repository URLs: read, rewritten by `insteadOf`, guarded, and shown without what is secret in them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

import msgspec

from trueup.core import redaction
from trueup.core.artifact import Fault, GitCredentials, SourceError

_SCP = re.compile(r"(?:(?P<user>[A-Za-z0-9_][\w.+-]*)@)?(?P<host>[A-Za-z0-9_][\w.-]*):(?P<path>(?!//)[^\s].*)")
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
    shown = redact(url)

    def refuse(why: str) -> SourceError:
        return SourceError(Fault.URL, f"Git URL {shown!r} {why}")

    target = rewrite(url.strip(), instead_of)
    if not target or any(ord(character) < 0x20 or character == "\x7f" for character in target):
        raise refuse("is empty or holds control characters")
    if target.startswith("-"):
        raise refuse("begins with a dash: write the repository's whole URL")
    if target.startswith("/"):
        target = f"file://{quote(target)}"
    if "://" not in target and (scp := _SCP.fullmatch(target)):
        path = scp["path"] if scp["path"].startswith("/") else f"/{scp['path']}"
        target = f"ssh://{scp['user'] + '@' if scp['user'] else ''}{scp['host']}{path}"
    try:
        parts = urlsplit(target)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise refuse(f"cannot be read: {error}") from error
    if parts.scheme not in _SCHEMES:
        raise refuse("has no known scheme: use https://, http://, ssh:// or file://")
    if parts.scheme == "file":
        return _file_url(parts, shown, allow_file)
    if not host or host.startswith("-") or (parts.username or "").startswith("-"):
        raise refuse("has no valid host name")
    if not parts.path.strip("/"):
        raise refuse("has no path to a repository")
    if parts.query or parts.fragment:
        raise refuse("has a query or a fragment, which Git URLs cannot have")
    netloc = (f"[{host}]" if ":" in host else host) + (f":{port}" if port else "")
    username, password = unquote(parts.username or ""), unquote(parts.password or "")
    if parts.scheme == "ssh":
        netloc = f"{quote(username, safe='')}@{netloc}" if username else netloc
    address = urlunsplit((parts.scheme, netloc, parts.path.rstrip("/"), "", ""))
    return GitUrl(parts.scheme, host, address, shown, username, password)


def _file_url(parts: SplitResult, shown: str, allowed: bool) -> GitUrl:
    if not allowed:
        raise SourceError(
            Fault.URL, f"Git URL {shown!r} is a local file: set TRUEUP_GIT_ALLOW_FILE=true where sources may read these"
        )
    if parts.netloc not in ("", "localhost"):
        raise SourceError(Fault.URL, f"Git URL {shown!r} names a host: a file URL has three slashes")
    return GitUrl("file", "", f"file://{parts.path}", shown)


def redact(text: str, credentials: GitCredentials | None = None) -> str:
    """Take user and password of URLs, authorization headers and the credentials' own values out of a text."""
    return redaction.redact(text, credentials.secrets if credentials else ())
