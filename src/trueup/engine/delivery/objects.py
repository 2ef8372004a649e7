"""The delivery of plain objects: what was rendered is written to the unit's cluster by server-side apply."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import msgspec

from trueup.core.fields.changes import FieldChange
from trueup.core.model.live import Live, Presence
from trueup.core.model.objects import Desired, ObjectRef
from trueup.core.model.recipe import RenderResult
from trueup.core.model.unit import Unit
from trueup.core.plan.desired import OptionsReader, Prepared, prepare
from trueup.core.plan.tasks import Step
from trueup.core.ports import Acting, Applied, ApplyError, ClusterUnreachable, Target, Targets
from trueup.core.redaction import Veil, redact
from trueup.core.remedies import advised

CONTAINERS = frozenset(
    {("", "Namespace"), ("apiextensions.k8s.io", "CustomResourceDefinition"), ("", "PersistentVolumeClaim")}
)
"""Kinds that may hold what is others', and go only with a confirmation then."""

SECRETS_KEPT = 20_000
"""Of one unit, this many values that are never told are known."""


class ObjectDelivery:
    """Implements the `Delivery` port for objects of Kubernetes."""

    def __init__(self, targets: Targets, options_of: Callable[[Unit], OptionsReader]) -> None:
        """Take the clusters, and how a unit's objects say what they want."""
        self._targets = targets
        self._options_of = options_of
        self._secrets: dict[ObjectRef, tuple[str, ...]] = {}
        self._written: dict[ObjectRef, set[ObjectRef]] = {}

    def _target(self, unit: Unit) -> Target:
        return self._targets.of(unit.target.cluster)

    async def want(self, unit: Unit, result: RenderResult) -> Prepared:
        """Make the desired objects; kinds that are not known yet are asked for once more."""
        target = self._target(unit)
        kinds = {
            (str(item.body.get("apiVersion") or "").rpartition("/")[0], str(item.body.get("kind") or ""))
            for item in result.objects
        }
        strangers = frozenset(kind for kind in kinds if target.scope(*kind) is None)
        if strangers:
            await target.learn(strangers)
        if result.secrets or unit.ref in self._secrets:
            # Those of before still stand in live objects.
            known = dict.fromkeys((*result.secrets, *self._secrets.get(unit.ref, ())))
            self._secrets[unit.ref] = tuple(list(known)[:SECRETS_KEPT])
        return prepare(result, unit, self._options_of(unit), target.scope)

    @contextmanager
    def _telling(self, unit: Unit) -> Iterator[None]:
        """Say with every refusal what helps, and no value of a Secret that was put into an object."""
        try:
            with _advising(unit):
                yield
        except ApplyError as error:
            message = redact(error.message, self._secrets.get(unit.ref, ()))
            if message == error.message:
                raise
            raise ApplyError(error.ref, error.code, message, error.retry) from None

    async def observe(self, unit: Unit, refs: Iterable[ObjectRef]) -> None:
        """Watch the kinds of these objects."""
        if unit.gate.expressions:
            kinds = frozenset((one.group, one.kind) for one in unit.gate.expressions)
            self._target(unit).keep_bodies(kinds)
        await self._target(unit).watch(frozenset((ref.group, ref.kind) for ref in refs))

    def live(self, unit: Unit, ref: ObjectRef) -> Live | Presence:
        """Give the object as seen by the unit's field manager; nothing is known while its cluster is not reached."""
        try:
            return self._target(unit).live(ref, unit.field_manager)
        except ClusterUnreachable:
            return Presence.UNKNOWN

    def missing(self, unit: Unit, ref: ObjectRef) -> str:
        """Say that the cluster does not serve the kind."""
        if self._target(unit).scope(ref.group, ref.kind) is not None:
            return ""
        where = f"the group {ref.group}" if ref.group else "the core group"
        return f"the cluster serves no kind {ref.kind} in {where}; check its spelling, or install its definition"

    async def holding(self, unit: Unit, refs: Iterable[ObjectRef], own: frozenset[ObjectRef]) -> dict[ObjectRef, str]:
        """Ask of namespaces, definitions and volume claims what is in them."""
        found: dict[ObjectRef, str] = {}
        for ref in refs:
            if (ref.group, ref.kind) in CONTAINERS and (held := await self._target(unit).holding(ref, own)):
                found[ref] = held
        return found

    async def prepare(self, unit: Unit, wanted: Sequence[Desired], acting: Acting) -> None:
        """Make the target namespace where the unit asks for that and its own objects do not bring it."""
        place = unit.target
        ref = ObjectRef("", "Namespace", "", place.namespace)
        if place.create_namespace and place.namespace and all(item.ref != ref for item in wanted):
            with self._telling(unit):
                await self._target(unit).ensure_namespace(
                    place.namespace, place.namespace_labels, place.namespace_annotations, acting, unit.refusal(ref)
                )

    async def try_out(self, unit: Unit, step: Step, acting: Acting) -> None:
        """Dry-run the write at the API server."""
        with self._telling(unit):
            await self._target(unit).try_out(step, acting)

    async def carry_out(self, unit: Unit, step: Step, acting: Acting) -> Applied:
        """Write or delete the object."""
        with self._telling(unit):
            applied = await self._target(unit).write(step, acting)
        secrets = self._secrets.get(unit.ref, ())
        if unit.decryption is not None and self._may_have_held(unit, step.ref):
            applied = without_values(applied)
        return without_secrets(applied, secrets) if secrets else applied

    def _may_have_held(self, unit: Unit, ref: ObjectRef) -> bool:
        """Say whether an object may have held decrypted values of a revision that this process has not rendered.

        Nobody knows these values any more, so what its fields were must not be told. After a write all is known.
        """
        first = ref not in self._written.setdefault(unit.ref, set())
        self._written[unit.ref].add(ref)
        own_kind = "." in ref.group and not ref.group.endswith(".k8s.io")
        return first and (own_kind or (ref.group, ref.kind) == ("", "ConfigMap"))

    async def usable(self, unit: Unit, refs: Sequence[ObjectRef], timeout: float) -> tuple[ObjectRef, ...]:
        """Wait until definitions are established and namespaces active."""
        return await self._target(unit).settled(refs, timeout)


def without_secrets(applied: Applied, secrets: Sequence[str]) -> Applied:
    """Tell of a field with a secret value only that it has changed."""
    veil = Veil(secrets)
    fields = tuple(
        FieldChange(field.path, hidden=True) if veil.covers(field.before) or veil.covers(field.after) else field
        for field in applied.fields
    )
    return msgspec.structs.replace(applied, message=redact(applied.message, secrets), fields=fields)


def without_values(applied: Applied) -> Applied:
    """Tell of every field only that it has changed."""
    return msgspec.structs.replace(applied, fields=tuple(FieldChange(one.path, hidden=True) for one in applied.fields))


@contextmanager
def _advising(unit: Unit) -> Iterator[None]:
    """Say with every refusal what helps, in the words of the unit's dialect."""
    try:
        yield
    except ApplyError as error:
        message = advised(error.message, error.ref, unit)
        if message == error.message:
            raise
        raise ApplyError(error.ref, error.code, message, error.retry) from error
