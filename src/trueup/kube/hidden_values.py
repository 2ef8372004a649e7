"""Takes the values of a Secret out of what an API server says about it.

API servers and webhooks repeat what they refuse (`expected string, got …`, `Invalid value: …`), also where it is a
password: their words about a Secret are told without it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from trueup.core.redaction import HIDDEN, redact

RESOURCE = "secrets"
_GOT = re.compile(r", got .*", re.DOTALL)
_INVALID = re.compile(r'((?:Invalid|Unsupported|Duplicate|Forbidden) value: )("(?:[^"\\]|\\.)*"|[^:\n]*)')
_KEY = re.compile(r"\b((?:data|stringData)\[)([^\]]*)(\])")
_PLAIN_KEY = re.compile(r"[-._a-zA-Z0-9]+")
_PUBLIC = frozenset({"apiVersion", "kind", "metadata", "type"})


def without_values(words: str, sent: bytes | None) -> str:
    """Give what was said about a Secret without values; `sent` is the request's body (JSON or YAML that is JSON)."""
    words = _GOT.sub(", got something else", words)
    words = _INVALID.sub(rf"\1{HIDDEN}", words)
    words = _KEY.sub(_without_odd_key, words)
    return redact(words, sorted(set(_values(sent)), key=len, reverse=True))


def _without_odd_key(found: re.Match[str]) -> str:
    """Hide what stands in a key's place and cannot be one: a line of a file that was taken for a key."""
    return found[0] if _PLAIN_KEY.fullmatch(found[2]) else f"{found[1]}{HIDDEN}{found[3]}"


def _values(sent: bytes | None) -> Iterator[str]:
    try:
        body = msgspec.json.decode(sent or b"{}")
    except msgspec.DecodeError:
        return
    if isinstance(body, dict):
        for field, value in body.items():
            if field not in _PUBLIC or not isinstance(value, str | dict):
                yield from _texts(value)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, str):
        yield value
        yield from (line for line in value.splitlines() if line.strip())
        try:
            yield base64.b64decode(value, validate=True).decode()
        except (binascii.Error, ValueError):
            return
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)
