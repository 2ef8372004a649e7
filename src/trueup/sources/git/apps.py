"""Being let in at Git repositories as a GitHub App: its private key is given for a token that lasts an hour."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from urllib.parse import urlsplit

import msgspec

from trueup.core.model.artifact import Fault, SourceError
from trueup.git.credentials import GitCredentials
from trueup.git.urls import GitUrl
from trueup.scm.access import Access
from trueup.scm.connecting import app_token
from trueup.scm.host import Fault as HostFault
from trueup.scm.host import HostError

PUBLIC_API = "https://api.github.com"
USER = "x-access-token"
"""The name under which GitHub takes a token of an App as a password."""

KEPT = 1000
EARLY = 300.0
"""Seconds before its end at which a token is replaced."""

LONGEST = 600.0
"""Seconds for which a token is used: what the App may read can change meanwhile."""

_FAULTS = {
    HostFault.CREDENTIALS: Fault.CREDENTIALS,
    HostFault.NOT_FOUND: Fault.CREDENTIALS,
    HostFault.REFUSED: Fault.CREDENTIALS,
    HostFault.UNREACHABLE: Fault.UNREACHABLE,
    HostFault.RATE_LIMITED: Fault.UNREACHABLE,
}


class AppLogins:
    """Tokens of Apps' installations, each asked for once for all who use the same App."""

    def __init__(self) -> None:
        """Start without any."""
        self._tokens: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self._asking: dict[str, asyncio.Lock] = {}

    async def let_in(self, url: GitUrl, creds: GitCredentials | None) -> GitCredentials | None:
        """Give credentials with a token where they are those of an App. Raises `SourceError`."""
        if creds is None or not creds.app_key or url.scheme not in ("http", "https"):
            return creds
        name = hashlib.sha256(msgspec.json.encode(creds)).hexdigest()
        lock = self._asking.setdefault(name, asyncio.Lock())
        try:
            async with lock:
                token, until = self._tokens.get(name, ("", 0.0))
                if time.time() > until - EARLY:
                    token, until = await self._asked(url, creds)
                    self._tokens[name] = (token, min(until, time.time() + LONGEST + EARLY))
                    while len(self._tokens) > KEPT:
                        self._tokens.popitem(last=False)
        finally:
            if not lock.locked():
                self._asking.pop(name, None)
        return msgspec.structs.replace(creds, username=USER, password=token, bearer="")

    async def _asked(self, url: GitUrl, creds: GitCredentials) -> tuple[str, float]:
        api = (creds.app_api or PUBLIC_API).rstrip("/")
        parts = urlsplit(api)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            words = f"{url.shown}: the Secret's githubAppBaseURL is no http:// or https:// URL without a user"
            raise SourceError(Fault.CREDENTIALS, words)
        access = Access(
            app_id=creds.app_id,
            installation=creds.app_installation,
            app_key=creds.app_key,
            ca=creds.ca,
            proxy=creds.proxy if creds.proxy.startswith(("http://", "https://")) else "",
            insecure=creds.insecure,
        )
        try:
            return await app_token(api, access)
        except HostError as error:
            words = f"{url.shown}: no token of the GitHub App was given by {parts.hostname}: {error}"
            raise SourceError(_FAULTS.get(error.fault, Fault.PROTOCOL), words) from error
