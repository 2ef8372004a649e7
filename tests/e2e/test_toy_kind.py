"""A kind that one module and one line of the registry add is delivered, healed, shown and measured like any other."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client import generate_latest

from support.e2e import condition, repository, world
from support.toykind import GROUP, KIND, Toys
from trueup.core.model.objects import Body
from trueup.devtools.localcluster import Cluster
from trueup.dialects import registry
from trueup.dialects.source_summary import origin
from trueup.dialects.status_summary import standing
from trueup.queries.objects import Objects

MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: toy}}\ndata: {{value: '{}'}}\n"
TOY = """apiVersion: toys.example.com/v1
kind: Toy
metadata: {name: bear, namespace: default}
spec: {repository: toys, path: shelf}
"""


def value(body: Body | None) -> str:
    return body["data"]["value"] if body is not None else ""


async def test_a_kind_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "FACTORIES", [*registry.FACTORIES, lambda home, by_label: Toys(home)])
    async with Cluster.start(ephemeral=True, nodes=0) as cluster, world(cluster, tmp_path) as place:
        git = place.repository("team/toys", {"shelf/map.yaml": MAP.format(1)})
        await place.apply(repository("toys", "https://github.com/team/toys", namespace="default"))
        await place.apply(TOY)
        await place.until(
            (GROUP, KIND), "default", "bear", lambda body: condition(body, "Ready").get("status") == "True"
        )
        git.commit({"shelf/map.yaml": MAP.format(2)}, "two")
        await place.until(("", "ConfigMap"), "default", "toy", lambda body: value(body) == "2")
        await place.patch(("", "ConfigMap"), "default", "toy", {"data": {"value": "by hand"}})
        await place.until(("", "ConfigMap"), "default", "toy", lambda body: value(body) == "2")
        await place.settled()
        objects = Objects(place.client, place.mapper)
        body = await objects.unit("ty/bear")
        assert standing(body).ready == "True"
        assert origin(body).changed == ""
        assert (await objects.state(place.session().engine.registry.all()[0].ref)).inventory.entries
        text = generate_latest(place.controller.metrics.registry).decode()
        assert 'toy_info{name="bear",url="https://github.com/team/toys"} 1.0' in text
