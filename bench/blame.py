"""`python -m bench.blame [--lines N]`: how long it takes to say of every field of a large object who gave it.

The object is a Deployment in a kustomize base with an overlay, in a repository of some hundred commits. It is asked
about twice: with nothing at hand, and again with the repository kept from before.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
import yaml

from bench.process import Driven
from trueup.core.model.objects import ObjectRef
from trueup.devtools.gitserver import GitServer, Repository
from trueup.devtools.localcluster import Cluster
from trueup.kube.client import KubeClient
from trueup.kube.config.connect import default_connection
from trueup.kube.discovery import Mapper
from trueup.kube.writes import Write
from trueup.queries import Blame, blame

URL = "https://git.example.com/large"
COMMITS = 200
PATIENCE = 60.0
OVERLAY = "resources: [../base]\nimages:\n- {name: large, newTag: '2'}\nreplicas:\n- {name: large, count: 0}\n"


class Result(msgspec.Struct):
    """What was measured. Times are in seconds."""

    lines: int
    fields: int
    traced: int
    first_seconds: float
    again_seconds: float


def deployment(lines: int, changed: int) -> str:
    """Write a Deployment of about so many lines; `changed` is the number of the variable that is newest."""
    env = [
        {"name": f"V{number}", "value": f"v{number}-{int(number <= changed)}"} for number in range((lines - 25) // 2)
    ]
    container = {"name": "app", "image": "large", "env": env}
    body: dict[str, Any] = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "large", "namespace": "default"},
        "spec": {
            "selector": {"matchLabels": {"app": "large"}},
            "template": {"metadata": {"labels": {"app": "large"}}, "spec": {"containers": [container]}},
        },
    }
    return yaml.safe_dump(body, sort_keys=False)


async def measured(lines: int) -> Result:
    """Deliver the object, then ask about it."""
    with tempfile.TemporaryDirectory(prefix="trueup-bench-") as name:
        folder = Path(name)
        repository = Repository.create(folder / "git" / "large")
        files = {"base/kustomization.yaml": "resources: [large.yaml]\n", "prod/kustomization.yaml": OVERLAY}
        for number in range(COMMITS):
            repository.commit({**files, "base/large.yaml": deployment(lines, number)}, f"Change {number} (#{number})")
        async with (
            Cluster.start(ephemeral=True, nodes=1) as cluster,
            GitServer(folder / "git") as server,
            KubeClient(default_connection(str(cluster.kubeconfig))) as client,
        ):
            mapper = Mapper(client)
            await mapper.refresh()
            os.environ["TRUEUP_GIT_INSTEAD_OF"] = f"https://git.example.com/={server.url}/"
            os.environ["TRUEUP_GIT_CACHE"] = str(folder / "inspection")
            (folder / "controller").mkdir()
            controller = Driven(
                cluster.kubeconfig,
                folder / "controller",
                {"TRUEUP_GIT_INSTEAD_OF": os.environ["TRUEUP_GIT_INSTEAD_OF"], "TRUEUP_GIT_CACHE": ""},
            )
            await controller.start()
            await mapper.refresh()
            try:
                body = await _delivered(client, mapper, repository.head())
                first, first_seconds = await _asked(client, mapper, body)
                _, again_seconds = await _asked(client, mapper, body)
            finally:
                await controller.stop()
    text = yaml.safe_dump({key: value for key, value in body.items() if key != "status"})
    traced = sum(1 for item in first.fields if item.line)
    return Result(len(text.splitlines()), len(first.fields), traced, first_seconds, again_seconds)


async def _asked(client: KubeClient, mapper: Mapper, body: dict[str, Any]) -> tuple[Blame, float]:
    began = time.monotonic()
    found = await blame(client, mapper, body)
    return found, time.monotonic() - began


async def _delivered(client: KubeClient, mapper: Mapper, commit: str) -> dict[str, Any]:
    """Declare the unit and wait until it delivers the commit; gives the object."""
    source = {"interval": "1s", "url": URL, "ref": {"branch": "main"}}
    unit = {"interval": "5m", "prune": True, "path": "./prod", "sourceRef": {"kind": "GitRepository", "name": "large"}}
    for group, kind, spec in (("source", "GitRepository", source), ("kustomize", "Kustomization", unit)):
        metadata = {"name": "large", "namespace": "default"}
        declared = {"apiVersion": f"{group}.toolkit.fluxcd.io/v1", "kind": kind, "metadata": metadata, "spec": spec}
        await client.server_side_apply(await mapper.of(ObjectRef.of(declared)), declared, Write(manager="bench"))
    deadline = time.monotonic() + PATIENCE
    resource = await mapper.of(ObjectRef("kustomize.toolkit.fluxcd.io", "Kustomization", "default", "large"))
    while time.monotonic() < deadline:
        status = (await client.get(resource, "large", "default")).body.get("status") or {}
        if commit in str(status.get("lastAppliedRevision")):
            target = await mapper.of(ObjectRef("apps", "Deployment", "default", "large"))
            return (await client.get(target, "large", "default")).body
        await asyncio.sleep(0.05)
    raise TimeoutError("the object was not delivered")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench.blame", description=__doc__)
    parser.add_argument("--lines", type=int, default=2000)
    result = asyncio.run(measured(parser.parse_args().lines))
    print(f"blame of an object of {result.lines} lines, {result.fields} fields, {result.traced} traced to a line")
    print(f"  with nothing at hand               {result.first_seconds:12.2f} s")
    print(f"  with its repository at hand        {result.again_seconds:12.2f} s", flush=True)


if __name__ == "__main__":
    main()
