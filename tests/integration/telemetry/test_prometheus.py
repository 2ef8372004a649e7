"""What is scraped is what Prometheus takes, and dashboards and rules ask for what there is."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import subprocess
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import aiohttp
from tests.unit.telemetry.test_measuring import GOOD, NOW, app, ks, record

from support.prometheus import program
from trueup.api.metrics import metrics_routes
from trueup.api.server import serving
from trueup.core.model.deployment_record import StepTiming
from trueup.core.model.events import ReconcileEnded, SourcePolled, SyncEnded, UnitChanged
from trueup.core.model.git import GitSpec
from trueup.core.model.recipe import Capabilities
from trueup.core.model.unit import SourceDeclaration
from trueup.dialects.metrics import source_observed, source_series, unit_observed, unit_series
from trueup.history import HistoryEventSink
from trueup.runtime.gauges import history_gauges, leader_gauges
from trueup.telemetry import Gauge, Metrics

ROOT = Path(__file__).parents[3]
RULES = ROOT / "deploy" / "prometheus" / "rules.yaml"
DASHBOARD = ROOT / "deploy" / "grafana" / "trueup.json"


def outside() -> tuple[Gauge, ...]:
    """Give the gauges of other rooms as the controller registers them, over stand-ins for what they read."""
    queue = SimpleNamespace(waiting=lambda: 1)
    engine = SimpleNamespace(queue=queue, source_controller=SimpleNamespace(queue=queue))
    target = SimpleNamespace(capabilities=lambda: Capabilities("v1.37.2"))
    journal = HistoryEventSink(SimpleNamespace(size=7), SimpleNamespace())
    delivered = Counter({("slack", "delivered"): 2})
    return history_gauges(journal) + leader_gauges(engine, delivered, SimpleNamespace(renders=1), target)


def filled() -> Metrics:
    metrics = Metrics(unit_series, source_series, unit_observed=unit_observed, source_observed=source_observed)
    metrics.add(*outside())
    for unit in (app("web"), ks("web")):
        metrics.publish(UnitChanged(unit, None, GOOD, NOW))
        metrics.publish(ReconcileEnded(unit, "main", "id", NOW, (StepTiming("write", 0.1),), GOOD))
        metrics.publish(SyncEnded(unit, record(unit)))
    declaration = SourceDeclaration(ks("web").source, "u", 1, GitSpec("https://git/shop"))
    metrics.publish(SourcePolled(declaration, NOW, 0.1))
    metrics.requested("get", 200, 0.01)
    return metrics


async def scraped(url: str, accept: str = "") -> tuple[str, str]:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics", headers={"Accept": accept}) as answer:
        assert answer.status == 200
        return await answer.text(), answer.headers["Content-Type"]


async def test_promtool_finds_nothing_to_complain_of() -> None:
    promtool = program("promtool")
    async with serving("127.0.0.1:0", metrics_routes(filled().registry)) as url:
        text, _ = await scraped(url)
        done = await asyncio.to_thread(
            subprocess.run, [promtool, "check", "metrics"], input=text, capture_output=True, text=True
        )
        _, kind = await scraped(url, "application/openmetrics-text; version=1.0.0")
    # Upstream's own names are what they are; of ours, none may be complained of.
    ours = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("trueup_")]
    assert ours == [] and "error" not in done.stderr.lower(), done.stderr
    assert kind.startswith("application/openmetrics-text")


def test_the_rules_are_well_formed() -> None:
    done = subprocess.run([program("promtool"), "check", "rules", str(RULES)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


async def test_dashboard_rules_and_docs_name_what_there_is() -> None:
    async with serving("127.0.0.1:0", metrics_routes(filled().registry)) as url:
        text, _ = await scraped(url)
    there = set(re.findall(r"^([a-z_]+)(?:\{| )", text, re.MULTILINE))
    word = re.compile(r"\b((?:trueup|argocd|gotk|controller_runtime|process)_[a-z_]+)\b")
    source_observed = set(word.findall(" ".join(_expressions(json.loads(DASHBOARD.read_text()))))) | set(
        word.findall(" ".join(re.findall(r"expr: .*|^ {10,}.*", RULES.read_text(), re.MULTILINE)))
    )
    assert source_observed and source_observed <= there, source_observed - there
    documented = set(re.findall(r"`([a-z_]+)`", (ROOT / "docs" / "metrics.md").read_text()))
    families = set(re.findall(r"^# TYPE ([a-z_]+) ", text, re.MULTILINE))
    created = {name for name in families if name.endswith("_created") or name.startswith("process_")}
    assert families - created <= documented, families - created - documented


def _expressions(dashboard: object) -> list[str]:
    if isinstance(dashboard, dict):
        own = [dashboard["expr"]] if isinstance(dashboard.get("expr"), str) else []
        return own + [text for value in dashboard.values() for text in _expressions(value)]
    return [text for value in dashboard for text in _expressions(value)] if isinstance(dashboard, list) else []


async def test_prometheus_scrapes_us(tmp_path: Path) -> None:
    prometheus = program("prometheus")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    async with serving("127.0.0.1:0", metrics_routes(filled().registry)) as url:
        config = {
            "global": {"scrape_interval": "1s"},
            "rule_files": [str(RULES)],
            "scrape_configs": [{"job_name": "trueup", "static_configs": [{"targets": [url.removeprefix("http://")]}]}],
        }
        (tmp_path / "prometheus.yml").write_text(json.dumps(config))
        process = await asyncio.create_subprocess_exec(
            prometheus,
            f"--config.file={tmp_path / 'prometheus.yml'}",
            f"--storage.tsdb.path={tmp_path / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            found = await _source_observed(port, 'argocd_app_info{sync_status="Synced"}')
            assert found[0]["metric"]["name"] == "web"
        finally:
            process.terminate()
            await process.wait()


async def _source_observed(port: int, query: str) -> list[dict[str, dict[str, str]]]:
    deadline = time.monotonic() + 120
    async with aiohttp.ClientSession() as session:
        while time.monotonic() < deadline:
            try:
                async with session.get(f"http://127.0.0.1:{port}/api/v1/query", params={"query": query}) as answer:
                    result: list[dict[str, dict[str, str]]] = (await answer.json())["data"]["result"]
                    if result:
                        return result
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.2)
    raise AssertionError(f"Prometheus has nothing for {query}")


async def test_a_scrape_of_a_thousand_units_is_quick() -> None:
    metrics = Metrics(unit_series, source_series, unit_observed=unit_observed, source_observed=source_observed)
    for number in range(1000):
        metrics.publish(UnitChanged(app(f"app-{number}"), None, GOOD, NOW))
    async with serving("127.0.0.1:0", metrics_routes(metrics.registry)) as url:
        began = time.monotonic()
        text, _ = await scraped(url)
        print(f"scrape of 1000 units: {1000 * (time.monotonic() - began):.0f} ms, {len(text) // 1024} KiB")
    assert text.count("argocd_app_info{") == 1000
