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

from trueup.core.notification.notification import Notification, Severity
from trueup.core.wording import cut
from trueup.notifications.sending import Client, Refused
from trueup.notifications.services.text import facts, needed, option, options_of

TIMEOUT = 30.0
TEXT_LIMIT = 3500

_THREADS = ThreadPoolExecutor(max_workers=8, thread_name_prefix="apprise")
"""Not the event loop's own threads: a service that never ends its answer keeps one, and name look-ups need those."""

UrlOf: TypeAlias = Callable[[Notification], str]


class Apprised:
    """Implements `Service` for one of apprise's; `url_of` gives its URL."""

    gathered = True

    def __init__(self, url_of: UrlOf) -> None:
        """Take how the URL is written."""
        self._url_of = url_of

    async def send(self, notification: Notification, client: Client) -> None:
        """Send a message. Raises `Refused`."""
        event = notification.event
        target = apprise.Apprise()
        if not target.add(self._url_of(notification)):
            raise Refused("its address, token or channel is not of the form that this service has")
        text = notification.message + "".join(f"\n{name}: {value}" for name, value in facts(event))
        bad = event is not None and event.severity is Severity.ERROR
        kind = apprise.NotifyType.FAILURE if bad else apprise.NotifyType.INFO
        title = f"{event.reason}: {event.title}" if event else str(notification.about)
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

    def url(notification: Notification) -> str:
        hooks = options_of(notification).get("webhooks")
        if isinstance(hooks, dict):
            if notification.recipient not in hooks:
                raise Refused(f"webhooks has no {notification.recipient!r}")
            return _checked(str(hooks[notification.recipient]))
        return _https(notification)

    return Apprised(url)


def telegram() -> Apprised:
    """Telegram, as a bot."""
    return Apprised(
        lambda notification: f"tgram://{needed(notification, 'token')}/{quote(notification.recipient, safe='-@:')}/"
    )


def rocketchat() -> Apprised:
    """Rocket.Chat, by an incoming webhook."""

    def url(notification: Notification) -> str:
        parts = urlsplit(needed(notification, "address", "serverUrl"))
        hook = parts.path.strip("/").removeprefix("hooks/")
        scheme = "rockets" if parts.scheme == "https" else "rocket"
        return f"{scheme}://{hook}@{parts.netloc}/{_channel(notification)}"

    return Apprised(url)


def matrix() -> Apprised:
    """Matrix, with an access token."""

    def url(notification: Notification) -> str:
        parts = urlsplit(needed(notification, "address"))
        scheme = "matrixs" if parts.scheme == "https" else "matrix"
        return (
            f"{scheme}://{needed(notification, 'token')}@{parts.netloc}/{quote(notification.recipient, safe='!:')}?v=3"
        )

    return Apprised(url)


def opsgenie() -> Apprised:
    """Opsgenie, with the key of an API integration."""

    def url(notification: Notification) -> str:
        keys = options_of(notification).get("apiKeys")
        key = str(keys.get(notification.recipient) or "") if isinstance(keys, dict) else option(notification, "token")
        if not key:
            raise Refused("it has no key; put it into its Secret under 'token'")
        region = "eu" if ".eu." in option(notification, "address", "apiUrl") else "us"
        return f"opsgenie://{quote(key, safe='')}?region={region}"

    return Apprised(url)


def pushover() -> Apprised:
    """Pushover, with an application's token; the recipient is a user's key."""
    return Apprised(
        lambda notification: f"pover://{quote(notification.recipient, safe='')}@{needed(notification, 'token')}/"
    )


def lark() -> Apprised:
    """Lark and Feishu, by a bot's webhook."""
    return Apprised(_https)


def _https(notification: Notification) -> str:
    return _checked(needed(notification, "address"))


def _checked(url: str) -> str:
    """Let pass a web address alone: apprise also has schemes that reach into this machine."""
    if not url.startswith("https://"):
        raise Refused("its address does not begin with https://")
    return url


def _channel(notification: Notification) -> str:
    return quote(notification.recipient, safe="#@")
