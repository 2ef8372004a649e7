"""Argo CD's `/api/webhook`: which host calls, whether it proves so by the keys of `argocd-secret`, and what was pushed.

Where none of the keys is set, requests are believed without proof, as upstream does: all they can do is to have a
repository polled. Once one is set, a request of a host whose own key is not set is refused, which upstream believes:
else whoever lacks the key would only have to call himself by another host's name. https://argo-cd.readthedocs.io/en/stable/operator-manual/webhook/
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from trueup.core.model.dialect import labels_of
from trueup.core.model.objects import Body
from trueup.core.model.webhook import Check, Proof, Push, payload_of, verified_signature
from trueup.dialects.credentials import decoded
from trueup.dialects.decode import list_of, mapping_of, metadata_of, text_of

SECRET = "argocd-secret"
_PART_OF = "app.kubernetes.io/part-of"
_REFS = 100
"""Refs read of one push."""

_URLS = 20
"""URLs read of one push; hosts name below five. Each is compared with those of all sources."""

Secrets = Callable[[str, str], bytes | None]
"""Gives a key of a Secret in Argo CD's namespace."""


class Refused(Exception):
    """The request proves nothing, or is nothing that is understood. What is wrong is not told to who sent it."""


class _Sender(msgspec.Struct, frozen=True):
    """One kind of host: the header it is known by, its events of interest, its proof and keys, and how it is read."""

    header: str
    events: tuple[str, ...]
    proof: Proof
    keys: tuple[str, ...]
    read: Callable[[Mapping[str, Any]], Push]


def _hub(body: Mapping[str, Any]) -> Push:
    """Read GitHub's, Gitea's and Gogs' push."""
    found = mapping_of(body, "repository")
    urls = [text_of(found, name) for name in ("html_url", "clone_url", "ssh_url", "git_url")]
    return _push(urls, [text_of(body, "ref")], text_of(found, "default_branch"))


def _gitlab(body: Mapping[str, Any]) -> Push:
    found = mapping_of(body, "project")
    urls = [text_of(found, name) for name in ("web_url", "git_http_url", "git_ssh_url", "http_url", "ssh_url")]
    return _push(urls, [text_of(body, "ref")], text_of(found, "default_branch"))


def _bitbucket(body: Mapping[str, Any]) -> Push:
    url = text_of(mapping_of(mapping_of(mapping_of(body, "repository"), "links"), "html"), "href")
    changes = [item for item in list_of(mapping_of(body, "push"), "changes") if isinstance(item, Mapping)]
    names = [text_of(mapping_of(item, side), "name") for item in changes for side in ("new", "old")]
    return _push([url], names, "")


def _bitbucket_server(body: Mapping[str, Any]) -> Push:
    links = mapping_of(mapping_of(body, "repository"), "links")
    urls = [text_of(item, "href") for item in list_of(links, "clone")]
    changes = [item for item in list_of(body, "changes") if isinstance(item, Mapping)]
    return _push(urls, [text_of(mapping_of(item, "ref"), "id") or text_of(item, "refId") for item in changes], "")


def _azure(body: Mapping[str, Any]) -> Push:
    found = mapping_of(body, "resource") if text_of(body, "eventType") == "git.push" else {}
    its = mapping_of(found, "repository")
    names = [text_of(item, "name") for item in list_of(found, "refUpdates")]
    return _push([text_of(its, "remoteUrl")], names, text_of(its, "defaultBranch"))


def _push(urls: list[str], refs: list[str], default: str) -> Push:
    known = tuple(url for url in urls[:_URLS] if url and len(url) < 2048)
    return Push(known, tuple(dict.fromkeys(name for name in refs[:_REFS] if name)), default)


_HEX = Proof(Check.HMAC, ("X-Gogs-Signature", "X-Gitea-Signature"), ("sha256",), bare="sha256")
_HUB = Proof(Check.HMAC, ("X-Hub-Signature-256", "X-Hub-Signature"), ("sha256", "sha1"))

_SENDERS = (
    _Sender(
        "X-Vss-Activityid",
        (),
        Proof(Check.BASIC, ("Authorization",)),
        ("webhook.azuredevops.username", "webhook.azuredevops.password"),
        _azure,
    ),
    # Before GitHub: Gogs and Gitea send GitHub's headers too.
    _Sender("X-Gogs-Event", ("push", "create", "delete"), _HEX, ("webhook.gogs.secret",), _hub),
    _Sender("X-Gitea-Event", ("push", "create", "delete"), _HEX, ("webhook.gogs.secret",), _hub),
    _Sender("X-GitHub-Event", ("push",), _HUB, ("webhook.github.secret",), _hub),
    _Sender(
        "X-Gitlab-Event",
        ("Push Hook", "Tag Push Hook", "System Hook"),
        Proof(Check.TOKEN, ("X-Gitlab-Token",)),
        ("webhook.gitlab.secret",),
        _gitlab,
    ),
    _Sender(
        "X-Hook-UUID",
        ("repo:push",),
        Proof(Check.TOKEN, ("X-Hook-UUID",)),
        ("webhook.bitbucket.uuid",),
        _bitbucket,
    ),
    _Sender("X-Event-Key", ("repo:refs_changed",), _HUB, ("webhook.bitbucketserver.secret",), _bitbucket_server),
)


def read_push(headers: Mapping[str, str], body: bytes, secrets: Secrets) -> Push | None:
    """Read a request; `None`: it is in order and says nothing of a push. Raises `Refused`."""
    sender = next((item for item in _SENDERS if headers.get(item.header)), None)
    if sender is None:
        raise Refused("no known header")
    event = headers.get("X-Event-Key", "") if sender.header == "X-Hook-UUID" else headers[sender.header]
    values = [_value(secrets, key) for key in sender.keys]
    guarded = any(_value(secrets, key) for one in _SENDERS for key in one.keys)
    if guarded and not (all(values) and verified_signature(sender.proof, b":".join(values), headers, body)):
        raise Refused("no proof")
    if sender.events and event not in sender.events:
        return None
    payload = payload_of(body)
    if payload is None:
        raise Refused("no JSON object")
    push = sender.read(payload)
    return push if push.urls else None


def key_of(bodies: Iterable[Body], name: str, key: str) -> bytes | None:
    """Find a key among the Secrets of Argo CD's namespace; others than `argocd-secret` must say they are part of it."""
    for body in bodies:
        if text_of(metadata_of(body), "name") == name and (name == SECRET or labels_of(body).get(_PART_OF) == "argocd"):
            return decoded(body).get(key)
    return None


def _value(secrets: Secrets, key: str) -> bytes:
    """Read a key of `argocd-secret`; `$NAME:KEY` in it stands for a key of another Secret."""
    value = secrets(SECRET, key) or b""
    if value.startswith(b"$"):
        name, _, other = value[1:].decode("utf-8", "replace").strip().rpartition(":")
        return (secrets(name or SECRET, other) or b"").strip()
    return value.strip()
