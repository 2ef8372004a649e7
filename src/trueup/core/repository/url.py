"""The one parser of repository URLs, in every way that Git, browsers and people write them.

Whoever needs a URL in parts reads it here: fetching (`trueup.git.urls`), hosts' APIs (`trueup.scm.detection`), pages on
the web, webhooks, and credentials by URL. What is allowed is decided there; here a URL is only taken apart.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote, urlsplit

import msgspec

_SCP = re.compile(r"(?:[^@/\s:\[\]]+@)?(?:[\w][\w.-]*|\[[0-9A-Fa-f:.]+\]):(?!//)\S.*")


class RepositoryUrl(msgspec.Struct, frozen=True):
    """A URL in parts.

    `scheme` and `host` are lower case, `host` without the brackets of an IPv6 address. `port` is 0 where none is
    given. `path` is as it was written, with percent signs, and begins with a slash unless it is empty. `username` and
    `password` are decoded. `extra` is the query and fragment, which no Git URL has.
    """

    scheme: str
    host: str
    path: str
    port: int = 0
    username: str = ""
    password: str = ""
    extra: str = ""

    @property
    def netloc(self) -> str:
        """The host as a URL has it: with brackets where it is an IPv6 address, and with the port if there is one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if self.port else host

    @property
    def name(self) -> str:
        """The repository's decoded path, without slashes around it and without `.git`: `owner/name`."""
        return unquote(self.path).strip("/").removesuffix(".git").rstrip("/")


def read_repository_url(text: str, default_scheme: str = "") -> RepositoryUrl:
    """Take a URL apart: `SCHEME://…`, `[USER@]HOST:PATH` as ssh has it, or an absolute path of a local repository.

    What has no scheme and is neither of the others is read with `default_scheme` (`github.com/owner/name` is an https
    URL to hosts and people). Raises ValueError with the reason where it cannot be read.
    """
    written = text.strip()
    if written.startswith("/"):
        written = f"file://{quote(written)}"
    elif "://" not in written:
        if _SCP.fullmatch(written):
            # The path may hold colons: the host ends at the first one outside brackets.
            end = written.index("]:") + 1 if "]:" in written.partition("/")[0] else written.index(":")
            written = f"ssh://{written[:end]}/{written[end + 1 :].removeprefix('/')}"
        elif default_scheme:
            written = f"{default_scheme}://{written}"
        else:
            raise ValueError("it has no scheme, and is no HOST:PATH")
    parts = urlsplit(written)
    return RepositoryUrl(
        scheme=parts.scheme,
        host=(parts.hostname or "").lower(),
        path=parts.path,
        port=parts.port or 0,
        username=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        extra=(f"?{parts.query}" if parts.query else "") + (f"#{parts.fragment}" if parts.fragment else ""),
    )
