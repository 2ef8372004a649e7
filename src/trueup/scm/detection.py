"""Which kind of host a repository's URL leads to, where its API is, and the repository's name there.

The kind is known from the host's name (github.com, a name that begins with `gitlab.`) or from what an operator has
said of a host. Nobody is asked: a URL alone never makes this process talk to a host.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from urllib.parse import unquote, urlsplit

import msgspec

from trueup.scm.host import Fault, HostError


class HostKind(StrEnum):
    """The kinds of hosts; Forgejo speaks Gitea's API."""

    GITHUB = "github"
    GITLAB = "gitlab"
    GITEA = "gitea"


class Location(msgspec.Struct, frozen=True):
    """A repository at its host: the kind, the API's base URL, and the repository's path, such as `owner/name`."""

    kind: HostKind
    api: str
    path: str

    @property
    def owner(self) -> str:
        """The path without the repository's own name."""
        return self.path.rpartition("/")[0]


_KNOWN = {
    "github.com": HostKind.GITHUB,
    "gitlab.com": HostKind.GITLAB,
    "gitea.com": HostKind.GITEA,
    "codeberg.org": HostKind.GITEA,
}
_NAMES = {
    "github": HostKind.GITHUB,
    "gitlab": HostKind.GITLAB,
    "gitea": HostKind.GITEA,
    "forgejo": HostKind.GITEA,
}
_API = {HostKind.GITHUB: "/api/v3", HostKind.GITLAB: "/api/v4", HostKind.GITEA: "/api/v1"}


def read_hosts(text: str) -> dict[str, tuple[HostKind, str]]:
    """Read what an operator says of hosts: `HOST=KIND` or `HOST=KIND=API-URL`, by commas or white space.

    Raises ValueError on anything else.
    """
    hosts = {}
    for word in text.replace(",", " ").split():
        host, _, rest = word.partition("=")
        kind, _, api = rest.partition("=")
        if not host or kind not in _NAMES or (api and not api.startswith(("https://", "http://"))):
            kinds = ", ".join(_NAMES)
            raise ValueError(f"TRUEUP_SCM_HOSTS: {word!r} is no HOST=KIND or HOST=KIND=URL with a KIND of {kinds}")
        hosts[host.lower()] = (_NAMES[kind], api.rstrip("/"))
    return hosts


def locate(url: str, kind: HostKind | None = None, hosts: Mapping[str, tuple[HostKind, str]] | None = None) -> Location:
    """Find a repository by its URL, as Git or a browser has it; `kind` is what is known of the host already.

    Raises `HostError` (UNKNOWN_HOST) where the kind is not known, or the URL names no repository.
    """
    scheme, host, port, path = _split(url)
    said = (hosts or {}).get(f"{host}:{port}" if port else host) or (hosts or {}).get(host)
    api = ""
    if kind is None and said is not None:
        kind, api = said
    elif said is not None and said[0] is kind:
        api = said[1]
    kind = kind or _KNOWN.get(host) or _NAMES.get(host.partition(".")[0])
    if kind is None:
        raise HostError(
            Fault.UNKNOWN_HOST,
            f"it is not known what kind of host {host or 'this'} is: say so with TRUEUP_SCM_HOSTS={host}=github, "
            "gitlab or gitea",
        )
    if not api:
        if host == "github.com":
            api = "https://api.github.com"
        else:
            # The port of ssh is not that of the API.
            web = f"{scheme}://{host}:{port}" if port and scheme != "ssh" else f"{scheme}://{host}"
            api = web.replace("ssh://", "https://", 1) + _API[kind]
    elif prefix := urlsplit(api).path.removesuffix(_API[kind]).strip("/"):
        path = path.removeprefix(f"{prefix}/")
    parts = path.split("/")
    if len(parts) < 2 or (kind is not HostKind.GITLAB and len(parts) != 2) or not all(map(_plain, parts)):
        raise HostError(Fault.UNKNOWN_HOST, f"the URL's path {path[:200]!r} is no OWNER/NAME of a {kind} repository")
    return Location(kind, api, path)


def _plain(part: str) -> bool:
    """Whether one part of a path is a name: nothing that could lead elsewhere in an API's URL."""
    return part not in ("", ".", "..") and all(sign.isalnum() or sign in "-_.~" for sign in part)


def _split(url: str) -> tuple[str, str, int, str]:
    text = url.strip()
    if "://" not in text:
        host, colon, path = text.partition(":")
        text = f"ssh://{host}/{path.lstrip('/')}" if colon and "/" not in host else f"https://{text}"
    try:
        parts = urlsplit(text)
        port = parts.port or 0
    except ValueError:
        return "https", "", 0, ""
    scheme = parts.scheme.lower()
    path = unquote(parts.path).strip("/").removesuffix(".git").rstrip("/")
    host = (parts.hostname or "").lower()
    return scheme if scheme in ("http", "ssh") else "https", f"[{host}]" if ":" in host else host, port, path
