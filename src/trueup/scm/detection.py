"""Which kind of host a repository's URL leads to, where its API is, and the repository's name there.

The kind is known from the host's name (github.com, a name that begins with `gitlab.`) or from what an operator has
said of a host. Nobody is asked: a URL alone never makes this process talk to a host.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from trueup.core.repository.hosts import HOSTS, HostKind, known_host
from trueup.core.repository.url import RepositoryUrl, read_repository_url
from trueup.scm.host import Fault, HostError


class Location(msgspec.Struct, frozen=True):
    """A repository at its host: the kind, the API's base URL, and the repository's path, such as `owner/name`."""

    kind: HostKind
    api: str
    path: str

    @property
    def owner(self) -> str:
        """The path without the repository's own name."""
        return self.path.rpartition("/")[0]


_NAMES = {name: kind for kind, software in HOSTS.items() if software.api for name in software.names}
"""What an operator may call the hosts whose API is spoken."""


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
    try:
        parsed = read_repository_url(url, "https")
    except ValueError:
        parsed = RepositoryUrl("https", "", "")
    host, path = msgspec.structs.replace(parsed, port=0).netloc, parsed.name
    said = (hosts or {}).get(parsed.netloc) or (hosts or {}).get(host)
    api = ""
    if kind is None and said is not None:
        kind, api = said
    elif said is not None and said[0] is kind:
        api = said[1]
    kind = kind or known_host(host)
    if kind is None or not HOSTS[kind].api:
        raise HostError(
            Fault.UNKNOWN_HOST,
            f"it is not known what kind of host {host or 'this'} is: say so with TRUEUP_SCM_HOSTS={host}=github, "
            "gitlab or gitea",
        )
    software = HOSTS[kind]
    if not api:
        if software.public_api and host in software.public:
            api = software.public_api
        else:
            # The port of ssh is not that of the API.
            address = f"http://{parsed.netloc}" if parsed.scheme == "http" else f"https://{parsed.netloc}"
            api = (f"https://{host}" if parsed.scheme == "ssh" else address) + software.api
    elif prefix := urlsplit(api).path.removesuffix(software.api).strip("/"):
        path = path.removeprefix(f"{prefix}/")
    names = path.split("/")
    if len(names) < 2 or (kind is not HostKind.GITLAB and len(names) != 2) or not all(map(_plain, names)):
        raise HostError(Fault.UNKNOWN_HOST, f"the URL's path {path[:200]!r} is no OWNER/NAME of a {kind} repository")
    return Location(kind, api, path)


def _plain(part: str) -> bool:
    """Whether one part of a path is a name: nothing that could lead elsewhere in an API's URL."""
    return part not in ("", ".", "..") and all(sign.isalnum() or sign in "-_.~" for sign in part)
