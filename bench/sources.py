"""`python -m bench.sources [--units N]`: Applications of three sources on one repository; what a commit renders."""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Iterator
from typing import Any

from bench.__main__ import standing
from bench.measuring import Bench
from bench.process import Driven
from trueup.core.model.objects import ObjectRef

URL = "https://git.example.com/bench"
HOME = "argocd"
CHART = {
    "chart/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "chart/templates/map.yaml": (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Release.Name }}'}\n"
        "data: {value: '{{ .Values.value }}'}\n"
    ),
}


def values(number: int, value: str = "1") -> dict[str, str]:
    """Give a unit's value file."""
    return {f"values/app-{number}.yaml": f"value: {value}\n"}


def plain(number: int, value: str = "1") -> dict[str, str]:
    """Give a unit's plain file."""
    text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: plain-{number}}}\ndata: {{value: '{value}'}}\n"
    return {f"plain/{number}/map.yaml": text}


def applications(count: int) -> Iterator[dict[str, Any]]:
    """Give the Applications: values, then the chart that uses them, then plain files."""
    for number in range(count):
        sources: list[dict[str, Any]] = [
            {"repoURL": URL, "targetRevision": "main", "ref": "values"},
            {"repoURL": URL, "targetRevision": "main", "path": "chart"},
            {"repoURL": URL, "targetRevision": "main", "path": f"plain/{number}"},
        ]
        sources[1]["helm"] = {"valueFiles": [f"$values/values/app-{number}.yaml"]}
        yield {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": f"app-{number}", "namespace": HOME},
            "spec": {
                "project": "default",
                "sources": sources,
                "destination": {"server": "https://kubernetes.default.svc", "namespace": "bench"},
                "syncPolicy": {"automated": {}, "syncOptions": ["CreateNamespace=true"]},
            },
        }


async def shown(bench: Bench, units: int, head: str) -> None:
    """Wait until all are synced at a commit."""
    resource = await bench.mapper.of(ObjectRef("argoproj.io", "Application", HOME, "app-0"))
    while True:
        listed = (await bench.client.list_all(resource, HOME)).items
        syncs = [(body.get("status") or {}).get("sync") or {} for body in listed]
        if sum(one.get("status") == "Synced" and one.get("revisions") == [head] * 3 for one in syncs) == units:
            return
        await asyncio.sleep(0.2)


async def measured(units: int) -> None:
    """Measure, and print."""
    async with standing(1) as (bench, controller):
        files = dict(CHART)
        for number in range(units):
            files |= values(number) | plain(number)
        head = bench.repository.commit(files, "Deliver everything")
        await controller.start()
        await bench.mapper.refresh()
        await bench.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": HOME}})
        began = time.monotonic()
        for body in applications(units):
            await bench.apply(body)
        await shown(bench, units, head)
        renders = (await controller.told())["renders"]
        print(f"N = {units} Applications of three sources on one repository")
        print(f"  {'cold until all are Synced':<34} {time.monotonic() - began:8.2f} s   {renders} renders", flush=True)
        chart = {"chart/values.yaml": "other: 1\n"}
        for name, commit in (
            ("a commit in one value file", values(units // 2, "2")),
            ("a commit in one plain folder", plain(units // 2, "2")),
            ("a commit that touches none", {"README.md": "words\n"}),
            ("a commit in the chart of all", chart),
        ):
            await _commit(bench, controller, units, name, commit)


async def _commit(bench: Bench, controller: Driven, units: int, name: str, commit: dict[str, str]) -> None:
    before, began = (await controller.told())["renders"], time.monotonic()
    head = bench.repository.commit(commit, name)
    resource = await bench.mapper.of(ObjectRef("argoproj.io", "Application", HOME, "app-0"))
    refresh = {"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}}
    await bench.client.patch(resource, "app-0", HOME, refresh)
    await shown(bench, units, head)
    renders = (await controller.told())["renders"] - before
    print(f"  {name:<34} {time.monotonic() - began:8.2f} s   {renders} renders", flush=True)


def main() -> None:
    """Read the options, and measure."""
    parser = argparse.ArgumentParser(prog="bench.sources", description=__doc__)
    parser.add_argument("--units", type=int, default=100)
    asyncio.run(measured(parser.parse_args().units))


if __name__ == "__main__":
    main()
