"""What a sync of a unit would change now, and in what two revisions or two units differ.

Comparing with what lives is done by the API server's own dry run as the unit's field manager; nothing is written.
Secrets' values are hidden behind digests that hold for one command only, also where they were put into other objects.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import msgspec

from trueup.core.model.objects import Body, Desired, ObjectRef, digest_of
from trueup.core.plan.desired import Prepared
from trueup.core.redaction import Veil, redact
from trueup.core.rollback.revision_history import SHORTEST, delivered
from trueup.kube.apply import Applier
from trueup.kube.client import KubeClient
from trueup.kube.discovery import Mapper
from trueup.kube.errors import KindNotServed, KubeError, NotFound
from trueup.kube.writes import Apply
from trueup.queries.subject import CannotInspect, Subject, live_object, opened

HIDDEN = "(hidden)"
LIVE = "live"
_SALT = secrets.token_hex()


class Difference(msgspec.Struct, frozen=True):
    """One object that only the second side has (`before` is `None`), only the first (`after` is `None`), or both."""

    ref: ObjectRef
    before: Body | None
    after: Body | None


async def differences(
    client: KubeClient, mapper: Mapper, body: Body, *, revision: str = "", local: Path | None = None
) -> list[Difference]:
    """Give what a sync of this unit would change, at a `revision` of its source or from a `local` folder.

    Of a unit of several sources, `2=main` is a revision of the second; several are set apart by commas.
    Raises `CannotInspect`, `RenderError`, `SourceError` and `KubeError`.
    """
    async with opened(client, mapper, body) as subject:
        if local is not None and len(subject.sources) > 1:
            raise CannotInspect(
                f"{subject.unit.ref} has {len(subject.sources)} sources, and one local folder cannot stand for them; "
                "push to a branch, and name it by --revision"
            )
        revisions = _numbered(subject, revision) if revision else ()
        prepared = await subject.delivered(await subject.resolve(revisions), local)
        return _veiled(await _against_live(subject, prepared), prepared.secrets)


async def between(client: KubeClient, mapper: Mapper, body: Body, before: str, after: str) -> list[Difference]:
    """Give in what two revisions of one unit differ; `after` may be `live`. Raises as `differences` does.

    A revision is a branch, tag or commit, or what the unit's history shows of a deployment; of several sources, as
    `differences` has it.
    """
    async with opened(client, mapper, body) as subject:
        first = await subject.delivered(await subject.resolve(_revisions(subject, before)))
        if after == LIVE:
            found = await asyncio.gather(*(_as_it_lives(subject, item) for item in first.desired))
            return _veiled([item for item in found if item is not None], first.secrets)
        second = await subject.delivered(await subject.resolve(_revisions(subject, after)))
        return _veiled(_sides(_bodies(first), _bodies(second)), (*first.secrets, *second.secrets))


async def compared(client: KubeClient, mapper: Mapper, one: Body, other: Body) -> list[Difference]:
    """Give in what two units differ as they are delivered now: environments, say. Raises as `differences` does.

    Objects are matched by kind and name; where they live and whom they belong to does not count.
    """
    sides = []
    known: list[str] = []
    for body in (one, other):
        async with opened(client, mapper, body) as subject:
            prepared = await subject.delivered(await subject.applied())
            known.extend(prepared.secrets)
            sides.append({_homeless(ref): _homeless_body(item, subject) for ref, item in _bodies(prepared).items()})
    return _veiled(_sides(*sides), known)


def _revisions(subject: Subject, word: str) -> tuple[str, ...]:
    """Read revisions, or whatever `history` shows of a deployment: its number, its record's id, its commit."""
    state = subject.state
    found = delivered(state.history, state.good_revisions, word)
    if not found and word.isdecimal() and len(word) < SHORTEST:
        known = ", ".join(f"{item.id} ({item.revision})" for item in reversed(state.history)) or "none yet"
        raise CannotInspect(f"{subject.unit.ref} has no deployment {word}; there are: {known}; or name a revision")
    return found or _numbered(subject, word)


def _numbered(subject: Subject, text: str) -> tuple[str, ...]:
    """Read the revision of the one source, or `2=main` of several: the others are at what they follow."""
    count = len(subject.sources)
    if count == 1:
        return (text,)
    found = [""] * count
    for part in text.split(","):
        number, sign, revision = part.strip().partition("=")
        if not sign or not number.isdecimal() or not 1 <= int(number) <= count or not revision:
            raise CannotInspect(
                f"{subject.unit.ref} has {count} sources: {part.strip()!r} does not say of which it is a revision; "
                "write its number in front (2=main), or name a deployment of its history"
            )
        found[int(number) - 1] = revision
    return tuple(found)


def _bodies(prepared: Prepared) -> dict[ObjectRef, Body]:
    return {item.ref: _cleaned(item.body()) for item in prepared.desired}


def _veiled(found: list[Difference], secrets: Sequence[str]) -> list[Difference]:
    """Hide values of Secrets that were put into other objects, and what they take the place of."""
    if not secrets:
        return found
    veil = Veil(secrets)
    return [Difference(item.ref, *_veil(item.before, item.after, veil)) for item in found]


