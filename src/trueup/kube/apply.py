"""Writes an object so that what lives is what was asked for, by server-side apply and, where that cannot, otherwise.

What can stand in the way, and what is done about it:

- Fields that client-side `kubectl apply` owns would stay for ever: on first touch its ownership is moved to our manager
  and the object applied once more, which removes what Git no longer has.
- A list item whose key somebody edited (a Service's port) would be doubled: the list is replaced as a whole first.
- Lists with the same key twice cannot be applied at all: the object is replaced instead, and our manager noted in its
  managedFields as if it had been applied, so that drift shows there as anywhere.
- What is wanted does not go with a field that was defaulted or is another manager's: what stands beside it is removed.
- A kind does not have a field: it is left out where that is asked for (`Validate=false`).
- A field cannot be changed in place: the API server's error is raised, or the object deleted and made anew if told to.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import msgspec
import structlog

from trueup.core.fields.fieldsv1 import Trie, narrowed_trie
from trueup.core.fields.ownership import FieldSet
from trueup.core.model.objects import Body, ObjectRef
from trueup.kube.client import KubeClient
from trueup.kube.discovery import Mapper
from trueup.kube.errors import AlreadyExists, BadRequest, Conflict, Invalid, KubeError, NotFound, ServerError, Timeout
from trueup.kube.leftovers import without_unwanted
from trueup.kube.managed_fields import adopted_entries, claiming_patch, fields_of, may_have_legacy, owners_patch
from trueup.kube.resource import Preconditions, Reply, Resource, read_body, read_partial
from trueup.kube.unknown_fields import LEFT_OUT, MOST_LEFT_OUT, unknown_fields, without_fields
from trueup.kube.writes import Apply, PatchType, Propagation, Write

log = structlog.get_logger(__name__)

_TRIES = 5
_GONE_TIMEOUT_SECONDS = 60.0


class _Object(msgspec.Struct):
    """One object on its way: its encoding, and its decoding once that is needed."""

    resource: Resource
    ref: ObjectRef
    raw: bytes

    def body(self) -> Body:
        return read_body(self.raw)


class Applier:
    """Applies and deletes objects of one cluster. Has no state; a view of the client decides as whom it acts."""

    def __init__(self, client: KubeClient, mapper: Mapper) -> None:
        """Take the client and what knows the kinds."""
        self._client = client
        self._mapper = mapper

    def acting(self, client: KubeClient) -> Applier:
        """Give an applier that writes through another view of the client."""
        return Applier(client, self._mapper)

    async def apply(self, resource: Resource, body: Body | bytes, options: Apply) -> Reply:
        """Write an object and give it as it now lives.

        Raises `Invalid` (with `immutable`), `FieldConflict` without force, `Forbidden`, `WebhookDenied`….
        """
        raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
        meta = read_partial(raw).metadata
        made = _Object(resource, resource.ref(meta.name, meta.namespace), raw)
        try:
            return await self._write(made, options)
        except Invalid as error:
            # Where an object is to be replaced whatever that takes, any refusal may come of what lives.
            if not ((error.immutable or options.replace) and options.recreate_on_immutable):
                raise
            return await self._recreate(made, options)

    async def delete(
        self,
        resource: Resource,
        ref: ObjectRef,
        uid: str = "",
        propagation: Propagation = "Background",
        *,
        dry_run: bool = False,
    ) -> bool:
        """Delete an object; `False` where it is not there. With `uid`, `Conflict` where another has its name now."""
        return await self._client.delete(
            resource,
            ref.name,
            ref.namespace,
            propagation=propagation,
            preconditions=Preconditions(uid=uid) if uid else None,
            write=Write(dry_run=dry_run),
        )

    async def wait_gone(
        self, resource: Resource, ref: ObjectRef, uid: str, timeout: float = _GONE_TIMEOUT_SECONDS
    ) -> None:
        """Wait until an object, told by its uid, is gone. Raises `Timeout`, naming the finalizers that hold it."""
        deadline = time.monotonic() + timeout
        pause = 0.02
        while True:
            try:
                meta = (await self._client.get(resource, ref.name, ref.namespace, metadata_only=True)).meta
            except NotFound:
                return
            if meta.uid != uid:
                return
            if time.monotonic() + pause > deadline:
                held = f"; finalizers hold it: {', '.join(meta.finalizers)}" if meta.finalizers else ""
                raise Timeout(f"it is not gone after {timeout:.0f} s{held}", what=f"delete {ref}")
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 1.0)

    async def _write(self, made: _Object, options: Apply) -> Reply:
        if not options.replace:
            return await self._apply(made, options)
        replaced = await self._replace(made, options)
        # Nothing of it changes any more, but now it says which fields are ours.
        return replaced if options.dry_run else await self._apply(made, options, replaced)

    # ------------------------------------------------------------------------------------------ server-side apply

    async def _apply(self, made: _Object, options: Apply, replaced: Reply | None = None) -> Reply:
        try:
            reply = await self._send(made, options)
        except Invalid as error:
            lists = _doubled_lists(error, made)
            if not options.force:
                raise
            if lists:
                replaced = await self._replace_lists(made, lists, options, error)
            else:
                replaced = await self._drop_unwanted(made, options, error)
            if options.dry_run:
                return replaced
            reply = await self._send(made, options)
        except (BadRequest, ServerError, Conflict) as error:
            if not _has_repeated_keys(error) or not options.force:
                raise
            return await self._replace_and_claim(made, replaced, options)
        if not options.dry_run and not reply.created and may_have_legacy(reply.raw, options):
            return await self._adopt(made, reply, options)
        return reply

    async def _send(self, made: _Object, options: Apply) -> Reply:
        left_out: list[str] = []
        while True:
            try:
                reply = await self._client.server_side_apply(
                    made.resource,
                    made.raw,
                    options.write(),
                    force=options.force,
                    name=made.ref.name,
                    namespace=made.ref.namespace,
                )
            except (BadRequest, ServerError) as error:
                unknown = unknown_fields(error.message) if options.drop_unknown else ()
                body = without_fields(made.body(), unknown)
                if body is None or len(left_out) > MOST_LEFT_OUT:
                    raise
                left_out.extend(unknown)
                made.raw = msgspec.json.encode(body)
            else:
                told = f"{LEFT_OUT}{', '.join(left_out)}"
                return msgspec.structs.replace(reply, warnings=(*reply.warnings, told)) if left_out else reply

    async def _adopt(self, made: _Object, reply: Reply, options: Apply) -> Reply:
        """Move the fields of legacy managers to ours, then apply once more, which removes what is not asked for."""
        for attempt in range(_TRIES):
            body = reply.body
            entries = adopted_entries(body["metadata"].get("managedFields") or [], options)
            if entries is None:
                return reply
            patch = owners_patch(body, entries)
            try:
                await self._client.patch(
                    made.resource, made.ref.name, made.ref.namespace, patch, PatchType.JSON, options.write()
                )
                return await self._send(made, options)
            except Conflict:
                if attempt == _TRIES - 1:
                    raise
                reply = await self._client.get(made.resource, made.ref.name, made.ref.namespace)
        return reply

    async def _replace_lists(self, made: _Object, lists: Mapping[str, Any], options: Apply, refused: Invalid) -> Reply:
        try:
            return await self._client.patch(
                made.resource, made.ref.name, made.ref.namespace, lists, PatchType.MERGE, options.write()
            )
        except NotFound:
            # There is nothing that could have been edited: the fault is in what was asked for.
            raise refused from None

    async def _drop_unwanted(self, made: _Object, options: Apply, refused: Invalid) -> Reply:
        """Remove what stands beside a refused field and is not asked for, as `kubectl apply` does.

        The API server fills in defaults, and others own fields, that do not go with what is wanted now: a
        `rollingUpdate` beside the strategy `Recreate`, a `value` beside a `valueFrom`. Server-side apply leaves them.
        """
        for attempt in range(_TRIES):
            live = await self._client.find(made.resource, made.ref.name, made.ref.namespace)
            body = without_unwanted(live.body, made.body(), [cause.field for cause in refused.causes]) if live else None
            if body is None:
                raise refused
            try:
                return await self._client.replace(made.resource, body, options.write())
            except Invalid:
                raise refused from None
            except Conflict:
                if attempt == _TRIES - 1:
                    raise
        raise AssertionError("the last attempt raises")

    # -------------------------------------------------------------------------------------------- other ways

    async def _replace(self, made: _Object, options: Apply) -> Reply:
        body = made.body()
        for attempt in range(_TRIES):
            live = await self._client.find(made.resource, made.ref.name, made.ref.namespace)
            try:
                if live is None:
                    return await self._client.create(made.resource, body, write=options.write())
                metadata = {**body["metadata"], "resourceVersion": live.meta.resource_version}
                return await self._client.replace(made.resource, {**body, "metadata": metadata}, options.write())
            except (Conflict, AlreadyExists, NotFound):
                if attempt == _TRIES - 1:
                    raise
        raise AssertionError("the last attempt raises")

    async def _replace_and_claim(self, made: _Object, replaced: Reply | None, options: Apply) -> Reply:
        """Write the object as a whole and note it as ours; `replaced` is what a replace has given already."""
        for attempt in range(_TRIES):
            replaced = replaced or await self._replace(made, options)
            if options.dry_run:
                return replaced
            try:
                return await self._claim(made, replaced, options)
            except Conflict:
                if attempt == _TRIES - 1:
                    raise
                replaced = None
        raise AssertionError("the last attempt raises")

    async def _claim(self, made: _Object, replaced: Reply, options: Apply) -> Reply:
        """Note in managedFields that what was replaced is ours by apply. The object stays without where that fails.

        Raises `Conflict` where somebody has changed, since the replace, what is to be noted: theirs is not what was
        asked for. What others add meanwhile, such as a controller's annotation, does not matter.
        """
        try:
            trie = narrowed_trie(await self._written(made, replaced, options), made.body())
        except KubeError as error:
            log.warning("fields of another manager were not taken over", object=str(made.ref), error=str(error))
            return replaced
        written = FieldSet(trie).values_digest(replaced.body)
        reply = replaced
        for attempt in range(_TRIES):
            patch = claiming_patch(reply.body, trie, options)
            if patch is None:
                return reply
            try:
                return await self._client.patch(
                    made.resource, made.ref.name, made.ref.namespace, patch, PatchType.JSON, options.write()
                )
            except Conflict:
                if attempt == _TRIES - 1:
                    raise
                reply = await self._client.get(made.resource, made.ref.name, made.ref.namespace)
                if FieldSet(trie).values_digest(reply.body) != written:
                    raise
        raise AssertionError("the last attempt raises")

    async def _written(self, made: _Object, reply: Reply, options: Apply) -> Trie:
        """Give the trie of an object as a whole: of one that was made just now, or would be under another name.

        A replace notes only the fields that it has changed.
        """
        body = reply.body
        if not reply.created:
            asked = made.body()
            metadata = {key: value for key, value in asked["metadata"].items() if key != "name"}
            trial = {**asked, "metadata": {**metadata, "generateName": "trueup-dry-run-"}}
            write = msgspec.structs.replace(options.write(), dry_run=True)
            body = (await self._client.create(made.resource, trial, made.ref.namespace, write)).body
        return fields_of(body, options)

    async def _recreate(self, made: _Object, options: Apply) -> Reply:
        live = await self._client.find(made.resource, made.ref.name, made.ref.namespace)
        if live is not None:
            if options.dry_run:
                # Whether it can be made cannot be tried out while the old one stands in its place.
                return live
            uid = live.meta.uid
            await self.delete(made.resource, made.ref, uid, options.propagation)
            await self.wait_gone(made.resource, made.ref, uid)
        return await self._write(made, options)


# ------------------------------------------------------------------------------------------------ pure parts


def _doubled_lists(error: Invalid, made: _Object) -> dict[str, Any]:
    """Give, as a merge patch, the lists of the object that are refused because an item stands there twice."""
    patch: dict[str, Any] = {}
    body: Body | None = None
    for cause in error.causes:
        doubled = cause.reason == "FieldValueDuplicate" or "duplicate" in cause.message.lower()
        path, bracket, _ = cause.field.partition("[")
        if not doubled or not bracket:
            continue
        body = made.body() if body is None else body
        names = path.split(".")
        value: Any = body
        for name in names:
            value = value.get(name) if isinstance(value, dict) else None
        if not isinstance(value, list):
            continue
        target = patch
        for name in names[:-1]:
            target = target.setdefault(name, {})
        target[names[-1]] = value
    return patch


def _has_repeated_keys(error: KubeError) -> bool:
    return "duplicate entries for key" in error.message
