"""Every field of a live object is traced to who gave it: a commit with file and line, a chart's value, or a manager."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest_asyncio

from support.e2e import APPLICATION, KUSTOMIZATION, World, application, kustomization, ready, repository, synced, told
from trueup.core.model.objects import ObjectRef
from trueup.devtools.gitserver import Repository
from trueup.kube.writes import PatchType, Write
from trueup.queries import Blame, FieldBlame, between, blame, compared, explanation

DEPLOYMENT = ("apps", "Deployment")
URL = "https://github.com/team/provenance"

BASE = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 1
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      enableServiceLinks: false
      containers:
      - name: app
        image: shop/web
        env:
        - name: COLOUR
          value: blue
        - name: SIZE
          value: small
        resources:
          limits:
            memory: 64Mi
        ports:
        - containerPort: 8080
        - containerPort: 53
          protocol: UDP
          name: dns
"""
OVERLAY = """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: prov-flux
resources: [../../base]
images:
- name: shop/web
  newTag: "1.0"
patches:
- path: size.yaml
- target: {kind: Deployment}
  patch: |-
    - op: replace
      path: /spec/template/spec/containers/0/resources/limits/memory
      value: 128Mi
"""
SIZE = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      containers:
      - name: app
        env:
        - name: SIZE
          value: large
"""
AUTOSCALER = """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: prov-flux}
spec:
  minReplicas: 3
  maxReplicas: 4
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
"""
CHART = {
    "chart/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.2.3\nappVersion: 4.5.6\n",
    "chart/values.yaml": "replicas: 2\nimage:\n  repository: shop/api\n  tag: '2.0'\n"
    "greeting: hello\nlevel: debug\nport: 8081\n",
    "chart/values-prod.yaml": "image:\n  tag: '2.1'\n",
    "chart/templates/deployment.yaml": """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: api
  labels:
    helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec:
      containers:
      - name: api
        image: "{{ .Values.image.repository }}:{{ .Values.image.tag }}"
        imagePullPolicy: IfNotPresent
        env:
        - {name: GREETING, value: {{ .Values.greeting | quote }}}
        - {name: LEVEL, value: {{ .Values.level | quote }}}
        ports: [{containerPort: {{ .Values.port }}}]
