"""Proofs of where a request comes from, paths, and which sources a push may concern."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.core.model.git import GitRef
from trueup.core.model.objects import ObjectRef
from trueup.core.model.webhook import (
    BODY_LIMIT,
    DEPTH_LIMIT,
    PARTS_LIMIT,
    Check,
    Proof,
    Push,
    concerns,
    hook_path,
    payload_of,
    same_repository,
    shallow,
    verified_signature,
)

TOKEN, BODY = b"a token", b'{"ref": "refs/heads/main"}'
HUB = Proof(Check.HMAC, ("X-Hub-Signature-256", "X-Hub-Signature"))


def signed(algorithm: str, token: bytes = TOKEN, body: bytes = BODY) -> str:
    return f"{algorithm}={hmac.new(token, body, getattr(hashlib, algorithm)).hexdigest()}"


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512"])
def test_a_body_signed_with_the_token_is_proven(algorithm: str) -> None:
    assert verified_signature(HUB, TOKEN, {"X-Hub-Signature": signed(algorithm)}, BODY)
    assert not verified_signature(HUB, b"another", {"X-Hub-Signature": signed(algorithm)}, BODY)
    assert not verified_signature(HUB, TOKEN, {"X-Hub-Signature": signed(algorithm)}, BODY + b" ")


def test_the_stronger_signature_counts_where_both_are_there() -> None:
    headers = {"X-Hub-Signature-256": signed("sha256", b"wrong"), "X-Hub-Signature": signed("sha1")}
    assert not verified_signature(HUB, TOKEN, headers, BODY)


@pytest.mark.parametrize(
    "value", ["", "sha256", "sha256=", "md5=00", "=", "sha256=é", "sha256=" + "0" * 2000, "none=x"]
)
def test_what_is_no_signature_proves_nothing(value: str) -> None:
    assert not verified_signature(HUB, TOKEN, {"X-Hub-Signature": value}, BODY)
    assert not verified_signature(HUB, TOKEN, {}, BODY)


def test_an_empty_token_proves_nothing() -> None:
    assert not verified_signature(HUB, b"", {"X-Hub-Signature": signed("sha256", b"")}, BODY)
    assert not verified_signature(Proof(Check.TOKEN, ("X",)), b"", {"X": ""}, BODY)


def test_a_header_that_holds_the_token_is_proven() -> None:
    proof = Proof(Check.TOKEN, ("X-Gitlab-Token",))
    assert verified_signature(proof, TOKEN, {"X-Gitlab-Token": "a token"}, b"")
    assert not verified_signature(proof, TOKEN, {"X-Gitlab-Token": "a toke"}, b"")


def test_basic_authentication_is_name_and_password() -> None:
    proof = Proof(Check.BASIC, ("Authorization",))
    good = base64.b64encode(b"name:password").decode()
    assert verified_signature(proof, b"name:password", {"Authorization": f"Basic {good}"}, b"")
    for wrong in (f"Bearer {good}", "Basic !", "Basic", good, ""):
        assert not verified_signature(proof, b"name:password", {"Authorization": wrong}, b"")


@given(st.sampled_from(list(Check)), st.text(), st.binary())
def test_no_header_and_no_body_breaks_a_proof(check: Check, header: str, body: bytes) -> None:
    wanted = check in (Check.NONE, Check.JSON)
    assert verified_signature(Proof(check, ("X",), bare="sha256"), b"\x00secret\xff", {"X": header}, body) is wanted


def test_a_path_is_upstreams() -> None:
    ref = ObjectRef("notification.toolkit.fluxcd.io", "Receiver", "default", "test")
    assert hook_path(b"token", ref) == "/hook/" + hashlib.sha256(b"tokentestdefault").hexdigest()


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/Owner/Name",
        "https://user:pass@github.com/owner/name.git",
        "git@github.com:owner/name.git",
        "ssh://git@GitHub.com:22/owner/name/",
        "https://github.com/owner/name/",
    ],
)
def test_one_repository_has_many_urls(url: str) -> None:
    assert same_repository(url, ("https://github.com/owner/name",))
    assert same_repository("https://github.com/owner/name", (url,))


@pytest.mark.parametrize(
    "url", ["https://github.com/owner/name2", "https://evil.com/owner/name", "https://github.com/a/owner/name", "", ":"]
)
def test_another_repository_is_another(url: str) -> None:
    assert not same_repository("https://github.com/owner/name", (url,))
    assert not same_repository(url, ()) and not same_repository("", (url,))


def test_azures_two_forms_are_one() -> None:
    assert same_repository(
        "git@ssh.dev.azure.com:v3/org/project/repo", ("https://dev.azure.com/org/project/_git/repo",)
    )


MAIN = Push(("https://x/y",), ("refs/heads/main",), "main")
TAG = Push(("https://x/y",), ("refs/tags/v1.2.0",), "main")


@pytest.mark.parametrize(
    ("ref", "main", "tag"),
    [
        (GitRef(), True, False),
        (GitRef(revision="HEAD"), True, False),
        (GitRef(revision="main"), True, False),
        (GitRef(revision="refs/heads/main"), True, False),
        (GitRef(branch="other"), False, False),
        (GitRef(branch="main"), True, False),
        (GitRef(tag="v1.2.0"), False, True),
        (GitRef(name="refs/tags/v1.2.0"), False, True),
        (GitRef(semver=">=1.0.0"), False, True),
        (GitRef(revision="1.x"), False, True),
        (GitRef(revision=">=1.0.0 <2.0.0"), False, True),
        (GitRef(revision="v1.2.0"), False, True),
        (GitRef(commit="a" * 40), False, False),
    ],
)
def test_a_push_concerns_who_wants_its_ref(ref: GitRef, main: bool, tag: bool) -> None:
    assert (concerns(ref, MAIN), concerns(ref, TAG)) == (main, tag)


def test_where_it_cannot_be_told_a_push_may_concern_anybody() -> None:
    assert concerns(GitRef(branch="x"), Push(("https://x/y",)))
    assert concerns(GitRef(), Push(("https://x/y",), ("refs/heads/what",)))


@given(st.text(), st.text())
def test_no_url_breaks_the_comparison(one: str, other: str) -> None:
    assert same_repository(one, (other,)) == same_repository(other, (one,)) or not one.strip() or not other.strip()


def test_nesting_is_bounded() -> None:
    def nested(depth: int) -> object:
        value: object = 1
        for _ in range(depth):
            value = {"a": [value]}
        return value

    assert shallow(nested(DEPTH_LIMIT // 2 - 1)) and not shallow(nested(DEPTH_LIMIT))


def test_a_body_is_decoded_unless_it_is_made_to_cost_time() -> None:
    parts = b",".join([b"[]"] * (PARTS_LIMIT - 2))
    assert payload_of(b'{"a": [%s]}' % parts) is not None
    assert payload_of(b'{"a": [[],%s]}' % parts) is None
    assert payload_of(b'{"a":' * (BODY_LIMIT // 8)) is None
    assert payload_of(b'{"a": ' + b"[" * DEPTH_LIMIT + b"]" * DEPTH_LIMIT + b"}") is None
    assert payload_of(b"[]") is None and payload_of(b"words") is None
    assert payload_of(b'{"a": "[text]"}') == {"a": "[text]"}
