"""Webhooks from outside, in neutral words: how a request is checked, what it may wake, what a push says.

A webhook is never believed: all it does is to have a source polled, whose own remote then says what is new. Checks are
pure functions over the request's bytes, in constant time, and come before anything of the body is read.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

import msgspec

from trueup.core.model.git import GitRef
from trueup.core.model.objects import ObjectRef
from trueup.core.model.unit import ValueRef
from trueup.core.repository.url import read_repository_url

BODY_LIMIT = 4 * 1024 * 1024
"""Bytes of a body. A push of a thousand commits is about one; what is larger is refused, and polling finds the push."""

PARTS_LIMIT = 50_000
"""Opening brackets in a body. A push of two thousand commits has about 15,000; millions take seconds to decode."""

DEPTH_LIMIT = 64
"""Objects and lists within each other; hosts' payloads have below ten."""


class Check(StrEnum):
    """How a request proves where it comes from."""

    NONE = "none"
    """Whoever knows the path may call it."""

    JSON = "json"
    """As NONE, and the body must be a JSON object."""

    TOKEN = "token"
    """A header holds the token."""

    HMAC = "hmac"
    """A header holds the body's digest keyed with the token: `sha256=…` and the like, or the digest alone."""

    BASIC = "basic"
    """HTTP basic: the token is `name:password`."""


class Proof(msgspec.Struct, frozen=True):
    """A check and where its proof stands: the first of `headers` that is there counts.

    `algorithms` are those an HMAC may be made with; `bare` is that of a digest without a name before it.
    """

    check: Check
    headers: tuple[str, ...] = ()
    algorithms: tuple[str, ...] = ("sha256", "sha512", "sha1")
    bare: str = ""


class HookTarget(msgspec.Struct, frozen=True):
    """Objects that a receiver wakes: one by its name, or with `*` all that bear the labels. `expression` is CEL."""

    group: str
    kind: str
    namespace: str
    name: str
    labels: dict[str, str] = {}
    expression: str = ""


class Receiver(msgspec.Struct, frozen=True):
    """An address that outsiders may call, as a user's object declares it.

    `secret` holds the token. `event_header` names the event, which must be one of `events` where there are any.
    `expression` is CEL over `req` (the body) and `res` (one object): only those for which it is true are woken.
    `requested` is the token of the last request by hand. `problems` keep it from working.
    """

    ref: ObjectRef
    generation: int
    secret: ValueRef | None
    proof: Proof = Proof(Check.NONE)
    event_header: str = ""
    events: tuple[str, ...] = ()
    targets: tuple[HookTarget, ...] = ()
    expression: str = ""
    suspended: bool = False
    requested: str = ""
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class Push(msgspec.Struct, frozen=True):
    """What a host says was pushed: the repository by all its URLs, the refs that moved, and its default branch.

    `refs` are full names, or short ones where the host gives no more; none: any may have moved.
    """

    urls: tuple[str, ...]
    refs: tuple[str, ...] = ()
    default_branch: str = ""


def verified_signature(proof: Proof, token: bytes, headers: Mapping[str, str], body: bytes) -> bool:
    """Say whether a request bears the proof, in a time that tells nothing of the token."""
    if proof.check in (Check.NONE, Check.JSON):
        return True
    given = next((headers[name] for name in proof.headers if headers.get(name)), "")
    if not given or not token or len(given) > 1024:
        return False
    if proof.check is Check.TOKEN:
        return hmac.compare_digest(given.encode("utf-8", "replace"), token)
    if proof.check is Check.BASIC:
        scheme, _, value = given.partition(" ")
        try:
            plain = base64.b64decode(value.strip(), validate=True)
        except (binascii.Error, ValueError):
            return False
        return hmac.compare_digest(plain, token) and scheme.lower() == "basic"
    name, equals, digest = given.rpartition("=")
    algorithm = name.lower() if equals else proof.bare
    if algorithm not in proof.algorithms:
        return False
    made = hmac.new(token, body, getattr(hashlib, algorithm)).hexdigest()
    return hmac.compare_digest(made.encode(), digest.lower().encode("utf-8", "replace"))


def hook_path(token: bytes, ref: ObjectRef) -> str:
    """Give a receiver's path, as Flux makes it."""
    salted = token + ref.name.encode() + ref.namespace.encode()
    return f"/hook/{hashlib.sha256(salted).hexdigest()}"


def payload_of(body: bytes) -> dict[str, Any] | None:
    """Decode a body; `None` where it is no JSON object, or one that is made to cost time."""
    if body.count(b"[") + body.count(b"{") > PARTS_LIMIT:
        return None
    try:
        payload = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None
    return payload if isinstance(payload, dict) and shallow(payload) else None


def shallow(value: object) -> bool:
    """Say whether a decoded body is nested within bounds."""
    layer, depth = [value], 0
    while layer:
        depth += 1
        if depth > DEPTH_LIMIT:
            return False
        inner: list[object] = []
        for item in layer:
            if isinstance(item, Mapping):
                inner.extend(each for each in item.values() if isinstance(each, Mapping | list))
            elif isinstance(item, list):
                inner.extend(each for each in item if isinstance(each, Mapping | list))
        layer = inner
    return True


def same_repository(declared: str, urls: Iterable[str]) -> bool:
    """Say whether a declared URL and one of a host's mean one repository: over https or ssh, with `.git` or without.

    Ports and users are left aside, as hosts name their web address: at worst another repository is polled.
    """
    wanted = _repository(declared)
    return bool(wanted[1]) and any(_repository(url) == wanted for url in urls)


def _repository(text: str) -> tuple[str, str]:
    """Give host and path by which two URLs of one repository are known to be the same."""
    try:
        url = read_repository_url(text, "https")
    except ValueError:
        return "", ""
    host, path = url.host, url.name.strip("/").lower()
    if host == "ssh.dev.azure.com":
        # git@ssh.dev.azure.com:v3/org/project/repo is https://dev.azure.com/org/project/_git/repo.
        host, path = "dev.azure.com", path.removeprefix("v3/")
    if host == "dev.azure.com":
        path = path.replace("/_git/", "/")
    return host, path


_RANGE = re.compile(r"[*^~<>=|,\s]|\d\.[xX]\b")


def concerns(ref: GitRef, push: Push) -> bool:
    """Say whether a push may have moved what is wanted. Where that cannot be told it may have."""
    if ref.commit:
        return False
    if not push.refs:
        return True
    wanted = ref.name or ref.tag or ref.branch
    if not wanted and ref.semver:
        return any(not name.startswith("refs/heads/") for name in push.refs)
    wanted = wanted or ref.revision
    if wanted in ("", "HEAD"):
        default = push.default_branch
        return not default or any(_short(name) == _short(default) for name in push.refs)
    if not (ref.name or ref.tag or ref.branch) and _RANGE.search(wanted):
        return any(not name.startswith("refs/heads/") for name in push.refs)
    return any(_short(name) == _short(wanted) for name in push.refs)


def _short(name: str) -> str:
    return name.removeprefix("refs/heads/").removeprefix("refs/tags/")
