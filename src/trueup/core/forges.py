"""What the hosts of Git repositories call things on the web: the page of a pull request, of a commit.

Pure: URLs in, URLs out. Which host software serves a repository is told from its host's name, as people know it from
the public ones; one that is not known gives no URL.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_SCP = re.compile(r"(?:[^@/]+@)?([\w.-]+):(?!//)(.+)")

_PULL_REQUESTS = {
    "github": "{base}/pull/{number}",
    "gitlab": "{base}/-/merge_requests/{number}",
    "gitea": "{base}/pulls/{number}",
    "bitbucket": "{base}/pull-requests/{number}",
    "azure": "{base}/pullrequest/{number}",
}
_COMMITS = {
    "github": "{base}/commit/{commit}",
    "gitlab": "{base}/-/commit/{commit}",
    "gitea": "{base}/commit/{commit}",
    "bitbucket": "{base}/commits/{commit}",
    "azure": "{base}/commit/{commit}",
}


def forge_of(repository: str) -> str:
    """Name the software of a repository's host: `github`, `gitlab`, `gitea`, `bitbucket`, `azure`; empty: unknown."""
    host = _host_and_path(repository)[0].lower()
    for name in ("github", "gitlab", "gitea", "bitbucket"):
        if name in host:
            return name
    if "forgejo" in host or host == "codeberg.org":
        return "gitea"
    return "azure" if host.endswith(("dev.azure.com", "visualstudio.com")) else ""


def web_url(repository: str) -> str:
    """Give the page of a repository for its http, ssh or `git@host:path` URL; empty where it has none."""
    host, path = _host_and_path(repository)
    if not host or not path:
        return ""
    return f"https://{host}/{path.strip('/').removesuffix('.git')}"


def pull_request_url(repository: str, number: int, forge: str = "") -> str:
    """Give the page of a pull or merge request; empty where the host is not known (`forge` says what it is)."""
    shape = _PULL_REQUESTS.get(forge or forge_of(repository))
    base = web_url(repository)
    return shape.format(base=base, number=number) if shape and base else ""


def commit_url(repository: str, commit: str, forge: str = "") -> str:
    """Give the page of a commit; empty where the host is not known."""
    shape = _COMMITS.get(forge or forge_of(repository))
    base = web_url(repository)
    return shape.format(base=base, commit=commit) if shape and base else ""


def _host_and_path(repository: str) -> tuple[str, str]:
    if "://" not in repository:
        found = _SCP.fullmatch(repository.strip())
        return (found[1], found[2]) if found else ("", "")
    try:
        parts = urlsplit(repository.strip())
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.scheme in ("http", "https") and parts.port else ""
    except ValueError:
        return "", ""
    return (host + port, parts.path) if parts.scheme in ("http", "https", "ssh", "git") and host else ("", "")
