"""The one table of repository hosts: their names, pages on the web, and the place of their API."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class HostKind(StrEnum):
    """The software of a host. Forgejo is a Gitea: it has its API and its pages."""

    GITHUB = "github"
    GITLAB = "gitlab"
    GITEA = "gitea"
    BITBUCKET = "bitbucket"
    AZURE = "azure"


class HostSoftware(msgspec.Struct, frozen=True):
    """What is known of one kind of host.

    `public`: the hosts that everybody knows. `names`: a host that is called so runs it. `suffixes`: ends of public
    hosts' names. `pull_request` and `commit` are its pages below a repository's own. `api` is the path of its API,
    empty where Trueup does not speak it; `public_api` the API's address of the public hosts where it is another one.
    """

    public: tuple[str, ...]
    names: tuple[str, ...]
    pull_request: str
    commit: str
    api: str = ""
    public_api: str = ""
    suffixes: tuple[str, ...] = ()


HOSTS = {
    HostKind.GITHUB: HostSoftware(
        ("github.com",), ("github",), "pull/{}", "commit/{}", "/api/v3", "https://api.github.com"
    ),
    HostKind.GITLAB: HostSoftware(("gitlab.com",), ("gitlab",), "-/merge_requests/{}", "-/commit/{}", "/api/v4"),
    HostKind.GITEA: HostSoftware(
        ("gitea.com", "codeberg.org"), ("gitea", "forgejo"), "pulls/{}", "commit/{}", "/api/v1"
    ),
    HostKind.BITBUCKET: HostSoftware(("bitbucket.org",), ("bitbucket",), "pull-requests/{}", "commits/{}"),
    HostKind.AZURE: HostSoftware(
        ("dev.azure.com",), (), "pullrequest/{}", "commit/{}", suffixes=("dev.azure.com", "visualstudio.com")
    ),
}


def known_host(host: str) -> HostKind | None:
    """Tell the kind of a host that is public, or whose name begins with the software's (`gitlab.example.com`).

    This is strict: whoever speaks to an API relies on it.
    """
    first = host.partition(".")[0]
    for kind, software in HOSTS.items():
        if host in software.public or first in software.names:
            return kind
    return None


def likely_host(host: str) -> HostKind | None:
    """Guess the kind of a host from anywhere in its name. A wrong guess costs a link to a page that is not there."""
    for kind, software in HOSTS.items():
        if host in software.public or host.endswith(software.suffixes) or any(name in host for name in software.names):
            return kind
    return None
