"""Being let in as a GitHub App: a signed assertion of who it is, given for a token that lasts an hour.

https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import datetime

import aiohttp
import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from trueup.scm.access import Access
from trueup.scm.api import Api
from trueup.scm.host import Fault, HostError

_EARLY = 300.0
"""Seconds before its end at which a token is replaced."""


class _Token(msgspec.Struct, frozen=True):
    token: str
    expires_at: str = ""


class AppTokens:
    """Tokens of one installation of an App, asked for when the last one ends soon."""

    def __init__(self, session: aiohttp.ClientSession, base: str, access: Access) -> None:
        """Take what is needed; nothing is asked yet."""
        self._access = access
        self._api = Api(session, base, access, self._assertion)
        self._token = ""
        self._until = 0.0
        self._asking = asyncio.Lock()

    async def headers(self) -> Mapping[str, str]:
        """Give the header that lets a request in. Raises `HostError`."""
        token, _ = await self.token()
        return {"Authorization": f"Bearer {token}"}

    async def token(self) -> tuple[str, float]:
        """Give a token, and until when it holds, in seconds since 1970. Raises `HostError`."""
        async with self._asking:
            if time.time() > self._until - _EARLY:
                installation = self._access.installation
                if not installation.isdecimal():
                    raise HostError(Fault.CREDENTIALS, "the Secret's githubAppInstallationID is no number")
                given = await self._api.one(_Token, "POST", f"/app/installations/{installation}/access_tokens")
                self._token, self._until = given.token, _end(given.expires_at)
            return self._token, self._until

    async def _assertion(self) -> Mapping[str, str]:
        # Sixty seconds back, for clocks that are not the same; ten minutes are the most that is taken.
        now = int(time.time())
        claims = {"iat": now - 60, "exp": now + 540, "iss": self._access.app_id}
        try:
            key = RSAKey.import_key(self._access.app_key)
            signed = await asyncio.to_thread(jwt.encode, {"alg": "RS256"}, claims, key)
        except (JoseError, ValueError, TypeError):
            raise HostError(
                Fault.CREDENTIALS, "the Secret's githubAppPrivateKey is no private RSA key in PEM"
            ) from None
        return {"Authorization": f"Bearer {signed}"}


def _end(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return time.time() + 3600
