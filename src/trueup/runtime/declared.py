"""What users' kinds and objects say, in the form in which the parts of a controller ask for it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from trueup.controllers.kinds import Kind
from trueup.controllers.receivers import ReceiverKind
from trueup.core.model.objects import Body, ObjectOptions, ObjectRef
from trueup.core.model.state import STATE_GROUP, STATE_PLURAL
from trueup.core.model.unit import Unit
from trueup.core.plan.desired import OptionsReader
from trueup.dialects import adapters
from trueup.dialects.argo.application.configuration import NAME as CONFIGURATION
from trueup.dialects.flux.receiver import types as receiver
from trueup.runtime.settings import Settings
from trueup.storage.admission import Asking
from trueup.storage.declarations import Declarations
from trueup.storage.values import ReferencedValues


def asking() -> list[Asking]:
    """Give the kinds on which people write requests: users' units and sources, and their states."""
    kinds = [
        Asking(adapter.kind.group, adapter.kind.plural, tuple(adapter.requests.reconcile("")), adapter.requests.field)
        for adapter in adapters()
        if adapter.requests is not None
    ]
    return [*kinds, Asking(STATE_GROUP, STATE_PLURAL)]


def receiver_kind(settings: Settings) -> ReceiverKind:
    """Give Flux' kind of receivers."""
    translate = partial(receiver.translate_receiver, cross_namespace=settings.cross_namespace)
    return ReceiverKind(Kind(receiver.GROUP, receiver.KIND, translate), receiver.receiver_status)


def configured(
    values: ReferencedValues, declarations: Declarations, home: str, changed: ObjectRef | None = None
) -> None:
    """Hand on what is configured for all objects, at the start and when it has `changed`."""
    if changed is None or (changed.kind, changed.namespace, changed.name) == ("ConfigMap", home, CONFIGURATION):
        found = (body for body in values.all("ConfigMap", home) if body["metadata"]["name"] == CONFIGURATION)
        data = next(found, {}).get("data") or {}
        declarations.configure({key: str(value) for key, value in data.items()})


def options_of(declarations: Declarations) -> Callable[[Unit], OptionsReader]:
    """Give who reads the options of a unit's objects: its dialect."""

    def read(unit: Unit) -> OptionsReader:
        dialect = declarations.dialect_of(unit.ref)
        return dialect.options if dialect is not None else _no_options

    return read


def _no_options(body: Body) -> ObjectOptions:
    return ObjectOptions()
