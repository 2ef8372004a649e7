"""One cluster as a target: reads from the live cache, writes by server-side apply, and tells what has changed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import cast

from trueup.core.fields.changes import field_changes, others_changes
from trueup.core.health import Health, HealthStatus, assess
from trueup.core.model.live import Live, Presence
from trueup.core.model.objects import ApplyMode, Body, ObjectRef, PruneMode
from trueup.core.model.recipe import Capabilities
from trueup.core.plan.tasks import Action, Step
from trueup.core.ports import Acting, Applied, ApplyError, ClusterUnreachable
from trueup.kube.apply import Applier
from trueup.kube.cache.live import LiveCache
from trueup.kube.cache.record import Record, Reduction
from trueup.kube.cache.watch import FeedState
from trueup.kube.client import KubeClient
from trueup.kube.discovery import Mapper
from trueup.kube.errors import AlreadyExists, Conflict, KindNotServed, KubeError, NotFound
from trueup.kube.resource import Reply, Resource
from trueup.kube.unknown_fields import LEFT_OUT
from trueup.kube.writes import Apply, Propagation, Write
from trueup.targets.kubernetes.holding import holding
from trueup.targets.kubernetes.reduction import (
    EXTRACTS,
    POD,
    REPLICA_SET,
    ROLLOUTS,
    Extracts,
    OptionsOf,
    OwnerOf,
    extract_of,
    hint_of,
    marks_of,
    owner_from,
)
from trueup.targets.kubernetes.rollouts import failing, roots

LIST_TIMEOUT = 15.0
LEARN_PAUSE = 2.0
LOOK_PAUSE = 0.02

NAMESPACE = ("", "Namespace")
DEFINITION = ("apiextensions.k8s.io", "CustomResourceDefinition")


class KubernetesTarget:
    """Implements the `Target` port on one cluster. `changed` is called with every object of which something changed."""

    def __init__(
        self,
        client: KubeClient,
        mapper: Mapper,
        owner_of: OwnerOf,
        live_options: OptionsOf,
        changed: Callable[[ObjectRef], None],
    ) -> None:
        """Take a client whose writes are fenced, and how marks on objects are read."""
        self._client = client
        self._mapper = mapper
        self._changed = changed
        self._extracts = Extracts(EXTRACTS)
        self.cache = LiveCache(client, mapper, Reduction(assess, marks_of(owner_of, live_options), self._extracts))
        self.cache.subscribe(self._on_change)
        self.cache.need({NAMESPACE})
        self._applier = Applier(client, mapper)
        self._appliers: dict[str, Applier] = {}
        self._watched: frozenset[tuple[str, str]] = frozenset()
        self._namespaces: set[str] = set()
        self._learned = float("-inf")

    async def stop(self) -> None:
        """End all watches."""
        await self.cache.stop()

    # ------------------------------------------------------------------------------------------------ reading

    async def watch(self, kinds: frozenset[tuple[str, str]]) -> None:
        """See to it that these kinds are watched; waits until each was listed or has failed."""
        new = kinds - self._watched
        if not new:
            return
        if new & ROLLOUTS:
            new |= {POD, REPLICA_SET}
        self.cache.need(new)
        await self.cache.settled(new, LIST_TIMEOUT)
        self._watched |= new

    def keep_bodies(self, kinds: frozenset[tuple[str, str]]) -> None:
        """Keep whole objects of these kinds from now on."""
        self._extracts.keep_bodies(kinds)

    async def read(self, ref: ObjectRef) -> Body | None:
        """Read an object as it lives. Raises `ClusterUnreachable`."""
        try:
            reply = await self._client.find(await self._mapper.of(ref), ref.name, ref.namespace)
        except KindNotServed:
            return None
        except KubeError as error:
            raise ClusterUnreachable(f"{ref} could not be read: {error}") from error
        return reply.body if reply is not None else None

    def live(self, ref: ObjectRef, manager: str) -> Live | Presence:
        """Say what is known of an object, as seen by its field manager."""
        found = self.cache.get(ref)
        if isinstance(found, Presence):
            if found is Presence.UNKNOWN and self.cache.status(ref.group, ref.kind) is FeedState.UNSERVED:
                return Presence.ABSENT
            return found
        return self._reduced(found, manager)

    def _reduced(self, record: Record, manager: str) -> Live:
        health, reconciled, progress = self._health(record)
        marks, extract = record.marks, extract_of(record)
        return Live(
            ref=record.ref,
            uid=record.uid,
            resource_version=str(record.resource_version),
            managed_digest=record.managed_digest(manager),
            health=health,
            deleting=record.deleting,
            owner=owner_from(marks) if marks else None,
            prune=PruneMode(marks.get("prune", PruneMode.ALLOW)),
            delete=PruneMode(marks.get("delete", PruneMode.ALLOW)),
            wave=int(marks.get("wave", 0)),
            reconciled=reconciled,
            progress=progress,
            left_alone="left-alone" in marks,
            by_hand=record.by_hand,
            body=extract.body if extract is not None else None,
        )

    def _health(self, record: Record) -> tuple[Health, Health | None, str]:
        """Give an object's health, that by kstatus' rules where its kind has some, and how far a rollout has come."""
        health, extract = record.health, extract_of(record)
        reconciled = extract.reconciled if extract is not None else None
        if (record.ref.group, record.ref.kind) not in ROLLOUTS or reconciled is None:
            return health, reconciled, ""
        if health.status is HealthStatus.SUSPENDED:
            # kstatus knows no pause, and would wait for the end of a rollout that somebody has stopped.
            return health, None, ""
        late = [one for one in (health, reconciled) if one.status is HealthStatus.PROGRESSING]
        if not late:
            return health, reconciled, ""
        proof = failing(record, self.cache)
        if proof is not None:
            health, reconciled = (proof if one in late else one for one in (health, reconciled))
        return health, reconciled, late[0].message

    def scope(self, group: str, kind: str) -> bool | None:
        """Say whether a kind is namespaced; `None`: not served."""
        resource = self._mapper.known(group, kind)
        return None if resource is None else resource.namespaced

    async def learn(self, kinds: frozenset[tuple[str, str]]) -> None:
        """Look again for kinds that were not served, at most every few seconds."""
        if time.monotonic() - self._learned < LEARN_PAUSE:
            return
        try:
            await self._mapper.refresh()
        except KubeError:
            # What is served stays as last known; whoever needs the kind says that it is not served.
            return
        self._learned = time.monotonic()

    def capabilities(self) -> Capabilities:
        """Say what templates may know of the cluster."""
        return self._mapper.capabilities()

    def _on_change(self, ref: ObjectRef, before: Record | None, after: Record | None) -> None:
        self._changed(ref)
        if (ref.group, ref.kind) == NAMESPACE and after is None:
            self._namespaces.discard(ref.name)
        if (ref.group, ref.kind) not in (POD, REPLICA_SET):
            return
        if before is not None and after is not None and hint_of(before) == hint_of(after):
            return
        record = after or before
        if record is not None:
            for root in roots(ref, record, self.cache):
                self._changed(root)

    # ------------------------------------------------------------------------------------------------ writing

    async def try_out(self, step: Step, acting: Acting) -> None:
        """Dry-run a write. Raises `ApplyError`."""
        assert step.desired is not None
        try:
            resource = await self._mapper.of(step.ref, step.version)
            await self._as(acting).apply(resource, step.desired.raw, _options(step, acting, dry_run=True))
        except KubeError as error:
            raise _refusal(step.ref, error) from error

    async def write(self, step: Step, acting: Acting) -> Applied:
        """Carry out one step of a plan. Raises `ApplyError`."""
        try:
            resource = await self._mapper.of(step.ref, step.version)
            if step.action is Action.PRUNE:
                return await self._delete(resource, step, acting)
            return await self._apply(resource, step, acting)
        except KubeError as error:
            raise _refusal(step.ref, error) from error

    async def _apply(self, resource: Resource, step: Step, acting: Acting) -> Applied:
        assert step.desired is not None
        before: Reply | None = None
        if step.desired.options.apply is ApplyMode.CREATE_ONLY:
            reply = await self._create(resource, step, acting)
        else:
            before = await self._before(resource, step, acting)
            reply = await self._as(acting).apply(resource, step.desired.raw, _options(step, acting))
        record = self._take(reply)
        same = step.live is not None and step.live.resource_version == str(record.resource_version)
        fields = field_changes(before.body, reply.body) if before is not None and not same else ()
        undone = others_changes(before.body, fields, acting.manager) if before is not None and step.undoes else ()
        live = self._reduced(record, acting.manager)
        left_out = "; ".join(item for item in reply.warnings if item.startswith(LEFT_OUT))
        return Applied(live, not same, left_out, fields=fields, undone=undone)

    async def _before(self, resource: Resource, step: Step, acting: Acting) -> Reply | None:
        """Read what a write is about to change, so that the change can be told; never in a write's way."""
        if step.live is None:
            return None
        try:
            return await self._view(acting).find(resource, step.ref.name, step.ref.namespace)
        except KubeError:
            return None

    async def _create(self, resource: Resource, step: Step, acting: Acting) -> Reply:
        assert step.desired is not None
        client = self._view(acting)
        try:
            return await client.create(resource, step.desired.body(), write=Write(manager=acting.manager))
        except AlreadyExists:
            return await client.get(resource, step.ref.name, step.ref.namespace)

    async def _delete(self, resource: Resource, step: Step, acting: Acting) -> Applied:
        uid = step.live.uid if step.live is not None else ""
        try:
            there = await self._as(acting).delete(resource, step.ref, uid, _propagation(acting))
        except Conflict:
            # Another object bears the name by now: what was to go is gone.
            there = False
        return Applied(None, there)

    async def ensure_namespace(
        self, name: str, labels: dict[str, str], annotations: dict[str, str], acting: Acting, forbidden: str = ""
    ) -> None:
        """Make a namespace that is not there, or set these labels and annotations on it. Raises `ApplyError`."""
        wanted = bool(labels or annotations)
        if name in self._namespaces and not wanted:
            return
        ref = ObjectRef(*NAMESPACE, "", name)
        metadata = {"name": name, "labels": labels, "annotations": annotations}
        body = {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {key: item for key, item in metadata.items() if item},
        }
        try:
            resource = await self._mapper.of(ref)
            client = self._view(acting)
            if forbidden and (wanted or await client.find(resource, name) is None):
                raise ApplyError(ref, "Forbidden", f"{ref} is not made: {forbidden}")
            if wanted:
                await client.server_side_apply(resource, body, Write(manager=acting.manager))
            elif await client.find(resource, name) is None:
                await client.create(resource, body, write=Write(manager=acting.manager))
        except AlreadyExists:
            pass
        except KubeError as error:
            raise _refusal(ref, error) from error
        await self.watch(frozenset({NAMESPACE}))
        self._namespaces.add(name)

    async def settled(self, refs: Sequence[ObjectRef], timeout: float) -> tuple[ObjectRef, ...]:
        """Wait until definitions among `refs` are established and their kinds are served; give those that are not."""
        waiting = [ref for ref in refs if (ref.group, ref.kind) == DEFINITION]
        if not waiting:
            return ()
        deadline = time.monotonic() + timeout
        while waiting and time.monotonic() < deadline:
            waiting = [ref for ref in waiting if not self._established(ref)]
            if waiting:
                await asyncio.sleep(LOOK_PAUSE)
        if not waiting:
            await self._served([ref.name for ref in refs if (ref.group, ref.kind) == DEFINITION], deadline)
        return tuple(waiting)

    def _established(self, ref: ObjectRef) -> bool:
        found = self.cache.get(ref)
        return isinstance(found, Record) and found.health.status is HealthStatus.HEALTHY

    async def _served(self, names: Sequence[str], deadline: float) -> None:
        """Wait until discovery names what these definitions (`plural.group`) define."""
        while time.monotonic() < deadline:
            known = {f"{item.plural}.{item.group}" for item in self._mapper.resources()}
            if known.issuperset(names):
                return
            await self._mapper.refresh()
            await asyncio.sleep(LOOK_PAUSE)

    async def holding(self, ref: ObjectRef, own: frozenset[ObjectRef]) -> str:
        """Say in words what of others a namespace, definition or volume claim holds; empty for nothing."""
        try:
            return await holding(self._client, self._mapper, ref, own)
        except KubeError as error:
            return f"what could not be read ({error.message})"

    async def explain(self, ref: ObjectRef) -> str:
        """Say why an object is not healthy, as far as its record tells."""
        found = self.cache.get(ref)
        return found.health.message if isinstance(found, Record) else ""

    def _take(self, reply: Reply) -> Record:
        """Put what a write gave into the cache, so that nobody decides on what was before."""
        record = self.cache.reduce(reply.raw)
        self.cache.put(record)
        return record

    def _view(self, acting: Acting) -> KubeClient:
        if not acting.service_account:
            return self._client
        return self._client.impersonate(f"system:serviceaccount:{acting.service_account}")

    def _as(self, acting: Acting) -> Applier:
        account = acting.service_account
        if not account:
            return self._applier
        if account not in self._appliers:
            self._appliers[account] = self._applier.acting(self._view(acting))
        return self._appliers[account]


def _propagation(acting: Acting) -> Propagation:
    return cast(Propagation, acting.propagation)


def _options(step: Step, acting: Acting, *, dry_run: bool = False) -> Apply:
    assert step.desired is not None
    options = step.desired.options
    return Apply(
        manager=acting.manager,
        dry_run=dry_run,
        replace=acting.replace or options.apply is ApplyMode.REPLACE,
        recreate_on_immutable=acting.force or options.force,
        propagation=_propagation(acting),
        drop_unknown=not (acting.validate and options.validate),
        adopts=acting.undo_kubectl and options.apply is ApplyMode.OVERRIDE,
    )


def _refusal(ref: ObjectRef, error: KubeError) -> ApplyError:
    # A namespace or a kind that is not there may come: another unit, or somebody, may be about to make it.
    may_come = isinstance(error, NotFound | KindNotServed)
    return ApplyError(ref, error.reason, error.message, error.retriable or may_come)
