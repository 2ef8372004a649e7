"""The pure parts of OCI sources: URLs, Docker's configuration, manifests, choices, and where nobody is led to."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from trueup.core.model.artifact import Fault, SourceCredentials, SourceError
from trueup.core.repository.oci import OciRef
from trueup.sources.oci.address import read_address
from trueup.sources.oci.expressions import fitting
from trueup.sources.oci.manifests import (
    ANNOTATIONS_LIMIT,
    Choice,
    best_tag,
    child_of,
    choice_of,
    layer_of,
    provenance_of,
    read_json,
    read_manifest,
    told,
)
from trueup.sources.web.credentials import web_credentials
from trueup.sources.web.guard import Forbidden, Guard, is_inside

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("url", "host", "name"),
    [
        ("oci://ghcr.io/team/app", "ghcr.io", "team/app"),
        ("oci://Registry.Example:5000/a/b/c/", "registry.example:5000", "a/b/c"),
        ("oci://docker.io/nginx", "registry-1.docker.io", "library/nginx"),
        ("oci://[::1]:5000/a", "[::1]:5000", "a"),
    ],
)
def test_a_url_is_a_registry_and_a_repository(url: str, host: str, name: str) -> None:
    address = read_address(url)
    assert (address.host, address.name) == (host, name)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://ghcr.io/a", "does not begin with oci://"),
        ("oci://ghcr.io", "names no repository"),
        ("oci://ghcr.io/a:1.0", "holds a tag"),
        ("oci://user:pass@ghcr.io/a", "holds a user"),
        ("oci://ghcr.io/../a", "signs that registries do not allow"),
        ("oci://ghcr.io/A", "lower case"),
        ("oci://gh cr/a", "no valid host"),
        ("", "does not begin"),
    ],
)
def test_a_url_that_cannot_be_read_says_why_and_no_secret(url: str, words: str) -> None:
    with pytest.raises(SourceError, match=words) as refused:
        read_address(url)
    assert refused.value.fault is Fault.URL and "pass" not in str(refused.value)


def docker(auths: Any) -> SourceCredentials:
    return SourceCredentials({".dockerconfigjson": json.dumps({"auths": auths}).encode()}, secret="a/b")


def test_the_entry_that_fits_the_repository_best_is_taken() -> None:
    address = read_address("oci://ghcr.io/team/app")
    auth = base64.b64encode(b"inner:secret:1").decode()
    auths = {
        "https://ghcr.io": {"username": "outer", "password": "p"},
        "ghcr.io/team": {"auth": auth},
        "ghcr.io/te": {},
    }
    found = web_credentials(docker(auths), address)
    assert (found.username, found.password) == ("inner", "secret:1")
    assert "secret" not in repr(found)
    assert web_credentials(docker({"other.example": {"username": "a"}}), address).who == "anybody"
    hub = web_credentials(
        docker({"https://index.docker.io/v1/": {"username": "u", "password": "p"}}), read_address("oci://docker.io/a")
    )
    assert hub.username == "u"


@pytest.mark.parametrize("auths", [[], {"ghcr.io": 7}, {"ghcr.io": {"auth": "?"}}, {"ghcr.io": {"identitytoken": "x"}}])
def test_a_docker_configuration_that_cannot_be_used_is_told(auths: Any) -> None:
    if auths == []:
        assert web_credentials(docker(auths), read_address("oci://ghcr.io/a")).who == "anybody"
        return
    with pytest.raises(SourceError) as refused:
        web_credentials(docker(auths), read_address("oci://ghcr.io/a"))
    assert refused.value.fault is Fault.CREDENTIALS


@pytest.mark.parametrize(
    ("ref", "choice"),
    [
        (OciRef(), Choice(tag="latest")),
        (OciRef(tag="1.0", semver="1.x", digest=DIGEST), Choice(digest=DIGEST)),
        (OciRef(tag="1.0", semver="1.x", semver_filter="a"), Choice(versions="1.x", pattern="a")),
        (OciRef(revision="1.2.3"), Choice(tag="1.2.3")),
        (OciRef(revision="~1.2"), Choice(versions="~1.2")),
        (OciRef(revision="1.x"), Choice(versions="1.x")),
        (OciRef(revision="x86"), Choice(tag="x86")),
        (OciRef(revision=DIGEST), Choice(digest=DIGEST)),
        (OciRef(revision=""), Choice(tag="latest")),
    ],
)
def test_a_ref_says_what_is_asked(ref: OciRef, choice: Choice) -> None:
    assert choice_of(ref, "u") == choice


@pytest.mark.parametrize("ref", [OciRef(tag="a/b"), OciRef(tag="../x"), OciRef(digest="sha256:1"), OciRef(tag="a?b=c")])
def test_a_ref_that_would_ask_for_something_else_is_refused(ref: OciRef) -> None:
    with pytest.raises(SourceError):
        choice_of(ref, "u")


def test_the_best_tag_is_of_the_range_and_the_filter() -> None:
    tags = ["1.0.0", "v1.1.0", "1.2.0-rc1", "latest", "2.0.0"]
    assert best_tag(tags, Choice(versions="1.x"), "u") == "v1.1.0"
    assert fitting(tags, "^v", "u") == ["v1.1.0"]
    for versions, words in (("3.x", "no match found for semver: 3.x"), ("one", "is no version range")):
        with pytest.raises(SourceError, match=words):
            best_tag(tags, Choice(versions=versions), "u")
    with pytest.raises(SourceError, match="no regular expression"):
        fitting(tags, "(", "u")


def test_of_an_index_the_platform_is_chosen_as_flux_does() -> None:
    arm = {"digest": "sha256:" + "b" * 64, "platform": {"os": "linux", "architecture": "arm64"}}
    amd = {"digest": DIGEST, "platform": {"os": "linux", "architecture": "amd64"}}
    assert child_of({"manifests": [arm, amd]}, "u") == DIGEST
    assert child_of({"manifests": [{"digest": DIGEST}]}, "u") == DIGEST
    for index in ({}, {"manifests": [arm]}, {"manifests": [7, {"digest": "x"}]}):
        with pytest.raises(SourceError, match="no manifest for linux/amd64"):
            child_of(index, "u")


def test_the_layer_is_the_first_or_the_first_of_its_type() -> None:
    layers = [{"mediaType": name, "digest": DIGEST, "size": 1} for name in ("a", "b")]
    manifest = read_manifest({"layers": layers, "annotations": {"k": "v", "n": 1}}, "u")
    assert manifest.annotations == {"k": "v"}
    assert layer_of(manifest, "", False, "u").media_type == "a"
    assert layer_of(manifest, "b", False, "u").media_type == "b"
    with pytest.raises(SourceError, match="failed to find layer with media type 'c'"):
        layer_of(manifest, "c", False, "u")
    with pytest.raises(SourceError, match="expected only a single oci layer, got 2"):
        layer_of(manifest, "", True, "u")


@pytest.mark.parametrize(
    "raw", [{"layers": [7]}, {"layers": [{"digest": "x", "size": 1}]}, {"layers": [{"digest": DIGEST}]}]
)
def test_a_manifest_that_is_none_is_told(raw: dict[str, Any]) -> None:
    with pytest.raises(SourceError) as refused:
        read_manifest(raw, "u")
    assert refused.value.fault is Fault.PROTOCOL


@pytest.mark.parametrize("raw", [b"", b"<html>", b"[]", b"[" * 100_000])
def test_an_answer_that_is_no_object_is_told(raw: bytes) -> None:
    with pytest.raises(SourceError, match="no JSON object"):
        read_json(raw, "u")


def test_annotations_are_kept_as_far_as_a_status_has_room() -> None:
    many = {f"a{number:05}": "x" * 100 for number in range(1000)} | {"org.opencontainers.image.source": "s"}
    kept = told(many)
    assert kept["org.opencontainers.image.source"] == "s" and len(json.dumps(kept)) < ANNOTATIONS_LIMIT * 1.2


@pytest.mark.parametrize("revision", ["main@sha1:" + "c" * 40, "c" * 40, "main/" + "c" * 40])
def test_the_commit_that_annotations_name_is_the_provenance(revision: str) -> None:
    annotations = {
        "org.opencontainers.image.revision": revision,
        "org.opencontainers.image.source": "https://git.example/a",
        "org.opencontainers.image.created": "2026-01-02T03:04:05Z",
        "org.opencontainers.image.authors": "Ann",
    }
    found = provenance_of(DIGEST, "t", annotations)
    assert found.id == "c" * 40 and found.author_name == "Ann" and revision in found.subject
    assert provenance_of(DIGEST, "t", {}).id == "a" * 64
    assert provenance_of(DIGEST, "t", {"org.opencontainers.image.created": "yesterday"}).author is None


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("169.254.169.254", True),
        ("fe80::1%eth0", True),
        ("fd00:ec2::254", True),
        ("100.100.100.200", True),
        ("0.0.0.0", True),
        ("10.0.0.1", False),
        ("140.82.112.3", False),
        ("registry.example", False),
    ],
)
def test_addresses_that_nobody_is_led_to(address: str, inside: bool) -> None:
    assert is_inside(address) is inside


async def test_a_registry_on_this_machine_may_lead_around_on_it() -> None:
    local, far = Guard(frozenset({"127.0.0.1"})), Guard(frozenset({"registry.example"}))
    local.check("127.0.0.1")
    for guard, host in ((local, "169.254.169.254"), (local, "::1"), (far, "127.0.0.1")):
        with pytest.raises(Forbidden):
            guard.check(host)
    with pytest.raises(OSError, match="of this machine"):
        await far.resolve("localhost", 80)
    named = Guard(frozenset({"localhost"}))
    found = await named.resolve("localhost", 80)
    named.check(found[0]["host"])
