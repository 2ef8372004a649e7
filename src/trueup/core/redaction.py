"""Takes out of a text what must be told to nobody."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote

HIDDEN = "***"
_USER_INFO = re.compile(r"([a-z][a-z0-9+.-]*://)[^/@\s'\"]+@", re.IGNORECASE)
_HEADER = re.compile(r"(authorization\s*[:=]\s*)\S+(?:\s+\S+)?", re.IGNORECASE)
_SHORTEST_SECRET = 4


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Take user and password of URLs, authorization headers and the given secrets (plain or quoted) out of a text.

    Secrets of less than four characters are left: they would take half of every text with them.
    """
    text = _HEADER.sub(rf"\1{HIDDEN}", _USER_INFO.sub(rf"\1{HIDDEN}@", text))
    for secret in secrets:
        for form in (secret, quote(secret, safe="")):
            if len(form) >= _SHORTEST_SECRET:
                text = text.replace(form, HIDDEN)
    return text
