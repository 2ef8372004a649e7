"""How to be let in at a host: a token, or a GitHub App that tokens are asked for."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Access(msgspec.Struct, frozen=True):
    """How to be let in, and on what way. Every field may be empty.

    `token`: an access token. `app_id`, `installation`, `app_key`: a GitHub App, its installation, and its private key
    in PEM. `ca`: PEM certificates that replace the system's. `proxy`: the URL of an HTTP proxy. `insecure` accepts any
    certificate.
    """

    token: str = ""
    app_id: str = ""
    installation: str = ""
    app_key: str = ""
    ca: str = ""
    proxy: str = ""
    insecure: bool = False

    def __repr__(self) -> str:
        """Name the fields that are set, never their values."""
        return f"Access({', '.join(name for name in self.__struct_fields__ if getattr(self, name))})"

    @property
    def admits(self) -> bool:
        """Whether there is anything here to be let in with."""
        return bool(self.token or self.app_key)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values that must appear in no message."""
        return tuple(value for value in (self.token, self.app_key) if value)

    @classmethod
    def from_secret(cls, data: Mapping[str, bytes]) -> Access:
        """Read a Secret's decoded data, in the keys that Flux and Argo CD use for tokens and for GitHub Apps."""

        def text(*keys: str) -> str:
            return next((data[key].decode("utf-8", "replace").strip() for key in keys if data.get(key)), "")

        return cls(
            token=text("token", "bearerToken", "password"),
            app_id=text("githubAppID"),
            installation=text("githubAppInstallationID"),
            app_key=text("githubAppPrivateKey"),
            ca=text("ca.crt", "caFile"),
            proxy=text("proxy"),
            insecure=text("insecure") == "true",
        )
