"""The live cache: little is kept of each object, changes of that are told, and nothing missing is made up."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from trueup.core.health import Health, HealthStatus
from trueup.core.model.live import Presence
from trueup.core.model.objects import ObjectRef
from trueup.kube.cache.live import LiveCache
from trueup.kube.cache.record import Record, Reduction
from trueup.kube.cache.watch import FeedState

MAPS = ("", "ConfigMap")
WIDGETS = ("example.org", "Widget")


def ref(name: str) -> ObjectRef:
    return ObjectRef("", "ConfigMap", "default", name)


def managed(manager: str, *keys: str) -> dict[str, object]:
    return {
        "manager": manager,
        "operation": "Apply",
        "apiVersion": "v1",
        "fieldsV1": {"f:data": {f"f:{key}": {} for key in keys}},
    }


def assess(body) -> Health:
    if body.get("data", {}).get("break"):
        raise ValueError("an odd object")
    return Health(HealthStatus(body.get("data", {}).get("health", "Healthy")))


def marks(body) -> dict[str, str]:
    labels = body["metadata"].get("labels") or {}
    return {key: value for key, value in labels.items() if key == "unit"}


@pytest.fixture
async def cache(client, mapper, fast) -> AsyncIterator[LiveCache]:
    made = LiveCache(
        client, mapper, Reduction(assess, marks, {MAPS: lambda body: body.get("spot")}), pace=fast, linger=0.05
    )
    yield made
    await made.stop()


@pytest.fixture
def told(cache) -> list[tuple[str, Record | None, Record | None]]:
    seen: list[tuple[str, Record | None, Record | None]] = []
    cache.subscribe(lambda ref, old, new: seen.append((ref.name, old, new)))
    return seen


async def test_a_record_has_what_deciding_needs(api, cache) -> None:
    api.set(
        "a",
        data={"mine": "1", "theirs": "2"},
        spot=7,
        metadata={
            "generation": 4,
            "labels": {"unit": "u", "noise": "n"},
            "managedFields": [managed("us", "mine"), managed("them", "theirs")],
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "uid": "ru"}],
        },
    )
    cache.need({MAPS})
    assert await cache.settled({MAPS}, 5) == frozenset()
    record = cache.get(ref("a"))
    assert isinstance(record, Record)
    assert (record.version, record.generation, record.resource_version) == ("v1", 4, api.version)
    assert record.marks == {"unit": "u"}
    assert record.extra == 7
    assert record.managed_digest("us") and record.managed_digest("us") != record.managed_digest("them")
    assert record.managed_digest("nobody") == ""
    assert cache.children("ru") == {ref("a")}


async def test_what_is_not_listed_is_unknown_and_what_is_not_there_absent(api, cache, refuse) -> None:
    assert cache.get(ref("a")) is Presence.UNKNOWN
    cache.need({MAPS})
    assert cache.get(ref("a")) is Presence.UNKNOWN
    assert await cache.settled({MAPS}, 5) == frozenset()
    assert cache.get(ref("a")) is Presence.ABSENT


async def test_a_list_that_fails_leaves_the_kind_unknown(api, cache, refuse) -> None:
    api.fail_list += [refuse(403, "Forbidden") for _ in range(200)]
    cache.need({MAPS})
    assert await cache.settled({MAPS}, 5) == {MAPS}
    assert cache.get(ref("a")) is Presence.UNKNOWN
    assert cache.status(*MAPS) is FeedState.UNKNOWN
    assert "refused" in str(cache.error(*MAPS))


async def test_a_kind_that_is_not_served_is_unknown_of_its_objects(cache) -> None:
    cache.need({WIDGETS})
    assert await cache.settled({WIDGETS}, 5) == frozenset()
    assert cache.status(*WIDGETS) is FeedState.UNSERVED
    assert cache.get(ObjectRef("example.org", "Widget", "default", "w")) is Presence.UNKNOWN


async def test_only_changes_of_what_is_kept_are_told(api, cache, told, eventually) -> None:
    entries = [managed("us", "mine"), managed("them", "theirs")]
    api.set("a", data={"mine": "1", "theirs": "1"}, metadata={"managedFields": entries})
    cache.need({MAPS})
    await cache.settled({MAPS}, 5)
    told.clear()
    one = [managed("us", "mine")]
    api.set("b", data={"mine": "1"}, metadata={"managedFields": one})
    api.set("b", data={"mine": "1", "noise": "x"}, metadata={"managedFields": one})
    api.set("b", data={"mine": "2", "noise": "y"}, metadata={"managedFields": one})
    api.set("b", data={"mine": "2", "health": "Degraded"}, metadata={"managedFields": one})
    api.delete("b")
    await eventually(lambda: told and told[-1][2] is None)
    assert [(name, old is None, new is None) for name, old, new in told] == [
        ("b", True, False),
        ("b", False, False),
        ("b", False, False),
        ("b", False, True),
    ]
    assert told[1][1].managed_digest("us") != told[1][2].managed_digest("us")
    assert told[2][2].health.status is HealthStatus.DEGRADED


async def test_the_values_of_others_never_count(api, cache, told, eventually) -> None:
    entries = [managed("us", "mine"), managed("them", "theirs")]
    api.set("a", data={"mine": "1", "theirs": "1"}, metadata={"managedFields": [entries[0]]})
    cache.need({MAPS})
    await cache.settled({MAPS}, 5)
    before = cache.get(ref("a")).managed_digest("us")
    api.set("a", data={"mine": "1", "theirs": "2"}, metadata={"managedFields": entries})
    await eventually(lambda: cache.get(ref("a")).resource_version == api.version)
    assert cache.get(ref("a")).managed_digest("us") == before


async def test_a_write_of_ours_is_known_at_once_and_no_older_event_overwrites_it(api, cache, told, eventually) -> None:
    old = api.set("a", data={"health": "Healthy"})
    cache.need({MAPS})
    await cache.settled({MAPS}, 5)
    newer = {**old, "metadata": {**old["metadata"], "resourceVersion": "900"}, "data": {"health": "Degraded"}}
    cache.put(cache.reduce(json.dumps(newer).encode()))
    api.set("a", data={"health": "Suspended"})
    api.set("marker")
    await eventually(lambda: isinstance(cache.get(ref("marker")), Record))
    assert cache.get(ref("a")).health.status is HealthStatus.DEGRADED


async def test_a_dropped_object_stays_gone_for_older_events_and_returns_for_newer(api, cache, eventually) -> None:
    api.set("a")
    cache.need({MAPS})
    await cache.settled({MAPS}, 5)
    cache.drop(ref("a"), api.version + 2)
    assert cache.get(ref("a")) is Presence.ABSENT
    api.set("a", data={"n": "1"})
    api.set("marker")
    await eventually(lambda: isinstance(cache.get(ref("marker")), Record))
    assert cache.get(ref("a")) is Presence.ABSENT
    api.set("a", data={"n": "2"})
    await eventually(lambda: isinstance(cache.get(ref("a")), Record))


async def test_an_answer_that_comes_after_the_news_of_a_deletion_brings_nothing_back(api, cache, eventually) -> None:
    made = api.set("a")
    cache.need({MAPS})
    await cache.settled({MAPS}, 5)
    late = cache.reduce(json.dumps({**made, "apiVersion": "v1", "kind": "ConfigMap"}).encode())
    api.delete("a")
    await eventually(lambda: cache.get(ref("a")) is Presence.ABSENT)
    cache.put(late)
    assert cache.get(ref("a")) is Presence.ABSENT
    api.set("a")
    await eventually(lambda: isinstance(cache.get(ref("a")), Record))


async def test_only_so_many_deletions_are_remembered(cache, monkeypatch) -> None:
    monkeypatch.setattr("trueup.kube.cache.live._GONE_KEPT", 3)
    cache.need({MAPS})
    await cache.settled({MAPS}, 5)
    for number in range(9):
        cache.drop(ref(f"n{number}"), 700)
    assert len(cache._feeds[MAPS]._gone) == 3


async def test_a_write_during_a_list_survives_it(cache, mapper) -> None:
    cache.need({MAPS})
    await cache.settled({MAPS}, 5)
    resource = await mapper.find(*MAPS)
    feed = cache._feeds[MAPS]
    feed.begin_list("500", False)
    made = {"metadata": {"name": "a", "namespace": "default", "uid": "u", "resourceVersion": "501"}}
    feed.put(cache._reduce(json.dumps(made).encode(), resource))
    feed.end_list()
    assert isinstance(cache.get(ref("a")), Record)
    feed.begin_list("502", False)
    feed.end_list()
    assert cache.get(ref("a")) is Presence.ABSENT


async def test_one_odd_object_does_not_hide_the_others(api, cache) -> None:
    api.set("odd", data={"break": "1"})
    api.set("a")
    cache.need({MAPS})
    assert await cache.settled({MAPS}, 5) == frozenset()
    assert cache.get(ref("odd")).health.status is HealthStatus.UNKNOWN
    assert cache.get(ref("a")).health.status is HealthStatus.HEALTHY


async def test_a_removed_definition_makes_its_objects_unknown(api, cache, mapper, eventually) -> None:
    api.widgets = True
    api.set("w", "widgets")
    widget = ObjectRef("example.org", "Widget", "default", "w")
    cache.need({WIDGETS})
    await cache.settled({WIDGETS}, 5)
    assert isinstance(cache.get(widget), Record)
    api.widgets = False
    api.cut()
    await eventually(lambda: cache.status(*WIDGETS) is FeedState.UNSERVED)
    assert cache.get(widget) is Presence.UNKNOWN


async def test_kinds_that_nobody_needs_are_let_go_after_a_while(api, cache, eventually) -> None:
    cache.need({MAPS, WIDGETS}, "one")
    cache.need({MAPS}, "two")
    cache.release("one")
    await eventually(lambda: cache.kinds() == {MAPS})
    cache.need({WIDGETS}, "two")
    assert cache.kinds() == {MAPS, WIDGETS}
    cache.need({MAPS}, "two")
    await eventually(lambda: cache.kinds() == {MAPS})


async def test_kinds_let_go_and_a_stopped_cache_report_no_deletions(api, cache, told, eventually) -> None:
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "pu"}
    api.set("a", metadata={"ownerReferences": [owner]})
    cache.need({MAPS}, "one")
    await cache.settled({MAPS}, 5)
    assert cache.children("pu") == {ref("a")}
    cache.release("one")
    await eventually(lambda: not cache.kinds() and not cache.children("pu"))
    assert cache.get(ref("a")) is Presence.UNKNOWN
    cache.need({MAPS})
    await cache.settled({MAPS}, 5)
    await cache.stop()
    assert [new for _, _, new in told if new is None] == []


async def test_a_quiet_cache_asks_nothing(api, cache, eventually) -> None:
    for n in range(50):
        api.set(f"n{n}")
    cache.need({MAPS})
    await cache.settled({MAPS}, 5)
    await eventually(lambda: api.watches == 1)
    for n in range(50):
        api.set(f"n{n}", data={"n": "2"})
    await eventually(lambda: cache.get(ref("n49")).resource_version == api.version)
    assert (api.lists, api.watches, api.discoveries) == (1, 1, 1)
