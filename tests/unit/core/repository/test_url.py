"""Whatever way a repository's URL is written, it is taken apart to the same parts."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.core.model.artifact import SourceError
from trueup.core.repository.hosts import HOSTS, HostKind, known_host, likely_host
from trueup.core.repository.url import RepositoryUrl, read_repository_url
from trueup.core.repository.web_urls import commit_url, web_url
from trueup.git.urls import read_url

WORDS = st.from_regex(r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,8}", fullmatch=True)
HOSTS_NAMED = st.lists(WORDS, min_size=1, max_size=3).map(".".join)
ADDRESSES = st.ip_addresses(v=6).map(str)
PATHS = st.lists(WORDS, min_size=1, max_size=5).map("/".join)
PORTS = st.integers(1, 65535)
ENDINGS = st.sampled_from(["", "/", ".git", ".git/"])
SECRETS = st.text(min_size=1, max_size=12).filter(lambda text: text.isprintable())


@given(HOSTS_NAMED, PATHS, ENDINGS, st.sampled_from(["https", "http", "ssh", "HTTPS", "Ssh"]), st.none() | PORTS)
def test_a_url_with_a_scheme(host: str, path: str, ending: str, scheme: str, port: int | None) -> None:
    found = read_repository_url(f"  {scheme}://{host}{f':{port}' if port else ''}/{path}{ending}\n")
    assert (found.scheme, found.host, found.port) == (scheme.lower(), host.lower(), port or 0)
    assert found.name == path and found.path == f"/{path}{ending}" and not found.extra


@given(HOSTS_NAMED, PATHS, ENDINGS, st.sampled_from(["git@", "", "deploy.key+1@"]), st.sampled_from(["", "/"]))
def test_what_ssh_writes_is_the_same_as_its_url(host: str, path: str, ending: str, user: str, slash: str) -> None:
    short = read_repository_url(f"{user}{host}:{slash}{path}{ending}")
    assert short == read_repository_url(f"ssh://{user}{host}/{path}{ending}")
    assert (short.scheme, short.host, short.name, short.username) == ("ssh", host.lower(), path, user[:-1])


@given(ADDRESSES, PATHS, st.none() | PORTS)
def test_an_ipv6_address(address: str, path: str, port: int | None) -> None:
    found = read_repository_url(f"https://[{address}]{f':{port}' if port else ''}/{path}.git")
    assert (found.host, found.port, found.name) == (address, port or 0, path)
    assert found.netloc == f"[{address}]" + (f":{port}" if port else "")
    assert read_repository_url(f"git@[{address}]:{path}") == read_repository_url(f"ssh://git@[{address}]/{path}")


@given(SECRETS, SECRETS, HOSTS_NAMED, PATHS)
def test_user_and_password_are_decoded_and_are_nowhere_else(user: str, password: str, host: str, path: str) -> None:
    found = read_repository_url(f"https://{quote(user, safe='')}:{quote(password, safe='')}@{host}/{path}")
    assert (found.username, found.password) == (user, password)
    assert (found.host, found.netloc, found.name) == (host.lower(), host.lower(), path)


@given(st.lists(st.from_regex(r"[a-zA-Z0-9 %#?:@_-]{1,8}", fullmatch=True), min_size=1, max_size=4))
def test_an_absolute_path_is_a_local_repository(parts: list[str]) -> None:
    path = "/" + "/".join(f"x{part}x" for part in parts)
    found = read_repository_url(path)
    assert (found.scheme, found.host, found.extra) == ("file", "", "") and found.name == path[1:]
    assert found == read_repository_url(f"file://{quote(path)}")


@given(HOSTS_NAMED, PATHS)
def test_what_has_no_scheme_is_what_the_caller_takes_it_for(host: str, path: str) -> None:
    assert read_repository_url(f"{host}/{path}", "https") == read_repository_url(f"https://{host}/{path}")
    with pytest.raises(ValueError, match="no scheme"):
        read_repository_url(f"{host}/{path}")


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    for default in ("", "https"):
        try:
            found = read_repository_url(text, default)
        except ValueError:
            continue
        assert isinstance(found, RepositoryUrl) and found.host == found.host.lower()
        assert not found.path or found.path.startswith("/") or not found.host


@given(st.text(max_size=60))
def test_any_text_is_fetched_from_where_it_says_or_refused(text: str) -> None:
    try:
        found = read_url(text)
    except SourceError:
        return
    assert found.scheme in ("http", "https", "ssh") and found.address.startswith(f"{found.scheme}://")
    assert not found.password or found.password not in found.address.partition("://")[2].partition("/")[0]
    again = read_url(found.address)
    assert (again.scheme, again.host, again.address) == (found.scheme, found.host, found.address)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("git@Host.example:team/shop.git", "ssh://git@host.example/team/shop.git"),
        ("https://u:p@host.example:8443/a/b/c.git/", "https://host.example:8443/a/b/c.git"),
        ("ssh://git@[fd00::1]:2222/team/shop", "ssh://git@[fd00::1]:2222/team/shop"),
        ("git@[fd00::1]:team/shop", "ssh://git@[fd00::1]/team/shop"),
    ],
)
def test_git_fetches_without_secrets_on_its_command_line(url: str, address: str) -> None:
    assert read_url(url).address == address


@pytest.mark.parametrize(
    "url",
    [
        "",
        "host/path",
        "ftp://host/path",
        "https://host",
        "https://host/a?x=1",
        "git@host:a#b",
        "-u@host:a",
        "ssh://-x/a",
        "https://host:99999/a",
        "https://[broken/a",
        "/srv/repo",
        "host:",
    ],
)
def test_git_refuses_what_it_cannot_or_must_not_fetch(url: str) -> None:
    with pytest.raises(SourceError, match="Git URL"):
        read_url(url)


def test_a_host_is_known_strictly_for_its_api_and_loosely_for_links() -> None:
    assert known_host("gitlab.example.com") is HostKind.GITLAB and known_host("my-gitlab.example.com") is None
    assert likely_host("my-gitlab.example.com") is HostKind.GITLAB and likely_host("git.example.com") is None
    assert likely_host("org.visualstudio.com") is HostKind.AZURE


@pytest.mark.parametrize("kind", HOSTS)
def test_every_host_has_pages(kind: HostKind) -> None:
    for host in HOSTS[kind].public:
        repository = f"git@{host}:team/shop.git"
        assert web_url(repository) == f"https://{host}/team/shop"
        assert commit_url(repository, "abc").startswith(f"https://{host}/team/shop/") and known_host(host) is kind
