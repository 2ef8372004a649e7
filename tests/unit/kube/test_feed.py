"""A feed stays true whatever breaks between it and the API server."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest

from trueup.kube.cache.informer import ObjectFeed
from trueup.kube.cache.watch import FeedState, Selection


@pytest.fixture
async def feed(client, mapper, fast) -> AsyncIterator[ObjectFeed]:
    made = ObjectFeed(client, mapper, Selection("", "ConfigMap"), pace=fast)
    yield made
    await made.stop()


def names(feed: ObjectFeed) -> set[str]:
    return {name for _, name in feed.items}


async def test_objects_are_listed_then_watched(api, feed, eventually) -> None:
    api.set("a", data={"k": "1"})
    seen: list[tuple[str, object, object]] = []
    feed.subscribe(lambda kind, old, new: seen.append((kind, old and old["data"], new and new["data"])))
    feed.start()
    assert await feed.wait_synced(5)
    assert feed.items["default", "a"]["kind"] == "ConfigMap"
    api.set("a", data={"k": "2"})
    api.set("b", data={})
    api.delete("a")
    await eventually(lambda: names(feed) == {"b"})
    assert seen == [
        ("ADDED", None, {"k": "1"}),
        ("MODIFIED", {"k": "1"}, {"k": "2"}),
        ("ADDED", None, {}),
        ("DELETED", {"k": "2"}, None),
    ]
    assert api.lists == 1


async def test_a_long_list_comes_in_pages(api, feed) -> None:
    for n in range(1203):
        api.set(f"n{n}")
    feed.start()
    assert await feed.wait_synced(10)
    assert len(feed.items) == 1203
    assert api.lists == 3


async def test_a_list_whose_pages_expire_is_read_in_one_piece(api, feed) -> None:
    for n in range(1203):
        api.set(f"n{n}")
    api.expire_pages = True
    feed.start()
    assert await feed.wait_synced(10)
    assert len(feed.items) == 1203
    assert "limit" not in api.list_queries[-1]


async def test_a_list_that_fails_is_unknown_and_never_empty(api, feed, refuse, eventually) -> None:
    api.set("a")
    api.fail_list += [refuse(403, "Forbidden") for _ in range(3)]
    feed.start()
    await eventually(lambda: feed.status is FeedState.UNKNOWN)
    assert not feed.synced.is_set()
    assert "refused" in str(feed.error)
    assert await feed.wait_synced(5)
    assert names(feed) == {"a"}


async def test_a_relist_that_fails_keeps_what_was_known(api, feed, refuse, eventually) -> None:
    api.set("a")
    feed.start()
    assert await feed.wait_synced(5)
    gone: list[str] = []
    feed.subscribe(lambda kind, old, new: gone.append(kind))
    api.set("b")
    await eventually(lambda: names(feed) == {"a", "b"})
    api.version += 1
    api.forget_history()
    api.fail_list += [refuse(500, "InternalError") for _ in range(5)]
    api.cut()
    await eventually(lambda: feed.status is FeedState.UNKNOWN)
    assert names(feed) == {"a", "b"}
    await eventually(lambda: feed.status is FeedState.SYNCED)
    assert gone == ["ADDED"]


async def test_an_expired_watch_relists_and_notices_what_went_meanwhile(api, feed, eventually) -> None:
    api.set("a")
    api.set("b")
    feed.start()
    assert await feed.wait_synced(5)
    await eventually(lambda: api.streams)
    api.delete("a", silently=True)
    api.version += 1
    api.forget_history()
    api.cut()
    await eventually(lambda: names(feed) == {"b"})
    assert feed.synced.is_set()


async def test_an_expiry_told_as_an_event_relists(api, feed, eventually) -> None:
    api.set("a")
    feed.start()
    assert await feed.wait_synced(5)
    await eventually(lambda: api.streams)
    await api.send(
        b'{"type":"ERROR","object":{"kind":"Status","status":"Failure","reason":"Expired","message":"old","code":410}}\n'
    )
    await eventually(lambda: api.lists == 2)
    api.set("b")
    await eventually(lambda: names(feed) == {"a", "b"})


async def test_a_cut_connection_resumes_without_a_whole_list(api, feed, eventually) -> None:
    api.set("a")
    feed.start()
    assert await feed.wait_synced(5)
    await eventually(lambda: api.streams)
    api.cut()
    api.set("b")
    await eventually(lambda: names(feed) == {"a", "b"})
    assert [query["limit"] for query in api.list_queries] == ["500", "1"]


@pytest.mark.parametrize(
    "garbage", [b"<html>\n", b'{"type":"ADDED","object":[]}\n', b'{"type":"NEW","object":{}}\n', b'{"type":"AD\n']
)
async def test_garbage_breaks_the_stream_and_nothing_else(api, feed, eventually, garbage) -> None:
    api.set("a")
    feed.start()
    assert await feed.wait_synced(5)
    await eventually(lambda: api.streams)
    await api.send(garbage)
    await eventually(lambda: api.watches >= 2)
    api.set("b")
    await eventually(lambda: names(feed) == {"a", "b"})


async def test_a_bookmark_moves_the_point_of_resumption(api, feed, eventually) -> None:
    api.set("a")
    feed.start()
    assert await feed.wait_synced(5)
    await eventually(lambda: api.streams)
    api.version += 50
    api.bookmark()
    await eventually(lambda: feed._reflector._resource_version == str(api.version))
    api.forget_history()
    api.cut()
    await eventually(lambda: api.watches >= 2 and api.streams)
    api.set("b")
    await eventually(lambda: names(feed) == {"a", "b"})
    assert [query["limit"] for query in api.list_queries] == ["500", "1"]


async def test_a_throttled_watch_waits_as_long_as_it_was_told(api, feed, refuse, eventually) -> None:
    api.fail_watch.append(refuse(429, "TooManyRequests", {"Retry-After": "1"}))
    feed.start()
    await eventually(lambda: api.watches == 1)
    began = time.monotonic()
    await eventually(lambda: api.watches == 2)
    assert time.monotonic() - began > 0.85


async def test_storage_that_began_anew_is_noticed(api, feed, eventually) -> None:
    api.set("a")
    api.set("b", data={"of": "old"})
    feed.start()
    assert await feed.wait_synced(5)
    await eventually(lambda: api.streams)
    api.objects.clear()
    api.history.clear()
    api.version = 5
    api.set("b", data={"of": "new"})
    api.cut()
    await eventually(lambda: names(feed) == {"b"} and feed.items["default", "b"]["data"] == {"of": "new"})


async def test_an_outage_makes_it_unknown_and_what_comes_back_is_listed(api, feed, eventually) -> None:
    api.set("a")
    feed.start()
    assert await feed.wait_synced(5)
    await api.stop()
    await eventually(lambda: feed.status is FeedState.UNKNOWN)
    assert names(feed) == {"a"}
    # Other storage, whose numbers have passed ours.
    api.objects.clear()
    api.version += 1000
    api.set("c")
    api.history.clear()
    await api.start()
    await eventually(lambda: names(feed) == {"c"} and feed.synced.is_set())


async def test_a_kind_is_waited_for_and_let_go(api, client, mapper, fast, eventually) -> None:
    feed = ObjectFeed(client, mapper, Selection("example.org", "Widget"), pace=fast)
    feed.start()
    try:
        await eventually(lambda: feed.status is FeedState.UNSERVED)
        assert feed.synced.is_set()
        api.widgets = True
        api.set("w", "widgets")
        mapper.invalidate()
        await mapper.learn()
        await eventually(lambda: names(feed) == {"w"})
        assert feed.status is FeedState.SYNCED
        api.widgets = False
        api.cut()
        await eventually(lambda: feed.status is FeedState.UNSERVED)
        assert not feed.items
    finally:
        await feed.stop()


async def test_a_group_that_does_not_answer_is_unknown_not_unserved(api, client, mapper, fast, eventually) -> None:
    api.stale.add("example.org")
    feed = ObjectFeed(client, mapper, Selection("example.org", "Widget"), pace=fast)
    feed.start()
    try:
        await eventually(lambda: feed.status is FeedState.UNKNOWN)
        assert not feed.synced.is_set()
    finally:
        await feed.stop()


async def test_what_a_write_gave_is_not_overwritten_by_an_older_event(api, feed, eventually) -> None:
    old = api.set("a", data={"k": "1"})
    feed.start()
    assert await feed.wait_synced(5)
    newer = {**old, "metadata": {**old["metadata"], "resourceVersion": "900"}, "data": {"k": "9"}}
    feed.put(newer)
    api.set("a", data={"k": "2"})
    api.set("marker")
    await eventually(lambda: "marker" in names(feed))
    assert feed.items["default", "a"]["data"] == {"k": "9"}


async def test_a_subscriber_that_raises_harms_nobody(api, feed, eventually) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a defect")

    seen: list[str] = []
    feed.subscribe(broken)
    feed.subscribe(lambda kind, old, new: seen.append(kind))
    feed.start()
    assert await feed.wait_synced(5)
    api.set("a")
    await eventually(lambda: seen == ["ADDED"])
    assert api.lists == 1
