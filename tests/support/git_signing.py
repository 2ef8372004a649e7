"""Commits and tags with signatures, made without gpg: by keys of OpenPGP and SSH that a test makes for itself."""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pysequoia import Cert, SignatureMode, Tsk, sign

from trueup.devtools.gitserver import Repository

Signer = Callable[[bytes], bytes]


class OpenPgp:
    """A key of OpenPGP: `public` is what stands in a Secret, `sign` makes a detached signature in armour."""

    def __init__(self, name: str) -> None:
        self._key = Tsk.generate(f"{name} <{name.lower()}@example.com>")
        cert: Cert = self._key.extract_certificate()
        self.cert = cert
        self.public = str(cert).encode()
        self.id = str(cert.fingerprint)[-16:].upper()

    def sign(self, payload: bytes) -> bytes:
        return sign(self._key.signer(), payload, mode=SignatureMode.DETACHED)

    def revoked(self) -> bytes:
        """Give the key as it is once it was revoked."""
        return bytes(self.cert) + bytes(self.cert.revoke(self._key.certifier()))


class Ssh:
    """An SSH key, which signs as `ssh-keygen -Y sign -n git` does."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()
        raw = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self._blob = _text(b"ssh-ed25519") + _text(raw)
        self.public = b"ssh-ed25519 " + base64.b64encode(self._blob) + b" ann@example.com\n"

    def sign(self, payload: bytes, namespace: bytes = b"git") -> bytes:
        rest = _text(namespace) + _text(b"") + _text(b"sha512")
        signed = b"SSHSIG" + rest + _text(hashlib.sha512(payload).digest())
        signature = _text(b"ssh-ed25519") + _text(self._key.sign(signed))
        packed = b"SSHSIG" + struct.pack(">I", 1) + _text(self._blob) + rest + _text(signature)
        text = base64.b64encode(packed)
        lines = b"\n".join(text[at : at + 70] for at in range(0, len(text), 70))
        return b"-----BEGIN SSH SIGNATURE-----\n" + lines + b"\n-----END SSH SIGNATURE-----\n"


def _text(raw: bytes) -> bytes:
    return struct.pack(">I", len(raw)) + raw


def raw_commit(repository: Repository, commit: str) -> bytes:
    """Give a commit as Git has it."""
    # What Git prints is stripped: a message's end with it.
    return repository.git("cat-file", "commit", commit).encode() + b"\n"


def signed(payload: bytes, signature: bytes) -> bytes:
    """Put a signature into a raw commit."""
    head, blank, body = payload.partition(b"\n\n")
    return head + b"\ngpgsig " + signature.strip().replace(b"\n", b"\n ") + blank + body


def sign_commit(repository: Repository, signer: Signer, branch: str = "main") -> str:
    """Put a signature on the last commit of a branch, and give the id of the commit that this makes."""
    payload = raw_commit(repository, repository.head(branch))
    made = write(repository, "commit", signed(payload, signer(payload)))
    repository.branch(branch, made)
    return made


def sign_tag(repository: Repository, name: str, commit: str, signer: Signer | None) -> str:
    """Make an annotated tag, with a signature where somebody signs it."""
    head = f"object {commit}\ntype commit\ntag {name}\ntagger Ann <ann@example.com> 1767323045 +0000\n\nRelease\n"
    payload = head.encode()
    made = write(repository, "tag", payload + (signer(payload) if signer else b""))
    repository.git("update-ref", f"refs/tags/{name}", made)
    return made


def write(repository: Repository, kind: str, raw: bytes) -> str:
    """Write an object, whatever it holds."""
    return repository.git("hash-object", "-t", kind, "-w", "--literally", "--stdin", stdin=raw)
