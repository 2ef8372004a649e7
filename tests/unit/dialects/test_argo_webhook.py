"""Argo CD's endpoint: each host's headers, proof and payload, as their documentation gives them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.core.model.webhook import Push
from trueup.dialects.argo.webhook import Refused, key_of, read_push

SECRET = b"shared"
URL = "https://git.example/owner/name"

GITHUB = {
    "ref": "refs/heads/main",
    "repository": {"html_url": URL, "clone_url": f"{URL}.git", "ssh_url": "git@git.example:owner/name.git",
                   "default_branch": "main"},
}  # fmt: skip
GITLAB = {
    "object_kind": "push",
    "ref": "refs/heads/main",
    "project": {"web_url": URL, "git_http_url": f"{URL}.git", "default_branch": "main"},
}
BITBUCKET = {
    "repository": {"links": {"html": {"href": URL}}},
    "push": {"changes": [{"new": {"type": "branch", "name": "main"}, "old": None}]},
}
SERVER = {
    "repository": {"links": {"clone": [{"href": f"{URL}.git", "name": "http"}, {"href": "ssh://git@git.example/o/n"}]}},
    "changes": [{"ref": {"id": "refs/heads/main", "displayId": "main"}, "type": "UPDATE"}],
}
AZURE = {
    "eventType": "git.push",
    "resource": {
        "refUpdates": [{"name": "refs/heads/main"}],
        "repository": {"remoteUrl": URL, "defaultBranch": "refs/heads/main"},
    },
}


def mac(body: bytes, algorithm: str = "sha256", key: bytes = SECRET) -> str:
    return hmac.new(key, body, getattr(hashlib, algorithm)).hexdigest()


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


HOSTS: dict[str, tuple[dict[str, bytes], dict[str, Any], Any]] = {
    "github": (
        {"webhook.github.secret": SECRET},
        GITHUB,
        lambda body: {"X-GitHub-Event": "push", "X-Hub-Signature-256": f"sha256={mac(body)}"},
    ),
    "github, the old signature": (
        {"webhook.github.secret": SECRET},
        GITHUB,
        lambda body: {"X-GitHub-Event": "push", "X-Hub-Signature": f"sha1={mac(body, 'sha1')}"},
    ),
    "gitlab": (
        {"webhook.gitlab.secret": SECRET},
        GITLAB,
        lambda body: {"X-Gitlab-Event": "Push Hook", "X-Gitlab-Token": SECRET.decode()},
    ),
    "bitbucket": (
        {"webhook.bitbucket.uuid": SECRET},
        BITBUCKET,
        lambda body: {"X-Event-Key": "repo:push", "X-Hook-UUID": SECRET.decode()},
    ),
    "bitbucket server": (
        {"webhook.bitbucketserver.secret": SECRET},
        SERVER,
        lambda body: {"X-Event-Key": "repo:refs_changed", "X-Hub-Signature": f"sha256={mac(body)}"},
    ),
    "gogs": (
        {"webhook.gogs.secret": SECRET},
        GITHUB,
        lambda body: {"X-Gogs-Event": "push", "X-Gogs-Signature": mac(body)},
    ),
    "gitea": (
        {"webhook.gogs.secret": SECRET},
        GITHUB,
        lambda body: {
            "X-Gitea-Event": "push",
            "X-Gogs-Event": "push",
            "X-GitHub-Event": "push",
            "X-Gogs-Signature": mac(body),
            "X-Hub-Signature-256": f"sha256={mac(body)}",
        },
    ),
    "azure devops": (
        {"webhook.azuredevops.username": b"name", "webhook.azuredevops.password": b"word"},
        AZURE,
        lambda body: {"X-Vss-Activityid": "1", "Authorization": basic("name", "word")},
    ),
}


def secrets(data: dict[str, bytes]) -> Any:
    return lambda name, key: data.get(key) if name == "argocd-secret" else None


@pytest.mark.parametrize("host", HOSTS)
def test_a_proven_push_says_which_repository_and_ref(host: str) -> None:
    data, payload, headers = HOSTS[host]
    body = json.dumps(payload).encode()
    push = read_push(headers(body), body, secrets(data))
    assert push is not None and push.urls[0].startswith(URL)
    assert push.refs[0].removeprefix("refs/heads/") == "main"


@pytest.mark.parametrize("host", HOSTS)
def test_a_push_without_proof_is_refused(host: str) -> None:
    data, payload, headers = HOSTS[host]
    body = json.dumps(payload).encode()
    wrong = dict.fromkeys(data, b"another")
    with pytest.raises(Refused):
        read_push(headers(body), body, secrets(wrong))
    if "Event" in " ".join(headers(body)) and host != "bitbucket":
        unsigned = {name: value for name, value in headers(body).items() if "Event" in name}
        with pytest.raises(Refused):
            read_push(unsigned, body, secrets(data))


@pytest.mark.parametrize("host", HOSTS)
def test_without_any_secret_a_push_is_believed_as_upstream_does(host: str) -> None:
    _, payload, headers = HOSTS[host]
    body = json.dumps(payload).encode()
    assert read_push(headers(body), body, secrets({})) is not None


def test_one_secret_guards_against_calling_oneself_another_host() -> None:
    body = json.dumps(GITLAB).encode()
    with pytest.raises(Refused):
        read_push({"X-Gitlab-Event": "Push Hook"}, body, secrets({"webhook.github.secret": SECRET}))


def test_other_events_are_in_order_and_wake_nobody() -> None:
    body = b"{}"
    assert read_push({"X-GitHub-Event": "ping"}, body, secrets({})) is None
    assert read_push({"X-GitHub-Event": "push"}, body, secrets({})) is None
    assert read_push({"X-Vss-Activityid": "1"}, b'{"eventType": "build.complete"}', secrets({})) is None


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"1", b"{", b"<xml/>", b"[" * 500_000, b'{"a":' * 100_000])
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(Refused):
        read_push({"X-GitHub-Event": "push"}, body, secrets({}))


def test_a_stranger_is_refused() -> None:
    with pytest.raises(Refused):
        read_push({}, json.dumps(GITHUB).encode(), secrets({}))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["repository", "ref", "project", "links", "html", "href", "push", "changes", "new", "name", "resource",
         "refUpdates", "clone", "html_url", "eventType"]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(json_values, st.sampled_from(list(HOSTS)))
def test_no_payload_breaks_the_reading(payload: Any, host: str) -> None:
    body = json.dumps(payload).encode()
    try:
        push = read_push(HOSTS[host][2](body), body, secrets({}))
    except Refused:
        return
    assert push is None or isinstance(push, Push)


def test_keys_are_found_in_argo_cds_own_secrets_only() -> None:
    def secret(name: str, labels: dict[str, str], **data: str) -> dict[str, Any]:
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
        return {"kind": "Secret", "metadata": {"name": name, "labels": labels}, "data": encoded}

    bodies = [
        secret("argocd-secret", {}, a="1"),
        secret("theirs", {}, b="2"),
        secret("ours", {"app.kubernetes.io/part-of": "argocd"}, c="3"),
    ]
    assert key_of(bodies, "argocd-secret", "a") == b"1"
    assert key_of(bodies, "theirs", "b") is None
    assert key_of(bodies, "ours", "c") == b"3"
    body = json.dumps(GITHUB).encode()
    signed = {"X-GitHub-Event": "push", "X-Hub-Signature-256": f"sha256={mac(body, key=b'3')}"}
    found = {"argocd-secret": {"webhook.github.secret": b"$ours:c"}, "ours": {"c": b"3"}}
    assert read_push(signed, body, lambda name, key: found.get(name, {}).get(key)) is not None


def test_of_a_push_with_very_many_urls_the_first_are_read() -> None:
    links = [{"href": f"https://git.example/{number}"} for number in range(10_000)]
    body = json.dumps({"repository": {"links": {"clone": links}}}).encode()
    push = read_push({"X-Event-Key": "repo:refs_changed"}, body, secrets({}))
    assert push is not None and len(push.urls) == 20
