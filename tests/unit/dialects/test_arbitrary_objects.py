"""Whatever stands in an object, translating it and writing its status never raises."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from trueup.core.health import Health, HealthStatus
from trueup.core.model.artifact import Fault
from trueup.core.model.dialect import Context
from trueup.core.model.objects import ObjectRef
from trueup.core.model.reports import (
    Notice,
    ObjectReport,
    ObjectResult,
    OperationReport,
    OperationState,
    Reason,
    ResultCode,
    SourceReport,
    SyncState,
    UnitPhase,
    UnitReport,
)
from trueup.core.model.state import Held, HistoryEntry
from trueup.dialects import dialects, live_options, owner_of
from trueup.dialects.argo.application.types import Operation
from trueup.dialects.argo.application.types import Spec as ApplicationSpec
from trueup.dialects.argo.appproject.types import ProjectSpec
from trueup.dialects.decode import Shape, shape_of
from trueup.dialects.flux.bucket.types import Spec as BucketSpec
from trueup.dialects.flux.externalartifact.types import Spec as ExternalSpec
from trueup.dialects.flux.gitrepository.types import Spec as RepositorySpec
from trueup.dialects.flux.kustomization.types import Spec as KustomizationSpec
from trueup.dialects.flux.ocirepository.types import Spec as ArtifactSpec

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
REVISION = "main@sha1:" + "1" * 40
WEB = ObjectRef("apps", "Deployment", "shop", "web")
RICH = UnitReport(
    phase=UnitPhase.SETTLED,
    reason=Reason.SUCCEEDED,
    message="words",
    generation=1,
    current=REVISION,
    applied=REVISION,
    gated=True,
    objects=(ObjectReport(WEB, "v1", SyncState.SYNCED, Health(HealthStatus.HEALTHY)),),
    operation=OperationReport(
        OperationState.RUNNING,
        REVISION,
        NOW - timedelta(minutes=1),
        results=(ObjectResult(WEB, "v1", ResultCode.PRUNED),),
    ),
    history=(HistoryEntry(0, REVISION, "2026-11-24T09:00:00Z", "no time", "good"),),
    held=Held("x", REVISION, "sick", "2026-11-24T09:00:00Z"),
    notices=(Notice("hook", "left out"),),
)
KINDS = [(dialect, kind, version) for dialect in dialects() for kind in dialect.kinds for version in kind.versions]

scalars = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=8)
values = st.recursive(
    scalars | st.sampled_from(["1m", "https://x/y", "HEAD", "true", "{a}", "../x", "$ARGOCD_APP_NAME", "-5s"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def shaped(shape: Shape) -> st.SearchStrategy[Any]:
    """Objects whose fields are those of a shape, with contents that fit or do not."""
    return st.dictionaries(st.sampled_from(sorted(shape.fields)) | st.text(max_size=5), values, max_size=8).flatmap(
        lambda flat: st.fixed_dictionaries(
            {
                name: (
                    values | (st.lists(shaped(inner), max_size=2) if name in shape.many else shaped(inner))
                    if (inner := shape.fields.get(name))
                    else st.just(value)
                )
                for name, value in flat.items()
            }
        )
    )


SOURCES = (RepositorySpec, ArtifactSpec, BucketSpec, ExternalSpec)
specs = st.one_of(
    *(
        shaped(shape_of(kind))
        for kind in (
            ApplicationSpec,
            KustomizationSpec,
            RepositorySpec,
            ArtifactSpec,
            BucketSpec,
            ExternalSpec,
            ProjectSpec,
        )
    ),
    values,
)
metadata = st.fixed_dictionaries(
    {},
    optional={
        "name": values,
        "namespace": values,
        "uid": values,
        "generation": values,
        "finalizers": values,
        "managedFields": values,
        "deletionTimestamp": values,
        "labels": st.dictionaries(st.text(max_size=5), values, max_size=2) | values,
        "annotations": st.dictionaries(
            st.sampled_from(
                [
                    "argocd.argoproj.io/refresh",
                    "argocd.argoproj.io/tracking-id",
                    "argocd.argoproj.io/sync-wave",
                    "argocd.argoproj.io/hook",
                    "argocd.argoproj.io/sync-options",
                    "kustomize.toolkit.fluxcd.io/ssa",
                    "reconcile.fluxcd.io/requestedAt",
                    "trueup.dev/rollback",
                ]
            ),
            st.text(max_size=8) | values,
            max_size=3,
        ),
    },
)
statuses = values | st.dictionaries(
    st.sampled_from(["conditions", "history", "sync", "health", "artifact", "operationState", "inventory"]),
    st.lists(st.dictionaries(st.sampled_from(["id", "type", "digest", "revision", "message"]), values), max_size=2)
    | values,
    max_size=4,
)
bodies = st.fixed_dictionaries(
    {"metadata": metadata | values, "spec": specs},
    optional={"status": statuses, "operation": shaped(shape_of(Operation)) | values},
)


@given(st.sampled_from(KINDS), bodies, st.sampled_from(UnitPhase), st.sampled_from(Reason))
@settings(max_examples=400, deadline=None)
def test_an_arbitrary_object_is_translated_and_gets_a_status(
    which: Any, body: dict[str, Any], phase: UnitPhase, reason: Reason
) -> None:
    dialect, kind, version = which
    body = {"apiVersion": f"{kind.group}/{version}", "kind": kind.kind, **body}
    translated = dialect.translate(body, Context(projects={("argocd", "default"): {"spec": body["spec"]}}))
    if translated.unit is not None:
        report = msgspec.structs.replace(RICH, phase=phase, reason=reason)
        written = dialect.unit_status(body, report, NOW)
        if written is not None:
            again = dialect.unit_status(
                {**body, "status": written.status} | dict.fromkeys(written.drop_fields), report, NOW
            )
            assert again is None or again.drop_annotations or again.drop_fields
    for source in translated.sources:
        assert source.spec.url or source.problems
    dialect.source_status(body, SourceReport(fault=Fault.UNREACHABLE, message="gone"), NOW)
    dialect.options(body)
    dialect.ready(body)
    owner_of(body)
    live_options(body)


@given(values)
def test_an_object_that_is_no_object_is_translated(value: Any) -> None:
    for dialect in dialects():
        for kind in dialect.kinds:
            dialect.translate({"kind": kind.kind, "metadata": value, "spec": value}, Context())
