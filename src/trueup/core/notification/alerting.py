"""Who wants to be told of what: channels to services, and alerts that choose among what happens.

Neutral values that dialects translate users' objects to; choosing is pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec
import re2

from trueup.core.model.objects import ObjectRef
from trueup.core.model.unit import ValueRef
from trueup.core.notification.notification import Severity

PATTERN_LIMIT = 1024
PATTERN_MEMORY = 1 << 20
"""Bytes that one compiled pattern may take: a short one may ask for very many repetitions."""

MESSAGE_LIMIT = 4096
"""Characters of a message that are looked at by patterns."""


class Channel(msgspec.Struct, frozen=True):
    """A way to people or programs: a service, where it is, and the Secrets that hold what must not be written down.

    `recipient` is a channel, room or list within the service, `sender` the name to appear as. `secret` may hold
    `address`, `token`, `username`, `password`, `headers` (YAML) and `proxy`; `certificates` `ca.crt`, `tls.crt`,
    `tls.key`; `proxy_secret` `address`, `username`, `password`. `timeout` is in seconds. `problems`: it asks for what
    cannot be done; `warnings` are told and change nothing.
    """

    ref: ObjectRef
    service: str
    address: str = ""
    recipient: str = ""
    sender: str = ""
    secret: ValueRef | None = None
    certificates: ValueRef | None = None
    proxy_secret: ValueRef | None = None
    proxy: str = ""
    timeout: float = 15.0
    suspended: bool = False
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class Selector(msgspec.Struct, frozen=True):
    """Which objects an alert is about: of a kind, by name (`*`: every one) and labels, in one namespace."""

    kind: str
    name: str
    namespace: str
    labels: tuple[tuple[str, str], ...] = ()

    def selects(self, ref: ObjectRef, labels: Mapping[str, str]) -> bool:
        """Say whether an object is meant."""
        return (
            ref.kind == self.kind
            and ref.namespace == self.namespace
            and self.name in ("*", ref.name)
            and all(labels.get(name) == value for name, value in self.labels)
        )


class Alert(msgspec.Struct, frozen=True):
    """What is told through which channel.

    `severity` error: bad news, and that they are over. `include` and `exclude` are patterns on messages: where there
    are any of the first, one must be found; none of the second may. `facts` go with every message.
    """

    ref: ObjectRef
    channel: ObjectRef
    selectors: tuple[Selector, ...]
    severity: Severity = Severity.INFO
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    suspended: bool = False
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def selects(self, ref: ObjectRef, labels: Mapping[str, str]) -> bool:
        """Say whether an object is meant."""
        return any(selector.selects(ref, labels) for selector in self.selectors)

    def wants(self, severity: Severity, message: str, *, recovered: bool) -> bool:
        """Say whether a message is wanted, whomever it is about."""
        if self.severity is Severity.ERROR and severity is not Severity.ERROR and not recovered:
            return False
        text = message[:MESSAGE_LIMIT]
        if self.include and not any(_compiled(pattern).search(text) for pattern in self.include):
            return False
        return not any(_compiled(pattern).search(text) for pattern in self.exclude)


def pattern_problem(pattern: str) -> str:
    """Say why a pattern cannot be used; empty where it can.

    Patterns are RE2's, as upstream: matching takes time in proportion to the message, whatever a user has written.
    """
    if len(pattern) > PATTERN_LIMIT:
        return f"it is longer than {PATTERN_LIMIT} characters"
    try:
        _compiled(pattern)
    except re2.error as error:
        words = error.args[0] if error.args else ""
        return f"it is no regular expression: {words.decode() if isinstance(words, bytes) else words}"
    return ""


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.max_mem = PATTERN_MEMORY
    options.log_errors = False
    return re2.compile(pattern, options)
