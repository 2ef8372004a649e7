"""Signatures of commits and tags: taken apart as Git has them, and checked by OpenPGP or SSH keys.

It needs no program of gpg or ssh: what a signature says is decided by libraries, for the keys that are given alone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

import msgspec
from pysequoia import Cert, Sig
from pysequoia import verify as verify_openpgp
from sshsig import InvalidSignature, PublicKey
from sshsig import verify as verify_ssh

_HEADERS = (b"gpgsig", b"gpgsig-sha256")
_BEGIN = re.compile(rb"^-----BEGIN (?:PGP|SSH) (?:SIGNATURE|MESSAGE)-----\r?$", re.MULTILINE)
_SSH = b"-----BEGIN SSH SIGNATURE-----"
_SSH_KEYS = (".sshpub", ".pub")
LONGEST = 256 * 1024
"""Bytes of a signature, and of one key ring, that are read."""

_WORDS = 200


class BadSignature(Exception):
    """Something is not signed by any of the keys. The message says why, and holds nothing secret."""


class BadKeys(Exception):
    """There are no keys that can be read. The message names the one that cannot."""


class Signed(msgspec.Struct, frozen=True):
    """What is signed, and its signature in ASCII armour; that is empty where there is none."""

    payload: bytes
    signature: bytes


class PublicKeys(msgspec.Struct, frozen=True):
    """Keys by the names under which they stand in a Secret: key rings of OpenPGP, and SSH keys (`.sshpub`, `.pub`)."""

    data: Mapping[str, bytes] = {}

    @property
    def digest(self) -> str:
        """Name all of them."""
        return hashlib.sha256(msgspec.json.encode(sorted(self.data.items()))).hexdigest()


def signed_commit(raw: bytes, sha256: bool) -> Signed:
    """Take a raw commit apart: the headers that hold signatures are no part of what is signed.

    Raises `BadSignature` where it holds several.
    """
    head, blank, body = raw.partition(b"\n\n")
    kept: list[bytes] = []
    found: dict[bytes, list[bytes]] = {}
    inside: list[bytes] | None = None
    for line in head.split(b"\n"):
        if line.startswith(b" ") and inside is not None:
            inside.append(line[1:])
            continue
        inside = None
        name, _, value = line.partition(b" ")
        if name in _HEADERS:
            if name in found:
                raise BadSignature("it holds several signatures, of which none is taken")
            inside = found[name] = [value]
        else:
            kept.append(line)
    signature = found.get(_HEADERS[1 if sha256 else 0], [])
    return Signed(b"\n".join(kept) + blank + body, b"\n".join(signature) + b"\n" if signature else b"")


def signed_tag(raw: bytes) -> Signed:
    """Take a raw annotated tag apart: its signature stands at the end of its message."""
    found = [*_BEGIN.finditer(raw)]
    if not found:
        return Signed(raw, b"")
    # As Git has it, the last one counts: whatever a message quotes stands before it.
    at = found[-1].start()
    return Signed(raw[:at], raw[at:])


def tagged(raw: bytes) -> str:
    """Give the commit that a raw tag stands for, empty where it stands for something else."""
    fields = dict(line.partition(b" ")[::2] for line in raw.partition(b"\n\n")[0].split(b"\n")[:3])
    return fields.get(b"object", b"").decode("ascii", "replace") if fields.get(b"type") == b"commit" else ""


def check_signature(signed: Signed, keys: PublicKeys) -> str:
    """Give the key that has made a signature, for people (blocking). Raises `BadSignature`, `BadKeys`."""
    if not signed.signature:
        raise BadSignature("it is not signed")
    if len(signed.signature) > LONGEST:
        raise BadSignature("its signature is too large to be one")
    if not keys.data:
        raise BadKeys("it holds no keys")
    if signed.signature.startswith(_SSH):
        return _by_ssh(signed, keys)
    return _by_openpgp(signed, keys)


def _by_openpgp(signed: Signed, keys: PublicKeys) -> str:
    rings = [
        cert for name, raw in sorted(keys.data.items()) if not name.endswith(_SSH_KEYS) for cert in _certs(name, raw)
    ]
    if not rings:
        raise BadSignature("it is signed by OpenPGP, and none of the keys is one of OpenPGP")
    try:
        signature = Sig.from_bytes(signed.signature)
        done = verify_openpgp(bytes=signed.payload, store=lambda ids: rings, signature=signature)
    except BaseException as error:
        # What the library's own code gives up at is a BaseException.
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        words = str(error).partition("\n")[0][:_WORDS]
        raise BadSignature(f"none of the {len(rings)} keys has made its signature ({words})") from None
    if not done.valid_sigs:
        raise BadSignature(f"none of the {len(rings)} keys has made its signature")
    return str(done.valid_sigs[0].certificate)[-16:].upper()


def _certs(name: str, raw: bytes) -> list[Cert]:
    if len(raw) > LONGEST:
        raise BadKeys(f"{name} is larger than {LONGEST // 1024} KiB")
    try:
        return list(Cert.split_bytes(raw))
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        raise BadKeys(f"{name} is no key ring of OpenPGP, nor does it end in .sshpub as SSH keys do") from None


def _by_ssh(signed: Signed, keys: PublicKeys) -> str:
    known: list[tuple[str, PublicKey]] = []
    for name, raw in sorted(keys.data.items()):
        if name.endswith(_SSH_KEYS):
            known += [(name, key) for key in _ssh_keys(name, raw)]
    if not known:
        raise BadSignature("it is signed by SSH, and there is no key in .sshpub that can check it (Ed25519 or RSA)")
    try:
        found = verify_ssh(signed.payload, signed.signature, [key for _, key in known])
    except (InvalidSignature, NotImplementedError, ValueError) as error:
        words = str(error).partition("\n")[0][:_WORDS]
        raise BadSignature(f"none of the {len(known)} SSH keys has made its signature ({words})") from None
    return next((name for name, key in known if key == found), "an SSH key")


def _ssh_keys(name: str, raw: bytes) -> list[PublicKey]:
    if len(raw) > LONGEST:
        raise BadKeys(f"{name} is larger than {LONGEST // 1024} KiB")
    lines = [line.strip() for line in raw.decode("utf-8", "replace").splitlines()]
    found = []
    for line in lines:
        try:
            if line and not line.startswith("#"):
                found.append(PublicKey.from_openssh_str(line))
        except NotImplementedError:
            # A key of another algorithm than Ed25519 and RSA: it makes no signature that can be checked.
            continue
        except ValueError:
            raise BadKeys(f"{name} is no SSH public key: write it as ssh-keygen does, `ssh-ed25519 AAAA…`") from None
    return found
