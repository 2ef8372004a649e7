"""Every field of a live object is traced to who gave it: a commit with file and line, a chart's value, or a manager."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest_asyncio

from support.e2e import APPLICATION, KUSTOMIZATION, World, application, kustomization, ready, repository, synced
from trueup.core.objects import ObjectRef
from trueup.gitserver import Repository
from trueup.inspection import Blame, FieldBlame, blame
from trueup.kube.writes import PatchType, Write

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
    "chart/values.yaml": "replicas: 2\nimage:\n  repository: shop/api\n  tag: '2.0'\ngreeting: hello\nlevel: debug\n",
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


LATER = datetime.now(UTC) + timedelta(minutes=1)
CONTAINER = 'spec.template.spec.containers[name="app"]'


async def test_fields_of_a_base_and_an_overlay(world: World, repo: Repository) -> None:
    bump = OVERLAY.replace("1.0", "1.1")
    commit = repo.commit({"overlays/prod/kustomization.yaml": bump}, "Ship web 1.1 (#7)\n\nIt is time.\n", when=LATER)
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
