"""Signatures of artifacts on a real registry: made by cosign's library, in both forms, and every way to have none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest
import pytest_asyncio

from support.cosign_signing import SIGN, KeyPair, key_pair, push_bundle, push_simple, sign
from support.registry import PASSWORD, USER, Registry, registry
from trueup.core.model.artifact import Fault, SourceError
from trueup.sources.oci.address import read_address
from trueup.sources.oci.registry import Registry as Client
from trueup.sources.oci.signatures import SIMPLE_SIGNING, public_keys, verify
from trueup.sources.web.credentials import WebCredentials


class Place(NamedTuple):
    registry: Registry
    own: KeyPair
    foreign: KeyPair


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    keys = tmp_path_factory.mktemp("keys")
    async with registry(tmp_path_factory.mktemp("registry")) as made:
        yield Place(made, key_pair(keys), key_pair(keys))


async def verified(place: Place, name: str, digest: str, *public: bytes) -> None:
    address = read_address(f"oci://{place.registry.host}/{name}")
    keys = public_keys({f"{number}.pub": key for number, key in enumerate(public)}, "flux-system/keys", address.shown)
    creds = WebCredentials(username=USER, password=PASSWORD, ca=place.registry.ca)
    async with Client(address, creds, False, {}) as client:
        await verify(client, digest, keys, address.shown)


@pytest.mark.parametrize("kind", ["ecdsa", "rsa", "ed25519"])
async def test_a_signature_by_a_trusted_key_is_found(place: Place, tmp_path: Path, kind: str) -> None:
    key, name = key_pair(tmp_path, kind), f"team/{kind}"
    digest = await place.registry.push(name, "1", {"a.yaml": "a: 1"})
    with pytest.raises(SourceError, match="it has no signature") as raised:
        await verified(place, name, digest, key.public)
    assert raised.value.fault is Fault.UNVERIFIED
    await push_simple(place.registry, name, digest, await sign(place.registry, name, digest, key))
    await verified(place, name, digest, place.foreign.public, key.public)


@pytest.mark.parametrize("kind", ["ecdsa", "rsa", "ed25519"])
async def test_a_bundle_by_a_trusted_key_is_found(place: Place, tmp_path: Path, kind: str) -> None:
    key, name = key_pair(tmp_path, kind), f"team/bundle-{kind}"
    digest = await place.registry.push(name, "1", {"a.yaml": "a: 1"})
    await push_bundle(place.registry, name, digest, await sign(place.registry, name, digest, key))
    await verified(place, name, digest, key.public)


async def test_a_foreign_key_is_not_trusted_and_the_right_one_among_many_is(place: Place) -> None:
    name = "team/foreign"
    digest = await place.registry.push(name, "1", {"a.yaml": "a: 1"})
    foreign = await sign(place.registry, name, digest, place.foreign)
    await push_simple(place.registry, name, digest, foreign)
    await push_bundle(place.registry, name, digest, foreign)
    with pytest.raises(SourceError, match="none of its 2 signatures is by a trusted key"):
        await verified(place, name, digest, place.own.public)
    own = await sign(place.registry, name, digest, place.own)
    await push_simple(place.registry, name, digest, foreign, own)
    await verified(place, name, digest, place.own.public)


@pytest.mark.parametrize("form", ["simple", "bundle"])
async def test_a_signature_of_something_else_proves_nothing(place: Place, form: str) -> None:
    """It was made with the right key, of another artifact, and is pushed again beside this one."""
    name = f"team/replayed-{form}"
    other = await place.registry.push(name, "1", {"a.yaml": "a: 1"})
    digest = await place.registry.push(name, "2", {"a.yaml": "a: evil"})
    signed = await sign(place.registry, name, digest, place.own, of=other)
    await (push_simple if form == "simple" else push_bundle)(place.registry, name, digest, signed)
    with pytest.raises(SourceError, match="none of its 1 signatures"):
        await verified(place, name, digest, place.own.public)


async def test_what_attests_something_else_is_no_signature(place: Place) -> None:
    name = "team/attested"
    digest = await place.registry.push(name, "1", {"a.yaml": "a: 1"})
    told = await sign(place.registry, name, digest, place.own, predicate="https://spdx.dev/Document")
    await push_bundle(place.registry, name, digest, told)
    with pytest.raises(SourceError, match="it has no signature"):
        await verified(place, name, digest, place.own.public)
    assert SIGN != "https://spdx.dev/Document"


@pytest.mark.parametrize(
    ("payload", "signature"),
    [(b"garbage", "AAAA"), (b"{}", "AAAA"), (b"[" * 100_000, "AAAA"), (b"{}", "no base64"), (b"{}", "")],
)
async def test_garbage_is_no_signature(place: Place, payload: bytes, signature: str) -> None:
    name = "team/garbage"
    digest = await place.registry.push(name, "1", {"a.yaml": "a: 1"})
    layers = [(SIMPLE_SIGNING, payload, {"dev.cosignproject.cosign/signature": signature})]
    await place.registry.push_manifest(name, digest.replace(":", "-") + ".sig", layers)
    with pytest.raises(SourceError) as raised:
        await verified(place, name, digest, place.own.public)
    assert raised.value.fault is Fault.UNVERIFIED and "cosign sign --key" in str(raised.value)


def test_keys_that_are_none_are_named(tmp_path: Path) -> None:
    for data, words in (
        ({}, "holds no public key"),
        ({"cosign.key": b"x"}, "holds no public key"),
        ({"cosign.pub": b"x"}, "the entry cosign.pub of Secret ns/keys is no public key in PEM"),
        ({"cosign.pub": key_pair(tmp_path, "weak").public}, "1024 bits"),
    ):
        with pytest.raises(SourceError, match=words) as raised:
            public_keys(data, "ns/keys", "oci://r/a")
        assert raised.value.fault is Fault.UNVERIFIED
