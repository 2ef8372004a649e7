"""Takes out of a text what must be told to nobody."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote

HIDDEN = "***"
_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^\s'\"<>]+", re.IGNORECASE)
_HEADER = re.compile(r"(authorization\s*[:=]\s*)\S+(?:\s+\S+)?", re.IGNORECASE)
_SHORTEST_SECRET = 4
_START = 8
"""Characters by which the beginning of a secret is known."""


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Take user and password of URLs, authorization headers and the given secrets (plain or quoted) out of a text.

    Secrets of less than four characters are left: they would take half of every text with them.
    """
    text = _HEADER.sub(rf"\1{HIDDEN}", _URL.sub(lambda found: hide_user(found[0]), text))
    for secret in secrets:
        for form in _forms(secret):
            text = text.replace(form, HIDDEN)
    return text


def _forms(secret: str) -> Iterator[str]:
    """Give a secret as it is, as in a URL, and as JSON and Go write it between quotes."""
    if len(secret) < _SHORTEST_SECRET:
        return
    yield secret
    for form in (quote(secret, safe=""), json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]):
        if form != secret:
            yield form


class Veil:
    """Secrets in every form in which a text may hold them, to be held against many texts."""

    def __init__(self, secrets: Iterable[str]) -> None:
        """Take the secrets; those of less than four characters are left, as in `redact`."""
        self._forms = tuple(dict.fromkeys(form for secret in secrets for form in _forms(secret)))
        self._starts = tuple(dict.fromkeys(form[:_START] for form in self._forms))

    def covers(self, text: str) -> bool:
        """Say whether a text holds a secret; of a text that was cut off (`…`), also whether one may begin in it."""
        if any(form in text for form in self._forms):
            return True
        return text.endswith("…") and any(start in text for start in self._starts)


def hide_user(url: str) -> str:
    """Give a URL as it was written, without user and password, whatever these hold: a slash, an `@`, a quote, a blank.

    `HOST:PATH` as ssh has it keeps a user without a password. What may be either a part of a password or of a path is
    taken for a part of a password.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        user, at, place = url.rpartition("@")
        return f"{HIDDEN}@{place}" if at and ":" in user else url
    user, at, place = rest.rpartition("@")
    # Without a colon before it, a slash ends the host, and the sign belongs to the path.
    if not at or ("/" in user and ":" not in user and "@" not in user.partition("/")[0]):
        return url
    return f"{scheme}://{HIDDEN}@{place}"
