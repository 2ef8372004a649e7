"""The wall of words: no value of a Secret is in any status, event, log, metric, record, or answer of a command."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
import yaml

from support.commands import run_trueup
from support.e2e import (
    APPLICATION,
    KUSTOMIZATION,
    REPOSITORY,
    World,
    application,
    condition,
    kustomization,
    repository,
    told,
)
from trueup.core.model.objects import Body
from trueup.queries import explanation

CANARY = "CANARY77"
NUMBER = 990011223344
COMMANDS_AT_ONCE = 3


def secret(**fields: Any) -> str:
    """Write a Secret whose fields are as given, right or wrong."""
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key"}, **fields}
    return yaml.safe_dump(body)


def kustomized(text: str, **files: str) -> dict[str, str]:
    return {"app/kustomization.yaml": text, **{f"app/{name}": content for name, content in files.items()}}


def chart(template: str, **files: str) -> dict[str, str]:
    """Write a chart with one template; a Kustomization inflates none, so an Application delivers it."""
    whole = "apiVersion: v2\nname: app\nversion: 1.0.0\n"
    return {
        "app/Chart.yaml": whole,
        "app/templates/one.yaml": template,
        **{f"app/{name.replace('_', '.')}": content for name, content in files.items()},
    }


PLAIN = "apiVersion: v1\nkind: Secret\nmetadata: {name: key}\nstringData: {password: CANARY77}\n"
BAD: dict[str, dict[str, str]] = {
    "a number in data": {"app/s.yaml": secret(data={"p": NUMBER})},
    "a number in stringData": {"app/s.yaml": secret(stringData={"p": NUMBER})},
    "a mapping in stringData": {"app/s.yaml": secret(stringData={"p": {"in": CANARY}})},
    "a mapping in data": {"app/s.yaml": secret(data={"p": {CANARY: CANARY}})},
    "a list in data": {"app/s.yaml": secret(data={"p": [CANARY]})},
    "a list in stringData": {"app/s.yaml": secret(stringData=[CANARY])},
    "a text for stringData": {"app/s.yaml": secret(stringData=CANARY)},
    "a text for data": {"app/s.yaml": secret(data=CANARY)},
    "no base64 in data": {"app/s.yaml": secret(data={"p": f"{CANARY}!"})},
    "a type that is no text": {"app/s.yaml": secret(type=[CANARY], stringData={"p": CANARY})},
    "a value in the wrong place": {"app/s.yaml": secret(password=CANARY)},
    "dockerconfigjson that is none": {
        "app/s.yaml": secret(type="kubernetes.io/dockerconfigjson", stringData={".dockerconfigjson": f'{{"{CANARY}'})
    },
    "a TLS key that is none": {
        "app/s.yaml": secret(type="kubernetes.io/tls", stringData={"tls.crt": CANARY, "tls.wrong": CANARY})
    },
    "an annotation that is no text": {
        "app/s.yaml": secret(stringData={"p": CANARY}) + "  annotations: {a: 1}\n".replace("  ", "")
    },
    "broken YAML beside a password": {"app/s.yaml": f"{PLAIN}  other: 'not closed {CANARY}\n more: {CANARY}\n"},
    "a tab beside a password": {"app/s.yaml": f"{PLAIN}\tother: {CANARY}\n"},
    "a literal without a sign": kustomized(f"secretGenerator: [{{name: g, literals: [{CANARY}]}}]\n"),
    "a list of literals that is a text": kustomized(f"secretGenerator: [{{name: g, literals: {CANARY}}}]\n"),
    "a line of an env file": kustomized(
        "secretGenerator: [{name: g, envs: [e.env]}]\n", **{"e.env": f"={CANARY}\n{CANARY} x\n"}
    ),
    "a file of a generator that is not there": kustomized(
        f"secretGenerator: [{{name: g, files: ['{CANARY}=/nowhere']}}]\n"
    ),
    "a patch of a Secret that is not there": kustomized(
        "resources: [s.yaml]\npatches:\n- patch: |\n"
        f"    apiVersion: v1\n    kind: Secret\n    metadata: {{name: other}}\n    stringData: {{p: {CANARY}}}\n",
        **{"s.yaml": secret(stringData={"a": "b"})},
    ),
    "a patch that is no YAML": kustomized(
        f"resources: [s.yaml]\npatches:\n- target: {{kind: Secret}}\n  patch: 'p: [{CANARY}'\n",
        **{"s.yaml": secret(stringData={"a": "b"})},
    ),
    "a JSON patch of what is not there": kustomized(
        "resources: [s.yaml]\npatches:\n- target: {kind: Secret}\n"
        f'  patch: \'[{{"op": "replace", "path": "/stringData/x/y", "value": "{CANARY}"}}]\'\n',
        **{"s.yaml": secret(stringData={"a": "b"})},
    ),
    "a replacement of a Secret": kustomized(
        "resources: [s.yaml]\nreplacements:\n- source: {kind: Secret, name: key, fieldPath: stringData.p}\n"
        "  targets: [{select: {kind: Secret}, fieldPaths: [data.none.deep]}]\n",
        **{"s.yaml": secret(stringData={"p": CANARY})},
    ),
    "the same Secret twice": kustomized(
        "resources: [s.yaml, t.yaml]\n",
        **{"s.yaml": secret(stringData={"p": CANARY}), "t.yaml": secret(stringData={"p": CANARY})},
    ),
}


async def test_of_a_kustomization(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    """All of them at once, each a unit of its own."""
    names = {f"bad-{number}": what for number, what in enumerate(BAD)}
    files: dict[str, str] = {}
    for name, what in names.items():
        files |= {path.replace("app/", f"{name}/", 1): content for path, content in BAD[what].items()}
    world.repository("team/bad", files)
    await world.apply(repository("bad", "https://github.com/team/bad"))
    for name in names:
        await world.apply(kustomization(name, f"./{name}", "bad", targetNamespace="default"))
    for name in names:
        await world.until(
            KUSTOMIZATION, "flux-system", name, lambda body: condition(body, "Ready").get("status") in ("True", "False")
        )
    await world.settled()
    everything = await all_words(world, [("ks", "flux-system", name) for name in names], KUSTOMIZATION)
    everything["the log"] = "".join(capfd.readouterr())
    leaks = {
        f"{names.get(place.split()[-1], '')} {place}": _around(text)
        for place, text in everything.items()
        if CANARY in text or str(NUMBER) in text
    }
    assert not leaks, "\n".join(f"{place}: {words}" for place, words in leaks.items())
    failed = [name for name in names if condition(await _get(world, name), "Ready").get("status") == "False"]
    assert len(failed) > 15, "these are tests of failures"
    for name in failed:
        assert len(told(await _get(world, name))) > 20, f"{names[name]}: what is wrong is still said"


CHARTS: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "a schema that the password does not fit": (
        chart(
            PLAIN.replace(CANARY, "{{ .Values.password }}"),
            values_schema_json='{"properties": {"password": {"type": "string", "pattern": "^[0-9]+$"}}}',
        ),
        {"parameters": [{"name": "password", "value": CANARY}]},
    ),
    "a schema of a nested password": (
        chart(
            PLAIN.replace(CANARY, "{{ .Values.db.password }}"),
            values_schema_json='{"properties": {"db": {"properties": {"password": {"enum": ["one"]}}}}}',
        ),
        {"valuesObject": {"db": {"password": CANARY}}},
    ),
    "a schema of a mapping": (
        chart(
            PLAIN.replace(CANARY, "{{ .Values.db.password }}"),
            values_schema_json='{"properties": {"db": {"additionalProperties": false}}}',
        ),
        {"values": f"db: {{password: {CANARY}, other: x}}\n"},
    ),
    "a template that fails with it": (
        chart('{{ fail (printf "bad password %s" .Values.password) }}'),
        {"parameters": [{"name": "password", "value": CANARY}]},
    ),
    "a template that makes broken YAML of it": (
        chart("apiVersion: v1\nkind: Secret\nmetadata: {name: key}\nstringData:\n  p: {{ .Values.password }}\n"),
        {"parameters": [{"name": "password", "value": f"'{CANARY}: ["}]},
    ),
    "values that are no YAML": (chart(PLAIN), {"values": f"a: [{CANARY}\nb: '{CANARY}"}),
    "values that are a text": (chart(PLAIN), {"values": CANARY}),
    "a parameter that cannot be set": (chart(PLAIN), {"parameters": [{"name": "a[password", "value": CANARY}]}),
    "a function that cannot take it": (
        chart(
            "apiVersion: v1\nkind: Secret\nmetadata: {name: key}\ndata: {p: {{ .Values.password | atoi | div 0 }}}\n"
        ),
        {"parameters": [{"name": "password", "value": CANARY}]},
    ),
    "an index into it": (
        chart("apiVersion: v1\nkind: Secret\nmetadata: {name: key}\ndata: {p: {{ .Values.password.deep.er }}}\n"),
        {"parameters": [{"name": "password", "value": CANARY}]},
    ),
}


async def test_of_a_chart(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    names = {f"chart-{number}": what for number, what in enumerate(CHARTS)}
    for name, what in names.items():
        files, helm = CHARTS[what]
        world.repository(f"team/{name}", files)
        body = yaml.safe_load(application(name, f"https://github.com/team/{name}", "app", "default", helm=helm))
        await world.apply(yaml.safe_dump(body))
    for name in names:
        await world.until(
            APPLICATION, "argocd", name, lambda body: bool((body or {}).get("status", {}).get("conditions"))
        )
    await world.settled()
    everything = await all_words(world, [("app", "argocd", name) for name in names], APPLICATION)
    everything["the log"] = "".join(capfd.readouterr())
    leaks = {
        f"{names.get(place.split()[-1], '')} {place}": _around(text)
        for place, text in everything.items()
        if CANARY in text
    }
    assert not leaks, "\n".join(f"{place}: {words}" for place, words in leaks.items())


URLS = {
    "a plain password": f"http://alice:{CANARY}@127.0.0.1:1/a",
    "a slash in it": f"http://alice:pa/{CANARY}@127.0.0.1:1/a",
    "a sign in it": f"http://alice:p@{CANARY}@127.0.0.1:1/a",
    "a quote in it": f"http://alice:p'{CANARY}@127.0.0.1:1/a",
    "a blank in it": f"http://alice:p {CANARY}@127.0.0.1:1/a",
    "no user": f"http://:{CANARY}@127.0.0.1:1/a",
    "a token alone": f"http://{CANARY}@127.0.0.1:1/a",
    "as ssh has it": f"alice:{CANARY}@127.0.0.1:a/b",
    "no scheme": f"alice:{CANARY}@127.0.0.1/a/b",
    "another scheme": f"ftp://alice:{CANARY}@127.0.0.1/a",
    "a port that is none": f"http://alice:{CANARY}@127.0.0.1:x/a",
    "a query": f"http://alice:{CANARY}@127.0.0.1:1/a?b=c",
}


async def test_of_urls(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    fenced = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {"name": "fenced", "namespace": "argocd"},
        "spec": {"sourceRepos": ["https://none.example.com/*"], "destinations": [{"server": "*", "namespace": "*"}]},
    }
    await world.apply(yaml.safe_dump(fenced))
    names = {f"url-{number}": what for number, what in enumerate(URLS)}
    for name, what in names.items():
        url = URLS[what]
        if what not in ("as ssh has it", "no scheme", "another scheme"):
            await world.apply(repository(name, url))
        await world.apply(application(name, url, "app", "default"))
        body = yaml.safe_load(application(f"{name}-fenced", url, "app", "default"))
        body["spec"]["project"] = "fenced"
        await world.apply(yaml.safe_dump(body))
    units = [*names, *(f"{name}-fenced" for name in names)]
    for name in units:
        await world.until(
            APPLICATION, "argocd", name, lambda body: bool((body or {}).get("status", {}).get("conditions"))
        )
    await world.settled()
    everything = await all_words(world, [("app", "argocd", name) for name in units], APPLICATION)
    for name in names:
        everything[f"source {name}"] = str((await world.get(REPOSITORY, "flux-system", name) or {}).get("status"))
    everything["the log"] = "".join(capfd.readouterr())
    leaks = {place: _around(text) for place, text in everything.items() if CANARY in text}
    assert not leaks, "\n".join(f"{place}: {words}" for place, words in leaks.items())


async def _get(world: World, name: str) -> Body | None:
    return await world.get(KUSTOMIZATION, "flux-system", name)


def _around(text: str) -> str:
    place = max(text.find(CANARY), text.find(str(NUMBER)))
    return text[max(0, place - 200) : place + 60].replace("\n", " ")


async def all_words(world: World, units: list[tuple[str, str, str]], kind: tuple[str, str]) -> dict[str, str]:
    """Gather all that is said of units: statuses, records, events, metrics, and what commands print."""
    found: dict[str, str] = {}
    turns = asyncio.Semaphore(COMMANDS_AT_ONCE)

    async def differences(unit: tuple[str, str, str]) -> None:
        short, namespace, name = unit
        async with turns:
            found[f"diff {name}"] = await _trueup(world, "diff", f"{short}/{name}", "-n", namespace)

    await asyncio.gather(*(differences(unit) for unit in units))
    for _, namespace, name in units:
        body = await world.get(kind, namespace, name) or {}
        found[f"why {name}"] = str(await explanation(world.client, world.mapper, body)) if body else ""
        # What was compared is the object's own spec, which Argo CD repeats in its status.
        status = {**(body.get("status") or {})}
        status["sync"] = {**(status.get("sync") or {}), "comparedTo": None}
        found[f"status of {name}"] = str(status)
    found["sources"] = str((await world.get(REPOSITORY, "flux-system", "bad") or {}).get("status"))
    resource = await world.mapper.find("", "Event")
    assert resource is not None
    for namespace in ("flux-system", "argocd", "default"):
        for item in (await world.client.list_all(resource, namespace)).items:
            found[f"event {item['metadata']['name']}"] = str(item)
    found["get"] = await _trueup(world, "get", "-A", "-o", "json")
    database = world.controller.settings.data / "history" / "history.db"
    found["history"] = await _trueup(world, "history", "-o", "json", "--history-url", f"sqlite:///{database}")
    async with aiohttp.ClientSession() as session, session.get(f"{world.controller.address}/metrics") as answer:
        found["metrics"] = await answer.text()
    return found


async def _trueup(world: World, *arguments: str) -> str:
    ended = await run_trueup(world.cluster, *arguments)
    return ended.out + ended.err
