"""Pages on the web are told from a repository's URL, whatever way it is written."""

from __future__ import annotations

import pytest

from trueup.core.repository.hosts import HostKind
from trueup.core.repository.web_urls import commit_url, host_kind_of, pull_request_url, web_url


@pytest.mark.parametrize(
    ("repository", "page"),
    [
        ("https://github.com/team/shop.git", "https://github.com/team/shop/pull/7"),
        ("git@github.com:team/shop.git", "https://github.com/team/shop/pull/7"),
        ("ssh://git@github.com:22/team/shop", "https://github.com/team/shop/pull/7"),
        (
            "https://user:token@gitlab.example.org:8443/a/b/shop",
            "https://gitlab.example.org:8443/a/b/shop/-/merge_requests/7",
        ),
        ("https://gitea.example.org/team/shop", "https://gitea.example.org/team/shop/pulls/7"),
        ("https://codeberg.org/team/shop", "https://codeberg.org/team/shop/pulls/7"),
        ("https://bitbucket.org/team/shop", "https://bitbucket.org/team/shop/pull-requests/7"),
        ("https://dev.azure.com/org/project/_git/shop", "https://dev.azure.com/org/project/_git/shop/pullrequest/7"),
        ("https://git.example.org/team/shop", ""),
        ("file:///srv/shop.git", ""),
        ("not a url", ""),
        ("https://[broken", ""),
    ],
)
def test_the_page_of_a_pull_request(repository: str, page: str) -> None:
    assert pull_request_url(repository, 7) == page


def test_a_host_that_is_not_known_by_its_name_may_be_told() -> None:
    url = "https://git.example.org/team/shop"
    assert host_kind_of(url) is None and pull_request_url(url, 7, HostKind.GITEA) == f"{url}/pulls/7"
    assert commit_url(url, "abc", HostKind.GITLAB) == f"{url}/-/commit/abc" and web_url(f"{url}.git") == url
