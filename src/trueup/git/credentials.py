"""Git credentials, decoded from the Secrets of Flux and of Argo CD."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

import msgspec

from trueup.core.model.artifact import SourceCredentials


class GitCredentials(msgspec.Struct, frozen=True):
    """How to be let in. Every field may be empty; only those that fit the URL are used.

    `username`, `password`: HTTP basic, or the passphrase of `ssh_key`. `bearer`: an HTTP bearer token. `ssh_key`:
    a private key in PEM; `known_hosts`: the accepted host keys. `ca`: PEM certificates that replace the system's;
    `client_certificate`, `client_key`: PEM, for mutual TLS. `insecure` accepts any certificate or host key.
    `proxy`: URL of an HTTP(S) or SOCKS proxy, which may hold its own user and password. `app_id`, `app_installation`,
    `app_key`: a GitHub App, its installation and its private key in PEM; `app_api` is where its host's API is.
    """

    username: str = ""
    password: str = ""
    bearer: str = ""
    ssh_key: str = ""
    known_hosts: str = ""
    ca: str = ""
    client_certificate: str = ""
    client_key: str = ""
    insecure: bool = False
    proxy: str = ""
    app_id: str = ""
    app_installation: str = ""
    app_key: str = ""
    app_api: str = ""

    def __repr__(self) -> str:
        """Name the fields that are set, never their values."""
        return f"GitCredentials({', '.join(name for name in self.__struct_fields__ if getattr(self, name))})"

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values that must appear in no message."""
        return tuple(
            value for value in (self.password, self.bearer, self.ssh_key, self.client_key, self.app_key) if value
        )

    @classmethod
    def from_secret(cls, data: Mapping[str, bytes], proxy: Mapping[str, bytes] | None = None) -> GitCredentials:
        """Read a Secret's decoded data, in the keys of Flux and of Argo CD alike; `proxy` is a proxy Secret's data.

        Unknown keys are left alone; bytes that are no UTF-8 are replaced, and then refused by the server.
        """

        def text(*keys: str) -> str:
            return next((data[key].decode("utf-8", "replace") for key in keys if data.get(key)), "")

        address = ""
        if proxy and proxy.get("address"):
            address = _with_user(*(proxy.get(key, b"").decode() for key in ("address", "username", "password")))
        return cls(
            username=text("username"),
            password=text("password"),
            bearer=text("bearerToken"),
            ssh_key=text("identity", "sshPrivateKey"),
            known_hosts=text("known_hosts"),
            ca=text("ca.crt", "caFile"),
            client_certificate=text("tls.crt", "certFile", "tlsClientCertData"),
            client_key=text("tls.key", "keyFile", "tlsClientCertKey"),
            insecure=text("insecure", "insecureIgnoreHostKey") == "true",
            proxy=address or text("proxy"),
            app_id=text("githubAppID").strip(),
            app_installation=text("githubAppInstallationID").strip(),
            app_key=text("githubAppPrivateKey"),
            app_api=text("githubAppBaseURL", "githubAppEnterpriseBaseUrl").strip(),
        )


def _with_user(address: str, username: str, password: str) -> str:
    scheme, sep, rest = address.partition("://")
    if not sep or not username or "@" in rest.partition("/")[0]:
        return address
    return f"{scheme}://{quote(username, safe='')}:{quote(password, safe='')}@{rest}"


def git_credentials(credentials: SourceCredentials | None) -> GitCredentials | None:
    """Decode the Secrets of a source, `None` for anonymous access."""
    return GitCredentials.from_secret(credentials.data, credentials.proxy) if credentials is not None else None
