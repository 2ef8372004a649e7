"""The wall of renders: charts that only cost time delay each other, and nobody else."""

from __future__ import annotations

import asyncio

import yaml

from support.e2e import APPLICATION, KUSTOMIZATION, World, application, kustomization, ready, repository, told

COSTLY = """{{- $x := dict "n" 0 }}
{{- range $i := until 60000 }}{{- range $j := until 60000 }}
{{- $_ := set $x "n" (add 1 (get $x "n")) }}
{{- end }}{{- end }}
apiVersion: v1
kind: ConfigMap
metadata: {name: costly}
data: {n: "{{ get $x "n" }}"}
"""
MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: beside}}\ndata: {{v: '{}'}}\n"
ATTACKERS = 6


async def test_six_charts_that_only_cost_time(world: World) -> None:
    chart = "apiVersion: v2\nname: costly\nversion: 1.0.0\n"
    world.repository("team/costly", {"app/Chart.yaml": chart, "app/templates/x.yaml": COSTLY})
    beside = world.repository("team/beside", {"app/map.yaml": MAP.format(0)})
    await world.apply(repository("beside", "https://github.com/team/beside"))
    await world.apply(kustomization("beside", "./app", "beside", targetNamespace="default"))
    await world.until(KUSTOMIZATION, "flux-system", "beside", ready)
    for number in range(ATTACKERS):
        body = yaml.safe_load(application(f"costly-{number}", "https://github.com/team/costly", "app", "default"))
        body["spec"]["source"]["helm"] = {"releaseName": f"costly-{number}"}
        await world.apply(yaml.safe_dump(body))
    clock = asyncio.get_running_loop().time
    took = []
    for number in range(1, 5):
        commit = beside.commit({"app/map.yaml": MAP.format(number)}, "more")
        began = clock()
        await world.until(KUSTOMIZATION, "flux-system", "beside", lambda body, it=commit: ready(body, it))
        took.append(clock() - began)
    # The first of them may wait until those that are new to us have shown that they take long.
    assert max(took) < 100.0 and min(took) < 40.0, took
    await world.until(APPLICATION, "argocd", "costly-0", lambda body: "longer than 60 s" in told(body))
    for number in range(ATTACKERS):
        await world.delete(APPLICATION, "argocd", f"costly-{number}")
