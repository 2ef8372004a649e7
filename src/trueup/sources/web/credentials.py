"""How to be let in at a registry or a web server, decoded from the Secrets of Flux and of Argo CD."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from trueup.core.model.artifact import Fault, SourceCredentials, SourceError

DOCKER_CONFIG = ".dockerconfigjson"
DOCKER_HUB = "registry-1.docker.io"


class Place(Protocol):
    """Where somebody is to be let in: a host with its port, a path there, and the declared URL for messages."""

    @property
    def host(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def shown(self) -> str: ...


class WebCredentials(msgspec.Struct, frozen=True):
    """Every field may be empty. `ca`, `client_certificate` and `client_key` are PEM. `unverified` accepts any
    certificate; `plain` speaks HTTP. `proxy` is the URL of an HTTP proxy, with its own user in the two last fields."""

    username: str = ""
    password: str = ""
    token: str = ""
    ca: str = ""
    client_certificate: str = ""
    client_key: str = ""
    unverified: bool = False
    plain: bool = False
    proxy: str = ""
    proxy_username: str = ""
    proxy_password: str = ""

    def __repr__(self) -> str:
        """Name the fields that are set, never their values."""
        return f"WebCredentials({', '.join(name for name in self.__struct_fields__ if getattr(self, name))})"

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values that must appear in no message."""
        known = (self.password, self.token, self.client_key, self.proxy_password)
        return tuple(value for value in known if value)

    @property
    def who(self) -> str:
        """Name who asks, by all that a server is told."""
        if self == WebCredentials():
            return "anybody"
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()


def web_credentials(credentials: SourceCredentials | None, address: Place) -> WebCredentials:
    """Decode the Secrets for one place. Raises `SourceError` (CREDENTIALS) where they cannot be read."""
    if credentials is None:
        return WebCredentials()
    data, proxy = credentials.data, credentials.proxy
    username, password, token = _text(data, "username"), _text(data, "password"), _text(data, "bearerToken")
    if data.get(DOCKER_CONFIG):
        username, password, token = _of_docker(data[DOCKER_CONFIG], address, credentials.secret)
    found = WebCredentials(
        username=username,
        password=password,
        token=token,
        ca=_text(data, "ca.crt", "caFile"),
        client_certificate=_text(data, "tls.crt", "certFile", "tlsClientCertData"),
        client_key=_text(data, "tls.key", "keyFile", "tlsClientCertKey"),
        unverified=_text(data, "insecure") == "true",
        plain=_text(data, "insecureOCIForceHttp") == "true",
        proxy=_text(proxy, "address") or _text(data, "proxy"),
        proxy_username=_text(proxy, "username"),
        proxy_password=_text(proxy, "password"),
    )
    for name in ("username", "password", "token", "proxy", "proxy_username", "proxy_password"):
        if any(sign in getattr(found, name) for sign in "\r\n\0"):
            words = f"{address.shown}: the Secret's {name} holds a line break; write it without (`echo -n`)"
            raise SourceError(Fault.CREDENTIALS, words)
    return found


def _of_docker(raw: bytes, address: Place, secret: str) -> tuple[str, str, str]:
    """Give user, password and token of the entry for a registry; the longest that fits, empty where none does."""
    broken = SourceError(
        Fault.CREDENTIALS, f"{address.shown}: the key {DOCKER_CONFIG} of Secret {secret} is no Docker configuration"
    )
    try:
        auths = msgspec.json.decode(raw, type=dict[str, Any]).get("auths") or {}
    except msgspec.DecodeError:
        raise broken from None
    if not isinstance(auths, dict):
        raise broken
    best: tuple[int, Any] = (-1, None)
    for name, entry in auths.items():
        wanted = _normal(name)
        if f"{address.host}/{address.name}/".startswith(f"{wanted}/") and len(wanted) > best[0]:
            best = (len(wanted), entry)
    entry = best[1]
    if entry is None:
        return "", "", ""
    if not isinstance(entry, dict):
        raise broken
    texts = {key: value for key, value in entry.items() if isinstance(value, str)}
    username, password = texts.get("username", ""), texts.get("password", "")
    if texts.get("auth") and not password:
        try:
            username, _, password = base64.b64decode(texts["auth"], validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            raise broken from None
    if texts.get("identitytoken") and not password:
        words = f"{address.shown}: Secret {secret} brings an identitytoken, which is not supported yet; use a password"
        raise SourceError(Fault.CREDENTIALS, words)
    return username, password, texts.get("registrytoken", "")


def _normal(name: str) -> str:
    """Bring an entry's name to a host, with a path where it names one: `https://index.docker.io/v1/` is a host."""
    text = name.lower().removeprefix("https://").removeprefix("http://").rstrip("/")
    for version in ("/v1", "/v2"):
        text = text.removesuffix(version)
    host, slash, path = text.partition("/")
    return (DOCKER_HUB if host in ("docker.io", "index.docker.io") else host) + slash + path


def _text(data: Mapping[str, bytes], *keys: str) -> str:
    return next((data[key].decode("utf-8", "replace") for key in keys if data.get(key)), "")
