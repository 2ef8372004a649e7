"""Services that apprise knows: their options, as users of Argo CD and Flux write them, become one of its URLs.

Apprise blocks, so that it runs in threads of its own, with a bound of time; what it says of a failure may repeat a
secret, and is not told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeAlias
from urllib.parse import quote, urlsplit

import apprise

from trueup.core.telling import Severity, Telling
from trueup.notify.sending import Client, Refused
from trueup.notify.services.text import cut, facts, needed, option, options_of

TIMEOUT = 30.0
TEXT_LIMIT = 3500

_THREADS = ThreadPoolExecutor(max_workers=8, thread_name_prefix="apprise")
"""Not the event loop's own threads: a service that never ends its answer keeps one, and name look-ups need those."""

UrlOf: TypeAlias = Callable[[Telling], str]


class Apprised:
    """Implements `Service` for one of apprise's; `url_of` gives its URL."""

    gathered = True

    def __init__(self, url_of: UrlOf) -> None:
        """Take how the URL is written."""
        self._url_of = url_of

    async def send(self, telling: Telling, client: Client) -> None:
        """Send a message. Raises `Refused`."""
        happening = telling.happening
        target = apprise.Apprise()
        if not target.add(self._url_of(telling)):
            raise Refused("its address, token or channel is not of the form that this service has")
        text = telling.message + "".join(f"\n{name}: {value}" for name, value in facts(happening))
        bad = happening is not None and happening.severity is Severity.ERROR
        kind = apprise.NotifyType.FAILURE if bad else apprise.NotifyType.INFO
        title = f"{happening.reason}: {happening.title}" if happening else str(telling.about)
        try:
            async with asyncio.timeout(TIMEOUT):
                notify = partial(target.notify, body=cut(text, TEXT_LIMIT), title=cut(title, 200), notify_type=kind)
                arrived = await asyncio.get_running_loop().run_in_executor(_THREADS, notify)
        except TimeoutError:
            raise Refused(f"it did not answer within {TIMEOUT:.0f} s", retry=True) from None
        if not arrived:
            raise Refused("it did not take the message", retry=True)


def googlechat() -> Apprised:
    """Google Chat, by a space's webhook."""

    def url(telling: Telling) -> str:
        hooks = options_of(telling).get("webhooks")
        if isinstance(hooks, dict):
            if telling.recipient not in hooks:
                raise Refused(f"webhooks has no {telling.recipient!r}")
            return _checked(str(hooks[telling.recipient]))
        return _https(telling)

    return Apprised(url)


def telegram() -> Apprised:
    """Telegram, as a bot."""
    return Apprised(lambda telling: f"tgram://{needed(telling, 'token')}/{quote(telling.recipient, safe='-@:')}/")


def rocketchat() -> Apprised:
    """Rocket.Chat, by an incoming webhook."""

    def url(telling: Telling) -> str:
        parts = urlsplit(needed(telling, "address", "serverUrl"))
        hook = parts.path.strip("/").removeprefix("hooks/")
        scheme = "rockets" if parts.scheme == "https" else "rocket"
        return f"{scheme}://{hook}@{parts.netloc}/{_channel(telling)}"

    return Apprised(url)


def matrix() -> Apprised:
    """Matrix, with an access token."""

    def url(telling: Telling) -> str:
        parts = urlsplit(needed(telling, "address"))
        scheme = "matrixs" if parts.scheme == "https" else "matrix"
        return f"{scheme}://{needed(telling, 'token')}@{parts.netloc}/{quote(telling.recipient, safe='!:')}?v=3"

    return Apprised(url)


def opsgenie() -> Apprised:
    """Opsgenie, with the key of an API integration."""

    def url(telling: Telling) -> str:
        keys = options_of(telling).get("apiKeys")
        key = str(keys.get(telling.recipient) or "") if isinstance(keys, dict) else option(telling, "token")
        if not key:
            raise Refused("it has no key; put it into its Secret under 'token'")
        region = "eu" if ".eu." in option(telling, "address", "apiUrl") else "us"
        return f"opsgenie://{quote(key, safe='')}?region={region}"

    return Apprised(url)


def pushover() -> Apprised:
    """Pushover, with an application's token; the recipient is a user's key."""
    return Apprised(lambda telling: f"pover://{quote(telling.recipient, safe='')}@{needed(telling, 'token')}/")


def lark() -> Apprised:
    """Lark and Feishu, by a bot's webhook."""
    return Apprised(_https)


def _https(telling: Telling) -> str:
    return _checked(needed(telling, "address"))


def _checked(url: str) -> str:
    """Let pass a web address alone: apprise also has schemes that reach into this machine."""
    if not url.startswith("https://"):
        raise Refused("its address does not begin with https://")
    return url


def _channel(telling: Telling) -> str:
    return quote(telling.recipient, safe="#@")
