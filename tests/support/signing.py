"""Keys, and signatures as cosign makes them, by the library that cosign is built on (`cosign/main.go` beside this)."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from support.registry import Registry
from trueup.devtools.toolchain.build import build
from trueup.devtools.toolchain.progress import ProgressPrinter

SIMPLE = "application/vnd.dev.cosign.simplesigning.v1+json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
SIGN = "https://sigstore.dev/cosign/sign/v1"


def program() -> Path:
    """Give the program that signs, built if it is nowhere."""
    return build(Path(__file__).parent / "cosign", ".", "cosign-for-tests", progress=ProgressPrinter(), expected=20.0)


class KeyPair(NamedTuple):
    """A private key's file and the public key, both PEM."""

    private: Path
    public: bytes


def key_pair(folder: Path, kind: str = "ecdsa") -> KeyPair:
    """Make a pair of keys: `ecdsa` as cosign does, `rsa`, `weak` (RSA of 1,024 bits) or `ed25519`."""
    private: Any
    if kind in ("rsa", "weak"):
        private = rsa.generate_private_key(65537, 3072 if kind == "rsa" else 1024)
    elif kind == "ed25519":
        private = ed25519.Ed25519PrivateKey.generate()
    else:
        private = ec.generate_private_key(ec.SECP256R1())
    encoding, none = serialization.Encoding.PEM, serialization.NoEncryption()
    file = folder / f"{kind}-{len(list(folder.iterdir()))}.pem"
    file.write_bytes(private.private_bytes(encoding, serialization.PrivateFormat.PKCS8, none))
    public = private.public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)
    return KeyPair(file, public)


async def sign(
    registry: Registry, name: str, digest: str, key: KeyPair, *, predicate: str = SIGN, of: str = ""
) -> dict[str, str]:
    """Sign a digest (or have the signature say that it is `of` another): gives payload, signature and envelope."""
    subject = of or digest
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"digest": {"sha256": subject.removeprefix("sha256:")}}],
        "predicateType": predicate,
        "predicate": {},
    }
    executable = await asyncio.to_thread(program)
    command = [str(executable), str(key.private), f"{registry.host}/{name}@{subject}", json.dumps(statement)]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=True, timeout=60)
    found: dict[str, str] = json.loads(done.stdout)
    return found


async def push_simple(registry: Registry, name: str, digest: str, *signed: dict[str, str]) -> None:
    """Push signatures as cosign does before version 3: all at one tag, named after the digest."""
    layers = [
        (SIMPLE, one["payload"].encode(), {"dev.cosignproject.cosign/signature": one["signature"]}) for one in signed
    ]
    await registry.push_manifest(name, digest.replace(":", "-") + ".sig", layers)


async def push_bundle(registry: Registry, name: str, digest: str, signed: dict[str, str]) -> None:
    """Push a signature as cosign does since version 3: a bundle that refers to what is signed."""
    bundle = {
        "mediaType": BUNDLE,
        "verificationMaterial": {"publicKey": {"hint": "k"}},
        "dsseEnvelope": json.loads(signed["envelope"]),
    }
    layers = [(BUNDLE, json.dumps(bundle).encode(), {})]
    made = await registry.push_manifest(name, "", layers, kind=BUNDLE, subject=digest)
    # As clients do for a registry that does not keep referrers itself (distribution-spec 1.1, "referrers tag").
    item = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": made.digest, "size": made.size}
    await registry.push_index(name, digest.replace(":", "-"), [{**item, "artifactType": BUNDLE}])


if __name__ == "__main__":
    print(f"cosign for tests: {program()}")
