"""Which host a URL leads to, and that no URL leads anywhere it does not say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.scm import Fault, HostError, HostKind, locate
from trueup.scm.detection import read_hosts


@pytest.mark.parametrize(
    ("url", "kind", "api", "path"),
    [
        ("https://github.com/owner/name.git", "github", "https://api.github.com", "owner/name"),
        ("git@github.com:owner/name.git", "github", "https://api.github.com", "owner/name"),
        ("ssh://git@GitHub.com:22/owner/name", "github", "https://api.github.com", "owner/name"),
        ("https://user:pass@gitlab.com/a/b/c.git", "gitlab", "https://gitlab.com/api/v4", "a/b/c"),
        ("git@gitlab.example.com:a/b.git", "gitlab", "https://gitlab.example.com/api/v4", "a/b"),
        ("https://github.example.com:8443/a/b", "github", "https://github.example.com:8443/api/v3", "a/b"),
        ("ssh://git@forgejo.example.com:2222/a/b", "gitea", "https://forgejo.example.com/api/v1", "a/b"),
        ("https://codeberg.org/a/b/", "gitea", "https://codeberg.org/api/v1", "a/b"),
        ("http://gitea.example.com:3000/a/b.git", "gitea", "http://gitea.example.com:3000/api/v1", "a/b"),
    ],
)
def test_hosts_are_known_by_their_names(url: str, kind: str, api: str, path: str) -> None:
    found = locate(url)
    assert (found.kind, found.api, found.path) == (kind, api, path)


def test_an_operator_says_what_a_host_is() -> None:
    hosts = read_hosts("git.example.com=gitea, code.example.com=gitlab=https://code.example.com/git/api/v4")
    assert locate("https://git.example.com/a/b", hosts=hosts).api == "https://git.example.com/api/v1"
    found = locate("https://code.example.com/git/a/b", hosts=hosts)
    assert (found.api, found.path) == ("https://code.example.com/git/api/v4", "a/b")


def test_an_unknown_host_says_how_to_make_it_known() -> None:
    with pytest.raises(HostError, match=r"TRUEUP_SCM_HOSTS=git.example.com=") as caught:
        locate("https://git.example.com/a/b")
    assert caught.value.fault is Fault.UNKNOWN_HOST
    assert locate("https://git.example.com/a/b", HostKind.GITEA).path == "a/b"


@pytest.mark.parametrize("text", ["git.example.com", "a=bitbucketer", "=gitea", "a=gitea=ftp://x"])
def test_what_an_operator_says_wrongly_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="TRUEUP_SCM_HOSTS"):
        read_hosts(text)


@pytest.mark.parametrize(
    "path", ["a/../b", "a/%2e%2e", "a/b?x=1", "a", "a/b/c", "a/b%2Fc%2Fd", "a/b%23", "%2e%2e/b", "a//b"]
)
def test_a_path_that_could_lead_elsewhere_is_no_repository(path: str) -> None:
    try:
        found = locate(f"https://github.com/{path}")
    except HostError:
        return
    assert found.path == "a/b"


@given(st.text(max_size=80))
def test_any_text_is_a_repository_or_an_error(text: str) -> None:
    for kind in (None, HostKind.GITHUB, HostKind.GITLAB):
        try:
            found = locate(text, kind)
        except HostError:
            continue
        assert ".." not in found.path.split("/") and "?" not in found.path and "#" not in found.path
