"""Pages on the web of a repository, its pull requests and its commits.

Which software serves them is told from the host's name; one that is not known gives no URL.
"""

from __future__ import annotations

import msgspec

from trueup.core.repository.hosts import HOSTS, HostKind, likely_host
from trueup.core.repository.url import RepositoryUrl, read_repository_url

_ON_THE_WEB = ("http", "https", "ssh", "git")


def host_kind_of(repository: str) -> HostKind | None:
    """Tell the software of a repository's host, `None` where its name does not tell."""
    url = _read(repository)
    return likely_host(url.host) if url else None


def web_url(repository: str) -> str:
    """Give the page of a repository for its http, ssh or `git@host:path` URL; empty where it has none."""
    url = _read(repository)
    path = url.path.strip("/").removesuffix(".git") if url else ""
    if url is None or not path:
        return ""
    # The port of ssh is not that of the pages.
    netloc = url.netloc if url.scheme in ("http", "https") else msgspec.structs.replace(url, port=0).netloc
    return f"https://{netloc}/{path}"


def pull_request_url(repository: str, number: int, kind: HostKind | None = None) -> str:
    """Give the page of a pull or merge request; empty where the host is not known (`kind` says what it is)."""
    kind = kind or host_kind_of(repository)
    base = web_url(repository)
    return f"{base}/{HOSTS[kind].pull_request.format(number)}" if kind and base else ""


def commit_url(repository: str, commit: str, kind: HostKind | None = None) -> str:
    """Give the page of a commit; empty where the host is not known."""
    kind = kind or host_kind_of(repository)
    base = web_url(repository)
    return f"{base}/{HOSTS[kind].commit.format(commit)}" if kind and base else ""


def _read(repository: str) -> RepositoryUrl | None:
    try:
        url = read_repository_url(repository)
    except ValueError:
        return None
    return url if url.scheme in _ON_THE_WEB and url.host else None
