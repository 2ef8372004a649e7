"""A kind of users' objects that only the tests know: all of it stands here."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import ClassVar

from trueup.core.model.deployment_record import DeploymentRecord
from trueup.core.model.dialect import Context, Role, Translated, WatchedKind
from trueup.core.model.metrics import Series
from trueup.core.model.objects import Body, ObjectRef, digest_of
from trueup.core.model.recipe import DirectoryRecipe
from trueup.core.model.reports import StatusWrite, UnitPhase, UnitReport
from trueup.core.model.unit import SyncPolicy, Target, Unit, UnitSource
from trueup.dialects import KindAdapter
from trueup.dialects.crds.definitions import READY, Definition, Version, definition
from trueup.dialects.crds.schema import any_object
from trueup.dialects.family import Family
from trueup.dialects.flux.gitrepository import types as repository

GROUP, KIND = "toys.example.com", "Toy"


def toy_definition() -> Definition:
    properties = {"spec": any_object(), "status": any_object()}
    made = Version("v1", properties, [READY], description="Delivers a folder.", subresource=True)
    return definition(GROUP, KIND, "toys", [made.written()], ("ty",))


def translate(body: Body, context: Context) -> Translated:
    metadata, spec = body["metadata"], body["spec"]
    recipe = DirectoryRecipe(path=spec["path"])
    source = ObjectRef(repository.GROUP, repository.KIND, metadata["namespace"], spec["repository"])
    unit = Unit(
        ref=ObjectRef.of(body),
        uid=metadata["uid"],
        generation=metadata["generation"],
        sources=(UnitSource(source, recipe),),
        spec_digest=digest_of(spec),
        target=Target(namespace=metadata["namespace"]),
        policy=SyncPolicy(prune=True),
        field_manager="toy-controller",
    )
    return Translated(unit)


def status(body: Body, report: UnitReport, now: datetime, home: str) -> StatusWrite | None:
    ready = "True" if report.phase is UnitPhase.SETTLED else "False"
    wanted = {"conditions": [{"type": "Ready", "status": ready, "message": report.message}]}
    return None if body.get("status") == wanted else StatusWrite(wanted, "toy-controller")


def series(unit: Unit, report: UnitReport, url: str, record: DeploymentRecord | None) -> Iterator[Series]:
    if record is None:
        yield Series("toy_info", "A toy.", {"name": unit.ref.name, "url": url})


class Toys(Family, frozen=True):
    """A dialect of one kind."""

    name: ClassVar[str] = "Toys"
    adapters: ClassVar[tuple[KindAdapter, ...]] = (
        KindAdapter(
            kind=WatchedKind(GROUP, KIND, "toys", ("v1",), Role.UNIT),
            definition=toy_definition,
            short=("ty",),
            translate=translate,
            unit_status=status,
            unit_series=series,
        ),
    )
