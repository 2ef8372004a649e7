"""How sources speak HTTP: sessions that decide nothing by themselves, and words of others as they may be shown."""

from __future__ import annotations

import ssl
from collections.abc import Collection

import aiohttp
from aiohttp.abc import AbstractResolver

from trueup.core import redaction
from trueup.core.wording import cut

_WORDS = 300


def open_session(resolver: AbstractResolver, limit: int, tls: ssl.SSLContext | bool = True) -> aiohttp.ClientSession:
    """Give a session of at most `limit` connections: no proxy of the environment, nothing unpacked.

    Time is bounded by whoever asks.
    """
    connector = aiohttp.TCPConnector(limit=limit, ssl=tls, resolver=resolver)
    timeout = aiohttp.ClientTimeout(total=None)
    return aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False, auto_decompress=False)


def safe_words(said: object, secrets: Collection[str] = ()) -> str:
    """Give words of others in one line, without what must not be shown."""
    words = redaction.redact(str(said) or type(said).__name__, tuple(secrets))
    return cut(" ".join(words.split()), _WORDS)
