"""Secrets and ConfigMaps that units and sources refer to, watched in the namespaces where any of them is read."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable

from trueup.core.model.objects import Body, ObjectRef
from trueup.core.ports import Unreachable
from trueup.kube.cache.informer import ObjectFeed
from trueup.kube.cache.watch import Selection
from trueup.kube.client import KubeClient
from trueup.kube.discovery import Mapper
from trueup.kube.errors import KubeError

LIST_TIMEOUT = 10.0


class ReferencedValues:
    """Reads values and tells when one of them changes. Implements the `Values` port."""

    def __init__(self, client: KubeClient, mapper: Mapper, changed: Callable[[ObjectRef], None]) -> None:
        """Take the cluster and who is told of changes."""
        self._client = client
        self._mapper = mapper
        self._changed: tuple[Callable[[ObjectRef], None], ...] = (changed,)
        self._feeds: dict[tuple[str, str], ObjectFeed] = {}

    def on_change(self, changed: Callable[[ObjectRef], None]) -> None:
        """Have `changed` told of changes too."""
        self._changed = (*self._changed, changed)

    async def read(self, kind: str, namespace: str, name: str) -> dict[str, bytes] | None:
        """Give the decoded data of a Secret or ConfigMap, `None` where it is not there. Raises `Unreachable`."""
        feed = self._feed(kind, namespace)
        if await feed.wait_synced(LIST_TIMEOUT):
            body = feed.items.get((namespace, name))
            return None if body is None else decoded(body)
        try:
            reply = await self._client.find(
                await self._mapper.of(ObjectRef("", kind, namespace, name)), name, namespace
            )
        except KubeError as error:
            raise Unreachable(f"{kind}/{namespace}/{name} could not be read: {error}") from error
        return None if reply is None else decoded(reply.body)

    def all(self, kind: str, namespace: str) -> Iterable[Body]:
        """Give all objects of a kind in a namespace that is watched already; the first call begins to watch it."""
        return tuple(self._feed(kind, namespace).items.values())

    async def follow(self, kind: str, namespace: str) -> None:
        """Watch a namespace from now on, and wait until it was listed."""
        await self._feed(kind, namespace).wait_synced(LIST_TIMEOUT)

    async def stop(self) -> None:
        """Stop watching."""
        for feed in self._feeds.values():
            await feed.stop()

    def _feed(self, kind: str, namespace: str) -> ObjectFeed:
        feed = self._feeds.get((kind, namespace))
        if feed is None:
            feed = self._feeds[(kind, namespace)] = ObjectFeed(
                self._client, self._mapper, Selection("", kind, namespace)
            )
            feed.subscribe(self._on_event)
            feed.start()
        return feed

    def _on_event(self, event: str, old: Body | None, new: Body | None) -> None:
        body = new or old
        if body is not None and (old is None or new is None or decoded(old) != decoded(new)):
            for changed in self._changed:
                changed(ObjectRef.of(body))


def decoded(body: Body) -> dict[str, bytes]:
    """Give the data of a Secret (base64) or ConfigMap as bytes; what is no base64 is left out."""
    found: dict[str, bytes] = {}
    encoded = dict(body.get("binaryData") or {})
    if body.get("kind") == "Secret":
        encoded.update(body.get("data") or {})
    else:
        found = {key: str(value).encode() for key, value in (body.get("data") or {}).items()}
    for key, value in encoded.items():
        try:
            found[key] = base64.b64decode(str(value), validate=True)
        except (binascii.Error, ValueError):
            continue
    return found
