"""Signatures that cosign has made with a key, and whether one of them is of an artifact and by somebody trusted.

Two forms are read: payloads of simple signing, at the tag `sha256-….sig` (cosign's specs/SIGNATURE_SPEC.md), and
Sigstore bundles among an artifact's referrers (`dev.sigstore.bundle.v0.3`), which cosign makes since version 3. As in
Flux, no transparency log is asked where keys are given.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from trueup.core.model.artifact import Fault, SourceError
from trueup.sources.oci.manifests import Layer, read_manifest
from trueup.sources.oci.registry import Registry

SIGNATURE = "dev.cosignproject.cosign/signature"
SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
SIGNED = "https://sigstore.dev/cosign/sign/v1"
"""What a bundle's statement says where it signs an artifact, and attests nothing else about it."""

SIGNATURES_LIMIT = 50
"""Signatures of one artifact that are read."""

PAYLOAD_LIMIT = 1024 * 1024
KEYS_LIMIT = 100
_LEAST_RSA = 2048

PublicKey: TypeAlias = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey


def public_keys(data: Mapping[str, bytes], secret: str, shown: str) -> tuple[PublicKey, ...]:
    """Read the keys of a Secret, each in an entry whose name ends in `.pub`. Raises `SourceError` (UNVERIFIED)."""
    named = sorted(name for name in data if name.endswith(".pub"))
    if not named:
        words = f"{shown}: Secret {secret} holds no public key: put each into an entry whose name ends in .pub"
        raise SourceError(Fault.UNVERIFIED, words)
    return tuple(_key(data[name], f"{shown}: the entry {name} of Secret {secret}") for name in named[:KEYS_LIMIT])


def _key(raw: bytes, what: str) -> PublicKey:
    try:
        key = load_pem_public_key(raw)
    except (ValueError, UnsupportedAlgorithm):
        words = f"{what} is no public key in PEM, as `cosign public-key` prints it"
        raise SourceError(Fault.UNVERIFIED, words) from None
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < _LEAST_RSA:
        raise SourceError(Fault.UNVERIFIED, f"{what} has {key.key_size} bits, and an RSA key must have {_LEAST_RSA}")
    if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey):
        raise SourceError(Fault.UNVERIFIED, f"{what} is of a kind that cosign does not use: take ECDSA, RSA or Ed25519")
    return key


async def verify(registry: Registry, digest: str, keys: Sequence[PublicKey], shown: str) -> None:
    """Find a signature of an artifact by one of these keys. Raises `SourceError` (UNVERIFIED) without one."""
    found = 0
    async for signature in _signatures(registry, digest, shown):
        found += 1
        if signature.names(digest) and any(_by(key, signature) for key in keys):
            return
    said = f"none of its {found} signatures is by a trusted key" if found else "it has no signature"
    raise SourceError(
        Fault.UNVERIFIED,
        f"{shown}: failed to verify {digest} with cosign: {said}; what was verified before stays in use. "
        "Sign it (`cosign sign --key`), or correct the keys that are trusted",
    )


class _Signature(msgspec.Struct, frozen=True):
    """A signature and the bytes it is of; `digests` are those that these bytes name."""

    value: bytes
    content: bytes
    digests: tuple[str, ...]

    def names(self, digest: str) -> bool:
        """Say whether it is of the artifact with this digest."""
        return digest in self.digests


def _by(key: PublicKey, signature: _Signature) -> bool:
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature.value, signature.content, ec.ECDSA(hashes.SHA256()))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature.value, signature.content, padding.PKCS1v15(), hashes.SHA256())
        else:
            key.verify(signature.value, signature.content)
    except InvalidSignature:
        return False
    return True


async def _signatures(registry: Registry, digest: str, shown: str) -> AsyncIterator[_Signature]:
    """Give the signatures that a registry has for a digest; what is none is passed over."""
    for layer, told in await _layers(registry, f"{digest.replace(':', '-')}.sig", shown):
        value = _decoded(told.get(SIGNATURE))
        if layer.media_type == SIMPLE_SIGNING and value and layer.size <= PAYLOAD_LIMIT:
            payload = await registry.content(layer.digest, layer.size)
            yield _Signature(value, payload, _simple_digests(payload))
    for referrer in (await registry.referrers(digest, BUNDLE))[:SIGNATURES_LIMIT]:
        for layer, _ in await _layers(registry, referrer, shown):
            if layer.media_type == BUNDLE and layer.size <= PAYLOAD_LIMIT:
                for signature in _bundled(await registry.content(layer.digest, layer.size)):
                    yield signature


async def _layers(registry: Registry, reference: str, shown: str) -> list[tuple[Layer, dict[str, Any]]]:
    """Give the layers of a manifest with their annotations; none where it is not there."""
    try:
        _, raw = await registry.manifest(reference)
    except SourceError as error:
        if error.fault is Fault.REF:
            return []
        raise
    layers = read_manifest(raw, shown).layers
    told = [item.get("annotations") for item in raw.get("layers") or []]
    named = [one if isinstance(one, dict) else {} for one in told]
    return list(zip(layers, named, strict=True))[:SIGNATURES_LIMIT]


def _simple_digests(payload: bytes) -> tuple[str, ...]:
    try:
        signed = msgspec.json.decode(payload, type=_Simple)
    except (msgspec.DecodeError, RecursionError):
        return ()
    return (signed.critical.image.digest,)


class _Image(msgspec.Struct, frozen=True):
    digest: str = msgspec.field(name="docker-manifest-digest")


class _Critical(msgspec.Struct, frozen=True):
    image: _Image


class _Simple(msgspec.Struct, frozen=True):
    """What simple signing signs."""

    critical: _Critical


class _Signed(msgspec.Struct, frozen=True):
    sig: str


class _Envelope(msgspec.Struct, frozen=True):
    payload: str
    payload_type: str = msgspec.field(name="payloadType")
    signatures: list[_Signed] = []


class _Bundle(msgspec.Struct, frozen=True):
    """A Sigstore bundle, of which the envelope (DSSE) alone is read."""

    envelope: _Envelope = msgspec.field(name="dsseEnvelope")


class _Subject(msgspec.Struct, frozen=True):
    digest: dict[str, str] = {}


class _Statement(msgspec.Struct, frozen=True):
    """What an in-toto statement says, of what."""

    predicate: str = msgspec.field(name="predicateType")
    subject: list[_Subject] = []


def _bundled(raw: bytes) -> list[_Signature]:
    """Give the signatures of a bundle that signs artifacts; none where it attests something else, or is none."""
    try:
        envelope = msgspec.json.decode(raw, type=_Bundle).envelope
        payload = base64.b64decode(envelope.payload, validate=True)
        statement = msgspec.json.decode(payload, type=_Statement)
    except (msgspec.DecodeError, RecursionError, binascii.Error, ValueError):
        return []
    if statement.predicate != SIGNED:
        return []
    # What is signed is the payload with its type, each with its length (DSSE's "pre-authentication encoding").
    kind = envelope.payload_type.encode()
    content = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    digests = tuple(f"{name}:{value}" for one in statement.subject for name, value in one.digest.items())
    values = [_decoded(one.sig) for one in envelope.signatures[:SIGNATURES_LIMIT]]
    return [_Signature(value, content, digests) for value in values if value]


def _decoded(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except (binascii.Error, ValueError):
        return b""
