"""An engine on real clusters, with everything beside sources, renderer and targets in memory."""

from __future__ import annotations

from trueup.core.model.objects import ObjectOptions
from trueup.core.ports import Renderer, Sources, Targets
from trueup.engine.engine import EnginePorts
from trueup.runtime.leadership import SystemClock
from trueup.testing import (
    FakeEventSink,
    FakeFence,
    FakeFinalizers,
    FakeReports,
    FakeStates,
    FakeValues,
    NoCredentials,
)


def ports_of(sources: Sources, renderer: Renderer, targets: Targets, reports: FakeReports) -> EnginePorts:
    return EnginePorts(
        sources=sources,
        credentials=NoCredentials(),
        renderer=renderer,
        targets=targets,
        states=FakeStates(),
        values=FakeValues(),
        reports=reports,
        event_sink=FakeEventSink(),
        finalizers=FakeFinalizers(),
        clock=SystemClock(),
        fence=FakeFence(),
        options_of=lambda unit: lambda body: ObjectOptions(),
        body_of=lambda ref: None,
    )