""",
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def repo(world: World) -> AsyncIterator[Repository]:
    files = {
        "base/deployment.yaml": BASE,
        "base/kustomization.yaml": "resources: [deployment.yaml]\n",
        "overlays/prod/kustomization.yaml": OVERLAY,
        "overlays/prod/size.yaml": SIZE,
        **CHART,
    }
    made = world.repository("team/provenance", files)
    await world.apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: prov-flux}\n")
    await world.apply(repository("provenance", URL))
    await world.apply(kustomization("prov", "./overlays/prod", "provenance"))
    await world.apply(
        application(
            "prov",
            URL,
            "chart",
            "prov-argo",
            helm={"valueFiles": ["values-prod.yaml"], "parameters": [{"name": "level", "value": "info"}]},
        )
    )
    await world.until(KUSTOMIZATION, "flux-system", "prov", ready)
    await world.until(APPLICATION, "argocd", "prov", synced)
    yield made


async def blamed(world: World, namespace: str, name: str, field: str = "") -> Blame:
    body = await world.get(DEPLOYMENT, namespace, name)
    assert body is not None
    return await blame(world.client, world.mapper, body, field)


def row(found: Blame, path: str) -> FieldBlame:
    rows = [item for item in found.fields if item.path == path]
    assert len(rows) == 1, [item.path for item in found.fields]
    return rows[0]


CONTAINER = 'spec.template.spec.containers[name="app"]'


async def test_fields_of_a_base_and_an_overlay(world: World, repo: Repository) -> None:
    bump = OVERLAY.replace("1.0", "1.1")
    commit = repo.commit(
        {"overlays/prod/kustomization.yaml": bump},
        "Ship web 1.1 (#7)\n\nIt is time.\n",
        when=datetime.now(UTC) + timedelta(minutes=1),
    )
    await world.until(KUSTOMIZATION, "flux-system", "prov", lambda body: ready(body, commit))
    found = await blamed(world, "prov-flux", "web")
    assert str(found.unit) == "Kustomization/flux-system/prov" and commit in found.revision and not found.note
    where = {item.path: (item.file, item.line) for item in found.fields}
    assert where["spec.replicas"] == ("base/deployment.yaml", 6)
    assert where[f'{CONTAINER}.env[name="COLOUR"].value'] == ("base/deployment.yaml", 19)
    assert where[f'{CONTAINER}.env[name="SIZE"].value'] == ("overlays/prod/size.yaml", 11)
    assert where[f"{CONTAINER}.resources.limits.memory"] == ("overlays/prod/kustomization.yaml", 14)
    image = row(found, f"{CONTAINER}.image")
    assert (image.file, image.line) == ("overlays/prod/kustomization.yaml", 7)
    assert image.commit and image.commit.id == commit and image.commit.subject == "Ship web 1.1 (#7)"
    assert image.pull_request and (image.pull_request.number, image.pull_request.title) == (7, "Ship web 1.1")
    colour = row(found, f'{CONTAINER}.env[name="COLOUR"].value')
    assert colour.commit and colour.commit.subject == "first" and colour.pull_request is None
    links = row(found, "spec.template.spec.enableServiceLinks")
    assert (links.file, links.line) == ("base/deployment.yaml", 13)


async def test_what_tells_items_of_a_list_apart_is_traced_too(world: World, repo: Repository) -> None:
    found = await blamed(world, "prov-flux", "web", f"{CONTAINER}.ports")
    where = {item.path: (item.file, item.line, item.key) for item in found.fields if item.unit}
    ports = {path.partition(".ports")[2]: place[:2] for path, place in where.items()}
    assert ports['[containerPort=8080,protocol="TCP"].containerPort'] == ("base/deployment.yaml", 26)
    assert ports['[containerPort=53,protocol="UDP"].containerPort'] == ("base/deployment.yaml", 27)
    assert ports['[containerPort=53,protocol="UDP"].protocol'] == ("base/deployment.yaml", 28)
    assert ports['[containerPort=53,protocol="UDP"].name'] == ("base/deployment.yaml", 29)
    assert not [key for _, _, key in where.values() if "Trueup" in key], where
    chart = await blamed(world, "prov-argo", "api", 'spec.template.spec.containers[name="api"].ports')
    (port,) = [item for item in chart.fields if item.path.endswith("containerPort")]
    assert (port.file, port.line, port.key) == ("chart/values.yaml", 7, "port")


async def test_fields_of_a_chart(world: World, repo: Repository) -> None:
    found = await blamed(world, "prov-argo", "api")
    container = 'spec.template.spec.containers[name="api"]'
    assert (row(found, "spec.replicas").file, row(found, "spec.replicas").key) == ("chart/values.yaml", "replicas")
    image = row(found, f"{container}.image")
    assert {f"{image.file}:{image.line}", *image.more} == {"chart/values-prod.yaml:2", "chart/values.yaml:3"}
    greeting = row(found, f'{container}.env[name="GREETING"].value')
    assert (greeting.file, greeting.line, greeting.key) == ("chart/values.yaml", 5, "greeting")
    level = row(found, f'{container}.env[name="LEVEL"].value')
    assert (level.file, level.key) == ("", "spec: parameters[0].value"), "it stands in the Application itself"
    policy = row(found, f"{container}.imagePullPolicy")
    assert (policy.file, policy.line) == ("chart/templates/deployment.yaml", 0), "the template, which is no YAML"
    assert policy.commit and policy.commit.subject == "first"


async def test_a_hand_and_an_autoscaler_are_told_as_what_they_are(world: World, repo: Repository) -> None:
    resource = await world.mapper.of(ObjectRef(*DEPLOYMENT, "prov-flux", "web"))
    await world.client.patch(
        resource, "web", "prov-flux", {"spec": {"minReadySeconds": 5}}, PatchType.MERGE, Write(manager="kubectl-edit")
    )
    found = await blamed(world, "prov-flux", "web", "spec")
    assert row(found, "spec.replicas").file == "base/deployment.yaml"
    edited = row(found, "spec.minReadySeconds")
    assert (edited.manager, edited.operation, edited.unit, edited.value) == ("kubectl-edit", "Update", "", "5")
    assert edited.since
    without = {"base/deployment.yaml": BASE.replace("  replicas: 1\n", "")}
    commit = repo.commit(without, "Leave the number of replicas to the autoscaler")
    await world.until(KUSTOMIZATION, "flux-system", "prov", lambda body: ready(body, commit))
    await world.apply(AUTOSCALER)
    await world.until(DEPLOYMENT, "prov-flux", "web", lambda body: body is not None and body["spec"]["replicas"] == 3)
    scaled = row(await blamed(world, "prov-flux", "web", "spec.replicas"), "spec.replicas")
    assert (scaled.manager, scaled.unit, scaled.value) == ("", "", "3")
    assert scaled.key == "scaled by HorizontalPodAutoscaler/prov-flux/web"


async def test_a_pull_request_is_found_by_its_merge(world: World, repo: Repository) -> None:
    green = {"base/deployment.yaml": BASE.replace("  replicas: 1\n", "").replace("blue", "green")}
    before = repo.head()
    side = repo.commit(green, "Go green", branch="recolour", parents=[before])
    message = "Merge pull request #12 from team/recolour\n\nA fresh colour\n"
    merge = repo.commit(green, message, parents=[before, side])
    await world.until(KUSTOMIZATION, "flux-system", "prov", lambda body: ready(body, merge))
    colour = row(await blamed(world, "prov-flux", "web"), f'{CONTAINER}.env[name="COLOUR"].value')
    assert colour.commit and colour.commit.subject == "Go green"
    assert colour.pull_request and (colour.pull_request.number, colour.pull_request.title) == (12, "A fresh colour")


async def test_an_object_that_no_unit_delivers_names_its_managers(world: World, repo: Repository) -> None:
    await world.apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: mine, namespace: prov-flux}\ndata: {a: b}\n")
    body = await world.get(("", "ConfigMap"), "prov-flux", "mine")
    assert body is not None
    found = await blame(world.client, world.mapper, body)
    assert found.unit is None and found.note == "no unit delivers this object"
    assert [(item.path, item.manager) for item in found.fields] == [("data.a", "user")]


async def test_a_secrets_values_are_hidden(world: World, repo: Repository) -> None:
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: key}\nstringData: {password: a-very-secret-word}\n"
    files = {"base/secret.yaml": secret, "base/kustomization.yaml": "resources: [deployment.yaml, secret.yaml]\n"}
    commit = repo.commit(files, "Keep a secret where none should be")
    await world.until(KUSTOMIZATION, "flux-system", "prov", lambda body: ready(body, commit))
    body = await world.get(("", "Secret"), "prov-flux", "key")
    assert body is not None
    found = await blame(world.client, world.mapper, body)
    words = repr(found)
    assert "a-very-secret-word" not in words and "YS12ZXJ5LXNlY3JldC13b3Jk" not in words
    (field,) = [item for item in found.fields if item.path == "data.password"]
    assert field.value == "(hidden)" and field.file == "base/secret.yaml" and field.commit


async def test_two_environments_and_two_revisions_are_compared(world: World, repo: Repository) -> None:
    staging = OVERLAY.replace("prov-flux", "prov-staging").replace("1.0", "1.2")
    files = {"overlays/staging/kustomization.yaml": staging, "overlays/staging/size.yaml": SIZE}
    commit = repo.commit(files, "Try 1.2 in staging")
    await world.apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: prov-staging}\n")
    await world.apply(kustomization("prov-staging", "./overlays/staging", "provenance"))
    one = await world.until(KUSTOMIZATION, "flux-system", "prov", lambda body: ready(body, commit))
    other = await world.until(KUSTOMIZATION, "flux-system", "prov-staging", ready)
    (found,) = await compared(world.client, world.mapper, one, other)
    assert found.ref.kind == "Deployment" and found.before and found.after
    images = [side["spec"]["template"]["spec"]["containers"][0]["image"] for side in (found.before, found.after)]
    assert images == ["shop/web:1.1", "shop/web:1.2"]
    first = repo.git("rev-list", "--max-parents=0", "main")
    assert {item.ref.kind for item in await between(world.client, world.mapper, one, first, "main")} == {
        "Deployment",
        "Secret",
    }
    assert await between(world.client, world.mapper, one, "main", "live") == []


async def test_why_names_what_failed_and_what_to_do(world: World, repo: Repository) -> None:
    bad = OVERLAY.replace('"1.0"', "broken")
    report = {"metadata": {"annotations": {"trueup.dev/rollback": "report"}}, "spec": {"wait": True}}
    waits = kustomization("after", "./base", "provenance", targetNamespace="prov-flux", dependsOn=[{"name": "prov"}])
    await world.patch(
        KUSTOMIZATION, "flux-system", "prov", {"metadata": {"annotations": {"trueup.dev/rollback": "report"}}}
    )
    await world.patch(KUSTOMIZATION, "flux-system", "prov", report)
    await world.apply(waits)
    repo.commit({"overlays/prod/kustomization.yaml": bad}, "Break it")
    body = await world.until(
        KUSTOMIZATION, "flux-system", "prov", lambda body: not ready(body) and "crash" in told(body)
    )
    found = await explanation(world.client, world.mapper, body)
    (sick,) = [cause for cause in found.causes if cause.about.startswith("Deployment")]
    assert "crash" in " ".join((sick.what, *sick.details)) and "git revert" in sick.advice
    waiter = await world.get(KUSTOMIZATION, "flux-system", "after")
    assert waiter is not None
    waiting = await explanation(world.client, world.mapper, waiter)
    assert any("waits for Kustomization/flux-system/prov" in cause.what for cause in waiting.causes)