def _veil(before: Any, after: Any, secrets: Veil) -> tuple[Any, Any]:
    if isinstance(before, dict) or isinstance(after, dict):
        old, new = (value if isinstance(value, dict) else {} for value in (before, after))
        pairs = {key: _veil(old.get(key), new.get(key), secrets) for key in {**old, **new}}
        return (
            {key: pairs[key][0] for key in old} if isinstance(before, dict) else before,
            {key: pairs[key][1] for key in new} if isinstance(after, dict) else after,
        )
    if isinstance(before, list) or isinstance(after, list):
        olds, news = (value if isinstance(value, list) else [] for value in (before, after))
        rows = [_veil(*pair, secrets) for pair in zip_longest(olds, news)]
        return (
            [row[0] for row in rows[: len(olds)]] if isinstance(before, list) else before,
            [row[1] for row in rows[: len(news)]] if isinstance(after, list) else after,
        )
    texts = [str(value) for value in (before, after) if value is not None]
    if not any(map(secrets.covers, texts)):
        return before, after
    return tuple(None if value is None else _hidden(value) for value in (before, after))  # type: ignore[return-value]


def _sides(first: dict[ObjectRef, Body], second: dict[ObjectRef, Body]) -> list[Difference]:
    refs = sorted({*first, *second})
    found = [Difference(ref, first.get(ref), second.get(ref)) for ref in refs]
    return [item for item in found if item.before != item.after]


def _homeless(ref: ObjectRef) -> ObjectRef:
    return ref._replace(namespace="")


def _homeless_body(body: Body, subject: Subject) -> Body:
    """Leave out the namespace, and the marks that name the unit."""
    marks = subject.unit.marks
    metadata = {key: value for key, value in body["metadata"].items() if key != "namespace"}
    for key, own in (("labels", marks.labels), ("annotations", marks.annotations)):
        kept = {name: value for name, value in (metadata.pop(key, None) or {}).items() if name not in own}
        if kept:
            metadata[key] = kept
    return {**body, "metadata": metadata}


async def _as_it_lives(subject: Subject, item: Desired) -> Difference | None:
    """Compare what was asked for with what lives, by the fields that were asked for."""
    live = await subject.live(item.ref)
    wanted = _cleaned(item.body())
    if live is None:
        return Difference(item.ref, wanted, None)
    there = _cleaned(live)
    shown = _limited(there, wanted)
    return None if shown == wanted else Difference(item.ref, wanted, shown)


def _limited(live: Any, wanted: Any) -> Any:
    """Leave out of a live value what nobody asked for: defaults, and others' fields."""
    if isinstance(live, dict) and isinstance(wanted, dict):
        return {key: _limited(live[key], wanted[key]) for key in wanted if key in live}
    if isinstance(live, list) and isinstance(wanted, list) and len(live) == len(wanted):
        return [_limited(*pair) for pair in zip(live, wanted, strict=True)]
    return live


async def _against_live(subject: Subject, prepared: Prepared) -> list[Difference]:
    client, mapper = subject.client, subject.mapper
    account = subject.unit.target.service_account
    # As the controller does it: what its tenant may not write is refused here too.
    acting = client.impersonate(f"system:serviceaccount:{account}") if account else client
    applier = Applier(acting, mapper)
    manager = subject.unit.field_manager
    try:
        found = await asyncio.gather(*(_compared(client, mapper, applier, item, manager) for item in prepared.desired))
    except KubeError as error:
        if prepared.secrets:
            # API servers repeat what they refuse.
            error.message, error.status = redact(error.message, prepared.secrets), None
            error.args = (redact(str(error), prepared.secrets),)
        raise
    wanted = {item.ref for item in prepared.desired}
    owned = subject.state.inventory.entries if subject.unit.policy.prune else ()
    gone = [entry.ref for entry in owned if entry.ref not in wanted]
    removed = [Difference(ref, _cleaned(live), None) for ref in gone if (live := await subject.live(ref))]
    return [item for item in found if item is not None] + removed


async def _compared(
    client: KubeClient, mapper: Mapper, applier: Applier, item: Desired, manager: str
) -> Difference | None:
    before = await live_object(client, mapper, item.ref)
    try:
        resource = await mapper.of(item.ref, item.version)
        reply = await applier.apply(resource, item.raw, Apply(manager, dry_run=True))
        after = reply.body
    except (KindNotServed, NotFound):
        if before is not None:
            raise
        # What cannot be tried out yet (its namespace or definition comes with it) is shown as it is wanted.
        after = item.body()
    old, new = (_cleaned(before) if before else None), _cleaned(after)
    return None if old == new else Difference(item.ref, old, new)


_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_COUNTED = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp")


def _cleaned(body: Body) -> Body:
    """Leave out what the server counts, and hide a Secret's values behind their digests."""
    metadata = {key: value for key, value in (body.get("metadata") or {}).items() if key not in _COUNTED}
    cleaned = {key: value for key, value in body.items() if key not in ("status", "metadata")}
    if body.get("kind") == "Secret":
        texts = cleaned.pop("stringData", None) or {}
        data = {**(cleaned.get("data") or {}), **{key: _encoded(value) for key, value in texts.items()}}
        if data:
            cleaned["data"] = {key: _hidden(value) for key, value in data.items()}
        if annotations := metadata.get("annotations"):
            metadata["annotations"] = {key: value for key, value in annotations.items() if key != _LAST_APPLIED}
    return {**cleaned, "metadata": metadata}


def _encoded(value: Any) -> str:
    return base64.b64encode(str(value).encode()).decode()


def _hidden(value: Any) -> str:
    # Salted anew in every process: it shows that a value has changed, and nothing to guess the value from.
    return f"{HIDDEN} {digest_of([_SALT, value])[:6]}"
