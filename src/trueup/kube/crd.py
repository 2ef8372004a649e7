"""CustomResourceDefinitions: ours are applied where nobody else's stand, and every change of any is noticed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable

import msgspec
import structlog

from trueup.core.fields.ownership import APPLY
from trueup.core.model.objects import Body, digest_of
from trueup.kube.cache.informer import ObjectFeed
from trueup.kube.cache.watch import Selection
from trueup.kube.client import KubeClient
from trueup.kube.discovery import Mapper
from trueup.kube.errors import KubeError, NotFound, Timeout
from trueup.kube.resource import Resource
from trueup.kube.writes import Write

DEFINITIONS = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", False)
MANAGER = "trueup"
DIGEST_ANNOTATION = "trueup.dev/definition-digest"

_DISCOVERY_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)

log = structlog.get_logger(__name__)


class Definition(msgspec.Struct, frozen=True):
    """A definition as it stands in the cluster; `ours`: we have applied it. Versions are those that are served."""

    name: str
    group: str
    kind: str
    plural: str
    versions: tuple[str, ...]
    ours: bool

    @classmethod
    def of(cls, body: Body) -> Definition:
        """Read a definition."""
        spec = body["spec"]
        managers = body["metadata"].get("managedFields") or ()
        return cls(
            body["metadata"]["name"],
            spec["group"],
            spec["names"]["kind"],
            spec["names"]["plural"],
            tuple(each["name"] for each in spec.get("versions") or () if each.get("served")),
            any(each.get("manager") == MANAGER and each.get("operation") == APPLY for each in managers),
        )


def is_established(body: Body) -> bool:
    """Say whether the API server serves what this definition defines."""
    conditions = (body.get("status") or {}).get("conditions") or ()
    return any(each.get("type") == "Established" and each.get("status") == "True" for each in conditions)


async def established(client: KubeClient, name: str) -> bool:
    """Say whether the definition `plural.group` is there and served. Raises `KubeError` where nobody can tell."""
    reply = await client.find(DEFINITIONS, name)
    return reply is not None and is_established(reply.body)


async def ensure_definitions(
    client: KubeClient, crds: Iterable[Body], *, mapper: Mapper | None = None, timeout: float = 30.0
) -> dict[str, Definition]:
    """Apply each definition where there is none or it is ours, wait until all are served, and give what stands by name.

    Definitions that others have installed stay as they are. Raises `Timeout`, naming those that are not established,
    and `KubeError`.
    """
    found = dict(await asyncio.gather(*(_ensure(client, crd, time.monotonic() + timeout) for crd in crds)))
    if mapper is not None:
        mapper.invalidate()
        for pause in (0.0, *_DISCOVERY_PAUSES):
            await asyncio.sleep(pause)
            await mapper.refresh()
            if all(_discovered(mapper, each) for each in found.values()):
                break
    return found


async def ensure_object(
    client: KubeClient, resource: Resource, wanted: Body, ours: Callable[[Body], bool] = lambda found: True
) -> Body:
    """Apply an object of the installation's where there is none, or an earlier one of `ours`; give what stands.

    One that is as it was applied costs no write. Raises `KubeError`.
    """
    metadata = wanted["metadata"]
    digest = digest_of(wanted)
    reply = await client.find(resource, str(metadata["name"]))
    if reply is not None:
        applied = (reply.body["metadata"].get("annotations") or {}).get(DIGEST_ANNOTATION)
        if applied == digest or not ours(reply.body):
            return reply.body
    annotations = {**(metadata.get("annotations") or {}), DIGEST_ANNOTATION: digest}
    marked = {**wanted, "metadata": {**metadata, "annotations": annotations}}
    return (await client.server_side_apply(resource, marked, Write(manager=MANAGER))).body


async def _ensure(client: KubeClient, crd: Body, deadline: float) -> tuple[str, Definition]:
    name = str(crd["metadata"]["name"])
    body = await ensure_object(client, DEFINITIONS, crd, lambda found: Definition.of(found).ours)
    pause = 0.03
    while not is_established(body):
        if time.monotonic() > deadline:
            raise Timeout("it is not established in time", what=f"apply CustomResourceDefinition/{name}")
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 0.5)
        try:
            body = (await client.get(DEFINITIONS, name)).body
        except NotFound:
            # Somebody deleted it meanwhile; the deadline ends a quarrel.
            return await _ensure(client, crd, deadline)
    return name, Definition.of(body)


def _discovered(mapper: Mapper, definition: Definition) -> bool:
    return all(mapper.known(definition.group, definition.kind, version) for version in definition.versions)


class DefinitionWatch:
    """Has the mapper look again whenever definitions or aggregated APIs change. One for each cluster."""

    def __init__(self, client: KubeClient, mapper: Mapper) -> None:
        """Take whom to tell; nothing is asked before `start`."""
        self._mapper = mapper
        self._feeds = [
            ObjectFeed(client, mapper, Selection(DEFINITIONS.group, DEFINITIONS.kind), reduce=_definition_only),
            ObjectFeed(client, mapper, Selection("apiregistration.k8s.io", "APIService"), reduce=_service_only),
        ]
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()

    def start(self) -> None:
        """Begin to watch."""
        if self._task is None:
            self._task = asyncio.create_task(self._follow(), name="definitions")
            for feed in self._feeds:
                feed.subscribe(lambda *_: self._changed.set())
                feed.start()

    async def stop(self) -> None:
        """End."""
        task, self._task = self._task, None
        for feed in self._feeds:
            await feed.stop()
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _follow(self) -> None:
        while True:
            await self._changed.wait()
            # Discovery follows a definition with a short delay.
            for pause in _DISCOVERY_PAUSES:
                await asyncio.sleep(pause)
                self._changed.clear()
                self._mapper.invalidate()
                try:
                    await self._mapper.learn()
                except KubeError as error:
                    log.warning("what the cluster serves could not be read; trying again", error=str(error))
                    continue
                if self._agrees():
                    break

    def _agrees(self) -> bool:
        definitions = [body for body in self._feeds[0].items.values() if is_established(body)]
        if not all(_discovered(self._mapper, Definition.of(body)) for body in definitions):
            return False
        silent = {
            (str(body["spec"].get("group") or ""), str(body["spec"].get("version") or ""))
            for body in self._feeds[1].items.values()
            if not _available(body)
        }
        # A removed definition's group stays in discovery until its APIService is gone, which is an event of its own.
        return silent >= self._mapper.unavailable


def _available(body: Body) -> bool:
    conditions = (body.get("status") or {}).get("conditions") or ()
    return any(each.get("type") == "Available" and each.get("status") == "True" for each in conditions)


def _definition_only(body: Body) -> Body:
    """Keep of a definition what discovery depends on: schemas are large, and their changes move no kind."""
    spec = body.get("spec") or {}
    versions = [{key: each.get(key) for key in ("name", "served")} for each in spec.get("versions") or ()]
    return {
        "metadata": _identity(body),
        "spec": {
            "group": spec.get("group"),
            "names": spec.get("names"),
            "scope": spec.get("scope"),
            "versions": versions,
        },
        "status": _conditions(body, "Established"),
    }


def _service_only(body: Body) -> Body:
    spec = body.get("spec") or {}
    return {
        "metadata": _identity(body),
        "spec": {key: spec.get(key) for key in ("group", "version")},
        "status": _conditions(body, "Available"),
    }


def _identity(body: Body) -> Body:
    metadata = body.get("metadata") or {}
    return {key: metadata.get(key) for key in ("name", "uid", "resourceVersion")}


def _conditions(body: Body, kind: str) -> Body:
    conditions = (body.get("status") or {}).get("conditions") or ()
    kept = [{"type": kind, "status": each.get("status")} for each in conditions if each.get("type") == kind]
    return {"conditions": kept}
