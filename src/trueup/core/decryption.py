"""What of a unit's files is encrypted: who holds the keys, and what a renderer is given of them.

Keys and what they decrypt are in memory only: never on disk, in arguments, an environment, a log or a `repr`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec

AGE = ".agekey"
"""The end of the names under which a Secret holds age identities."""


class Decryption(msgspec.Struct, frozen=True):
    """How a unit's files are decrypted: by SOPS, with the keys of one Secret.

    `secret` is its namespace and name, `None` where the unit names none and there is none for all. `only_age`: PGP keys
    and the like of that Secret are not for units. `strict` refuses files whose MAC does not fit, which is only told
    otherwise. `disabled_by` is the annotation with which an object is left encrypted. `remedy` says where the unit's
    own object names the Secret.
    """

    secret: tuple[str, str] | None = None
    only_age: bool = False
    strict: bool = False
    disabled_by: str = ""
    remedy: str = ""


class Keys(msgspec.Struct, frozen=True):
    """What a worker decrypts with: private keys by their names in the Secret `origin`, and how it is done."""

    origin: str
    files: Mapping[str, bytes]
    how: Decryption

    def __repr__(self) -> str:
        """Name the Secret, and nothing of it."""
        return f"Keys({self.origin!r})"

    @property
    def digest(self) -> str:
        """Name the keys by content, without telling them."""
        digest = hashlib.blake2b(msgspec.json.encode(self.how), digest_size=16)
        for name, content in sorted(self.files.items()):
            digest.update(f"{len(name)} {name} {len(content)} ".encode())
            digest.update(content)
        return digest.hexdigest()


def keys_for(how: Decryption, data: Mapping[str, bytes] | None) -> Keys:
    """Put together what a worker is given of a Secret's data; no keys at all where there is no Secret."""
    files = {name: content for name, content in (data or {}).items() if not how.only_age or name.endswith(AGE)}
    return Keys("Secret/" + "/".join(how.secret) if how.secret is not None else "", files, how)
