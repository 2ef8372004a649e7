"""The live cache against a real API server that is killed, restarted and wiped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from trueup.core.health import Health, HealthStatus
from trueup.core.model.live import Presence
from trueup.core.model.objects import ObjectRef
from trueup.kube.apply import Applier
from trueup.kube.cache.live import LiveCache
from trueup.kube.cache.record import Record, Reduction
from trueup.kube.cache.watch import FeedState
from trueup.kube.crd import DEFINITIONS, DefinitionWatch, ensure_definitions
from trueup.kube.errors import KindUnavailable
from trueup.kube.writes import Apply

MAPS = ("", "ConfigMap")
WIDGETS = ("example.org", "Widget")
US = Apply("us")


@pytest.fixture
async def cache(client, mapper) -> AsyncIterator[LiveCache]:
    definitions = DefinitionWatch(client, mapper)
    definitions.start()
    made = LiveCache(client, mapper, Reduction(lambda body: Health(HealthStatus.HEALTHY), lambda body: {}))
    yield made
    await made.stop()
    await definitions.stop()


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}, "data": data}


async def test_the_answer_of_a_write_and_its_event_give_the_same_seal(client, mapper, cache, eventually) -> None:
    applier = Applier(client, mapper)
    cache.need({MAPS, ("autoscaling", "HorizontalPodAutoscaler")})
    assert not await cache.settled(cache.kinds(), 10)
    scaler = {
        "apiVersion": "autoscaling/v1",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "h", "namespace": "default"},
        "spec": {"maxReplicas": 3, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}},
    }
    for body, version in ((config_map("sealed", a="1"), "v1"), (scaler, "v1")):
        resource = await mapper.find(*(MAPS if body["kind"] == "ConfigMap" else ("autoscaling", body["kind"])), version)
        record = cache.reduce((await applier.apply(resource, body, US)).raw)
        await eventually(lambda record=record: isinstance(cache.get(record.ref), Record))
        assert cache.get(record.ref).managed_digest("us") == record.managed_digest("us") != ""
    before = cache.get(ObjectRef(*MAPS, "default", "sealed")).managed_digest("us")
    maps = await mapper.find(*MAPS)
    await client.patch(maps, "sealed", "default", {"data": {"a": "2"}})
    await eventually(lambda: cache.get(ObjectRef(*MAPS, "default", "sealed")).managed_digest("us") != before)


async def test_a_definition_is_noticed_when_it_comes_and_when_it_goes(client, mapper, cache, eventually) -> None:
    cache.need({WIDGETS})
    await cache.settled({WIDGETS}, 10)
    assert cache.status(*WIDGETS) is FeedState.UNSERVED
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.org"},
        "spec": {
            "group": "example.org",
            "names": {"kind": "Widget", "plural": "widgets", "singular": "widget", "listKind": "WidgetList"},
            "scope": "Namespaced",
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }
    found = await ensure_definitions(client, [definition], mapper=mapper)
    assert found["widgets.example.org"].ours and found["widgets.example.org"].versions == ("v1",)
    widgets = await mapper.find(*WIDGETS)
    body = {"apiVersion": "example.org/v1", "kind": "Widget", "metadata": {"name": "w", "namespace": "default"}}
    await Applier(client, mapper).apply(widgets, body, US)
    ref = widgets.ref("w", "default")
    await eventually(lambda: isinstance(cache.get(ref), Record))
    await client.delete(DEFINITIONS, "widgets.example.org")
    await eventually(lambda: cache.status(*WIDGETS) is FeedState.UNSERVED)
    assert cache.get(ref) is Presence.UNKNOWN
    await eventually(lambda: mapper.known(*WIDGETS) is None)


async def test_an_aggregated_api_that_is_down_is_unknown(client, mapper, cache, eventually) -> None:
    services = await mapper.find("apiregistration.k8s.io", "APIService")
    body = {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": "v1.dead.example"},
        "spec": {
            "group": "dead.example",
            "version": "v1",
            "groupPriorityMinimum": 1000,
            "versionPriority": 10,
            "insecureSkipTLSVerify": True,
            "service": {"name": "none", "namespace": "default"},
        },
    }
    await Applier(client, mapper).apply(services, body, US)
    try:
        await eventually(lambda: mapper.is_unavailable("dead.example"))
        with pytest.raises(KindUnavailable):
            await mapper.find("dead.example", "Thing")
        cache.need({("dead.example", "Thing")})
        assert await cache.settled({("dead.example", "Thing")}, 10)
        assert cache.status("dead.example", "Thing") is FeedState.UNKNOWN
        assert await mapper.find(*MAPS) is not None
    finally:
        await client.delete(services, "v1.dead.example")


async def test_history_that_was_compacted_away_is_listed_again(plane, client, mapper, eventually) -> None:
    maps = await mapper.find(*MAPS)
    applier = Applier(client, mapper)
    await applier.apply(maps, config_map("compacted", a="0"), US)
    cache = LiveCache(client, mapper, Reduction(lambda body: Health(HealthStatus.HEALTHY), lambda body: {}))
    cache.need({MAPS})
    try:
        await cache.settled({MAPS}, 10)
        reflector = cache._feeds[MAPS].reflector
        # As a watch that was cut off for an hour: what it would resume from is history that the server has dropped.
        await reflector.stop()
        await client.delete(maps, "compacted", "default")
        for n in range(20):
            await applier.apply(maps, config_map("marker", n=str(n)), US)
        plane.compact()
        plane.kill("apiserver")
        plane.start_api()
        await plane.ready()
        lists = reflector._highest
        reflector.start()
        await eventually(lambda: cache.get(maps.ref("compacted", "default")) is Presence.ABSENT)
        assert isinstance(cache.get(maps.ref("marker", "default")), Record)
        assert reflector._highest > lists
    finally:
        await cache.stop()


async def test_a_restarted_and_a_wiped_api_server_leave_the_cache_true(
    plane, client, mapper, cache, eventually
) -> None:
    maps = await mapper.find(*MAPS)
    applier = Applier(client, mapper)
    await asyncio.gather(*(applier.apply(maps, config_map(f"n{n}"), US) for n in range(600)))
    cache.need({MAPS})
    await cache.settled({MAPS}, 10)
    gone: list[ObjectRef] = []
    cache.subscribe(lambda ref, old, new: gone.append(ref) if new is None else None)

    plane.kill("apiserver")
    await eventually(lambda: cache.status(*MAPS) is FeedState.UNKNOWN)
    assert isinstance(cache.get(maps.ref("n1", "default")), Record)
    assert cache.get(maps.ref("never", "default")) is Presence.UNKNOWN
    plane.start_api()
    await plane.ready()
    await eventually(lambda: cache.status(*MAPS) is FeedState.SYNCED)
    assert not gone

    plane.kill("apiserver")
    plane.kill("etcd")
    plane.wipe()
    plane.start_etcd()
    plane.start_api()
    await plane.ready()
    await eventually(lambda: cache.get(maps.ref("n1", "default")) is Presence.ABSENT)
    await applier.apply(maps, config_map("n1"), US)
    await eventually(lambda: isinstance(cache.get(maps.ref("n1", "default")), Record))
