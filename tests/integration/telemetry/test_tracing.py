"""With OTEL_EXPORTER_OTLP_ENDPOINT set each sync is a trace with its stages; without it nothing is even imported."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import msgspec
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.unit.telemetry.test_measuring import NOW, ks, record

from support.listener import listening
from trueup.core.model.deployment_record import Ending, StepTiming
from trueup.core.model.events import SyncEnded
from trueup.telemetry.tracing import traced


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    yield


async def test_a_sync_is_a_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = (StepTiming("find_inputs", 0.1), StepTiming("write", 0.5))
    done = msgspec.structs.replace(record(ks("web"), Ending.RETURNED), steps=steps, revision="main@sha1:aa")
    async with listening() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        async with traced() as journals:
            for journal in journals:
                journal.publish(SyncEnded(ks("web"), done))
        heard = await collector.until(lambda heard: bool(heard))
    assert heard[0].path == "/v1/traces"
    request = ExportTraceServiceRequest.FromString(heard[0].body)
    spans = [span for item in request.resource_spans for scope in item.scope_spans for span in scope.spans]
    root = next(span for span in spans if not span.parent_span_id)
    assert {span.name for span in spans} == {"sync Kustomization", "find_inputs", "write"}
    assert all(span.parent_span_id == root.span_id for span in spans if span is not root)
    attributes = {item.key: item.value.string_value for item in root.attributes}
    assert attributes["trueup.ending"] == "returned" and root.status.code == 2
    assert root.start_time_unix_nano == int(NOW.timestamp() * 1e9)


async def test_nothing_is_traced_unless_asked_for() -> None:
    async with traced() as journals:
        assert journals == ()
    code = (
        "import sys, trueup.runtime.controller; sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
