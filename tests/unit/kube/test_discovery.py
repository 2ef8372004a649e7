"""Discovery: what is served, what is not, and what nobody can tell."""

from __future__ import annotations

import pytest

from trueup.core.model.objects import ObjectRef
from trueup.kube.discovery import Mapper
from trueup.kube.errors import KindNotServed, KindUnavailable


async def test_a_kind_is_found_and_then_known_without_asking(api, mapper) -> None:
    assert mapper.known("", "ConfigMap") is None
    found = await mapper.find("", "ConfigMap")
    assert found is not None and found.path("a", "ns") == "/api/v1/namespaces/ns/configmaps/a"
    assert mapper.known("", "ConfigMap") == found
    await mapper.find("", "ConfigMap")
    assert api.discoveries == 1
    assert mapper.kube_version == "v1.37.2"
    assert mapper.capabilities().api_versions == ("v1", "v1/ConfigMap")


async def test_an_unknown_kind_has_it_look_again_but_not_at_once(api, client) -> None:
    now = [100.0]
    mapper = Mapper(client, clock=lambda: now[0])
    assert await mapper.find("example.org", "Widget") is None
    api.widgets = True
    assert await mapper.find("example.org", "Widget") is None
    assert api.discoveries == 1
    now[0] += 3
    assert await mapper.find("example.org", "Widget") is not None
    assert api.discoveries == 2


async def test_an_invalidated_mapper_looks_again_and_tells_of_changes(api, mapper) -> None:
    await mapper.refresh()
    told: list[int] = []
    mapper.on_change(lambda: told.append(1))
    mapper.invalidate()
    await mapper.learn()
    assert not told
    api.widgets = True
    mapper.invalidate()
    assert await mapper.find("example.org", "Widget") is not None
    assert told == [1]


async def test_a_silent_api_is_unavailable_and_its_kinds_stay_known(api, mapper) -> None:
    api.widgets = True
    before = await mapper.find("example.org", "Widget")
    capabilities = mapper.capabilities()
    api.widgets, api.stale = False, {"example.org"}
    await mapper.refresh()
    assert mapper.unavailable == {("example.org", "v1")}
    assert mapper.known("example.org", "Widget") == before
    assert mapper.capabilities() == capabilities


async def test_a_kind_never_seen_of_a_silent_api_is_not_said_to_be_missing(api, mapper) -> None:
    api.stale = {"example.org"}
    with pytest.raises(KindUnavailable):
        await mapper.find("example.org", "Widget")


async def test_the_error_for_a_kind_that_is_not_served_says_what_to_do(mapper) -> None:
    with pytest.raises(KindNotServed, match=r"no Widget\.example\.org: is its CustomResourceDefinition applied"):
        await mapper.of(ObjectRef("example.org", "Widget", "default", "w"))
    with pytest.raises(KindNotServed, match=r"it serves it as v1:"):
        await mapper.of(ObjectRef("", "ConfigMap", "default", "w"), "v9")
