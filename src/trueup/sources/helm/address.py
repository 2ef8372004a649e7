"""Where a repository of charts lies: the server and path of an `http(s)://` URL, its index and its charts' archives."""

from __future__ import annotations

import re
from urllib.parse import urljoin, urlsplit, urlunsplit

import msgspec

from trueup.core import redaction
from trueup.core.model.artifact import Fault, SourceError
from trueup.git.urls import GitUrl

APART = "helm+"
"""What is kept of charts is kept apart from what other kinds of sources keep of the same URL."""

_CHART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_LONGEST = 250


class HelmAddress(msgspec.Struct, frozen=True):
    """A repository: its URL in one form (`base`), its host with a port, its path (`name`), the declared URL (`shown`).

    `query` is kept: some repositories have a token in it.
    """

    base: str
    host: str
    name: str
    shown: str
    query: str = ""

    @property
    def index(self) -> str:
        """The URL of its index."""
        return self._with_query(f"{self.base}/index.yaml")

    @property
    def plain(self) -> bool:
        """Whether it speaks HTTP."""
        return self.base.startswith("http://")

    def archive(self, url: str) -> str:
        """Give the URL of an archive as the index names it, relative to the repository or in full."""
        if urlsplit(url).scheme:
            return url
        return self._with_query(urljoin(f"{self.base}/", url))

    @property
    def kept(self) -> GitUrl:
        """What is kept of its charts on disk, as the mirrors name it."""
        return GitUrl("helm", self.host, f"{APART}{self.base}?{self.query}", self.shown)

    def _with_query(self, url: str) -> str:
        return f"{url}?{self.query}" if self.query and not urlsplit(url).query else url


def read_helm_address(url: str) -> HelmAddress:
    """Read a declared URL. Raises `SourceError` (URL) that says what is wrong with it."""
    text = url.strip()
    shown = redaction.hide_user(text).partition("?")[0]

    def refuse(why: str) -> SourceError:
        return SourceError(Fault.URL, f"Helm repository {shown!r} {why}")

    if any(ord(sign) <= 0x20 or sign == "\x7f" for sign in text):
        raise refuse("holds blanks or control characters")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise refuse(f"cannot be read: {error}") from None
    if parts.scheme not in ("http", "https"):
        raise refuse("must begin with https://, http:// or, for charts in a registry, oci://")
    if parts.username or parts.password:
        raise refuse("holds a user: give the credentials by a Secret")
    if not parts.hostname:
        raise refuse("names no host")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    netloc = f"{host}:{port}" if port else host
    path = parts.path.rstrip("/")
    base = urlunsplit((parts.scheme, netloc, path, "", ""))
    return HelmAddress(base, netloc, path.strip("/"), shown, parts.query)


def check_chart(chart: str, shown: str) -> None:
    """Refuse what can be no chart's name. Raises `SourceError` (URL)."""
    if not _CHART.fullmatch(chart) or len(chart) > _LONGEST:
        raise SourceError(Fault.URL, f"{shown}: {chart!r} is no name of a chart; letters, digits, `.`, `_` and `-`")
