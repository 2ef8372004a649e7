"""How to be let in at a store, decoded from the Secrets of a bucket source."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec

from trueup.core.model.artifact import Fault, SourceCredentials, SourceError

ACCESS_KEY, SECRET_KEY = "accesskey", "secretkey"


class BucketCredentials(msgspec.Struct, frozen=True):
    """Every field may be empty. `ca`, `client_certificate` and `client_key` are PEM. `proxy` is the URL of an HTTP
    proxy, with its own user in the two last fields."""

    access_key: str = ""
    secret_key: str = ""
    ca: str = ""
    client_certificate: str = ""
    client_key: str = ""
    proxy: str = ""
    proxy_username: str = ""
    proxy_password: str = ""

    def __repr__(self) -> str:
        """Name the fields that are set, never their values."""
        return f"BucketCredentials({', '.join(name for name in self.__struct_fields__ if getattr(self, name))})"

    @property
    def unverified(self) -> bool:
        """Whether any certificate is accepted: never."""
        return False

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values that must appear in no message."""
        known = (self.access_key, self.secret_key, self.client_key, self.proxy_password)
        return tuple(value for value in known if value)

    @property
    def who(self) -> str:
        """Name who asks, by all that a store is told."""
        if self == BucketCredentials():
            return "anybody"
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()


def bucket_credentials(credentials: SourceCredentials | None, shown: str) -> BucketCredentials:
    """Decode the Secrets. Raises `SourceError` (CREDENTIALS) where they cannot be read."""
    if credentials is None:
        return BucketCredentials()
    data, proxy = credentials.data, credentials.proxy
    found = BucketCredentials(
        access_key=_text(data, ACCESS_KEY),
        secret_key=_text(data, SECRET_KEY),
        ca=_text(data, "ca.crt"),
        client_certificate=_text(data, "tls.crt"),
        client_key=_text(data, "tls.key"),
        proxy=_text(proxy, "address"),
        proxy_username=_text(proxy, "username"),
        proxy_password=_text(proxy, "password"),
    )
    if credentials.secret and not (found.access_key and found.secret_key):
        words = (
            f"{shown}: invalid '{credentials.secret}' secret data: "
            f"required fields '{ACCESS_KEY}' and '{SECRET_KEY}'; add both"
        )
        raise SourceError(Fault.CREDENTIALS, words)
    for name in ("access_key", "secret_key", "proxy", "proxy_username", "proxy_password"):
        if any(sign in getattr(found, name) for sign in "\r\n\0"):
            words = f"{shown}: the Secret's {name} holds a line break; write it without (`echo -n`)"
            raise SourceError(Fault.CREDENTIALS, words)
    return found


def _text(data: Mapping[str, bytes], key: str) -> str:
    return data[key].decode("utf-8", "replace") if data.get(key) else ""
