"""What one commit changes is applied in the order that makes it possible, and of a refused stage nothing stands."""

from __future__ import annotations

from support.e2e import KUSTOMIZATION, World, kustomization, ready, repository, says
from trueup.core.model.objects import Body
from trueup.devtools.gitserver import Repository

WHERE = "flux-system"
MAPS = ("", "ConfigMap")
SECRETS = ("", "Secret")


async def deliver(world: World, name: str, files: dict[str, str], **spec: object) -> Repository:
    git = world.repository(f"team/{name}", {f"x/{path}": text for path, text in files.items()})
    await world.apply(repository(name, f"https://github.com/team/{name}"))
    await world.apply(kustomization(name, "./x", name, **spec))
    return git


def config(name: str, namespace: str = WHERE, value: str = "1") -> str:
    return (
        f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: {namespace}}}\ndata: {{a: '{value}'}}\n"
    )


DEFINITION = """apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: gadgets.order.example.com}}
spec:
  group: order.example.com
  scope: Namespaced
  names: {{kind: Gadget, plural: gadgets, singular: gadget}}
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              properties: {{{fields}}}
"""
GADGET = (
    "apiVersion: order.example.com/v1\nkind: Gadget\nmetadata: {{name: one, namespace: flux-system}}\nspec: {{{}}}\n"
)


async def test_a_definition_and_an_object_that_needs_its_new_field_change_in_one_commit(world: World) -> None:
    files = {"crd.yaml": DEFINITION.format(fields="size: {type: integer}"), "gadget.yaml": GADGET.format("size: 1")}
    git = await deliver(world, "definitions", files)
    await world.until(KUSTOMIZATION, WHERE, "definitions", ready)
    fields = "size: {type: integer}, color: {type: string, enum: [red]}"
    commit = git.commit(
        {"x/crd.yaml": DEFINITION.format(fields=fields), "x/gadget.yaml": GADGET.format("size: 1, color: red")}, "paint"
    )
    await world.until(KUSTOMIZATION, WHERE, "definitions", lambda body: ready(body, commit))
    body = await world.until(("order.example.com", "Gadget"), WHERE, "one", lambda body: body is not None)
    assert body["spec"] == {"size": 1, "color": "red"}


QUOTA = """apiVersion: v1
kind: ResourceQuota
metadata: {{name: q, namespace: quota}}
spec: {{hard: {{"count/secrets": "{}"}}}}
"""


def secret(name: str, value: str) -> str:
    metadata = f"{{name: {name}, namespace: quota}}"
    return f"apiVersion: v1\nkind: Secret\nmetadata: {metadata}\nstringData: {{a: '{value}'}}\n"


NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: quota}\n"


def counted(body: Body | None) -> str:
    return str(((body or {}).get("status", {}).get("used") or {}).get("count/secrets"))


async def test_a_quota_that_is_raised_lets_in_what_the_same_commit_adds(world: World) -> None:
    git = await deliver(world, "quota", {"ns.yaml": NAMESPACE, "quota.yaml": QUOTA.format(1)})
    # Until its controller has counted, a quota lets everything in; what is made meanwhile may be counted minutes later.
    await world.until(("", "ResourceQuota"), "quota", "q", lambda body: counted(body) == "0")
    git.commit({"x/a.yaml": secret("a", "1")}, "one")
    await world.until(("", "ResourceQuota"), "quota", "q", lambda body: counted(body) == "1")
    commit = git.commit({"x/b.yaml": secret("b", "1"), "x/a.yaml": secret("a", "2")}, "too many")
    await world.until(KUSTOMIZATION, WHERE, "quota", says("exceeded quota"))
    body = await world.get(SECRETS, "quota", "a")
    assert body is not None and body["data"] == {"a": "MQ=="}, "nothing of a stage is written beside what is refused"
    commit = git.commit({"x/quota.yaml": QUOTA.format(5)}, "raise it")
    await world.until(KUSTOMIZATION, WHERE, "quota", lambda body: ready(body, commit))
    assert await world.get(SECRETS, "quota", "b") is not None


ROLE = """apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: editor, namespace: rights}
rules:
  - {apiGroups: [""], resources: [configmaps], verbs: ["*"]}
"""
TENANT = """apiVersion: v1
kind: Namespace
metadata: {name: rights}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: robot, namespace: rights}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: robot, namespace: rights}
subjects: [{kind: ServiceAccount, name: robot, namespace: rights}]
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: editor}
"""
TOKEN = """apiVersion: v1
kind: Secret
metadata:
  name: token
  namespace: rights
  annotations: {kubernetes.io/service-account.name: robot}
type: kubernetes.io/service-account-token
"""


async def test_what_needs_each_other_is_delivered_at_first_go(world: World) -> None:
    files = {
        "rights.yaml": TENANT,
        "role.yaml": ROLE,
        "token.yaml": TOKEN,
        "map.yaml": config("m", "rights"),
    }
    await deliver(world, "rights", files)
    await world.until(KUSTOMIZATION, WHERE, "rights", ready)
    assert await world.get(SECRETS, "rights", "token") is not None


POLICY = """apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {{name: order-size}}
spec:
  failurePolicy: Fail
  matchConstraints:
    namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: policed}}}}
    resourceRules: [{{apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [configmaps]}}]
  validations: [{{expression: "!has(object.data) || size(object.data) <= {most}"}}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {{name: order-size}}
spec: {{policyName: order-size, validationActions: [Deny]}}
"""


async def test_a_policy_that_is_loosened_lets_in_what_the_same_commit_changes(world: World) -> None:
    namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: policed}\n"
    files = {"ns.yaml": namespace, "policy.yaml": POLICY.format(most=1), "a.yaml": config("a", "policed")}
    git = await deliver(world, "policies", files)
    await world.until(KUSTOMIZATION, WHERE, "policies", ready)
    larger = config("a", "policed").replace("data: {a: '1'}", "data: {a: '1', b: '2'}")
    commit = git.commit({"x/policy.yaml": POLICY.format(most=3), "x/a.yaml": larger}, "loosen")
    await world.until(KUSTOMIZATION, WHERE, "policies", lambda body: ready(body, commit))
    body = await world.get(MAPS, "policed", "a")
    assert body is not None and body["data"] == {"a": "1", "b": "2"}


async def test_of_a_first_delivery_nothing_stands_beside_what_is_refused(world: World) -> None:
    files = {
        "first.yaml": "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: early, namespace: flux-system}\n",
        "good.yaml": config("good"),
        "bad.yaml": config("Bad_Name"),
    }
    git = await deliver(world, "first", files)
    await world.until(KUSTOMIZATION, WHERE, "first", says("Bad_Name", "written before it"))
    assert await world.get(MAPS, WHERE, "good") is None
    assert await world.get(("", "ServiceAccount"), WHERE, "early") is not None
    commit = git.commit({"x/bad.yaml": config("better-name")}, "mend it")
    await world.until(KUSTOMIZATION, WHERE, "first", lambda body: ready(body, commit))
    assert await world.get(MAPS, WHERE, "good") is not None


async def test_who_keeps_changing_an_object_is_named(world: World) -> None:
    await deliver(world, "fight", {"a.yaml": config("fought")})
    await world.until(KUSTOMIZATION, WHERE, "fight", ready)
    for value in range(8):
        await world.until(MAPS, WHERE, "fought", lambda body: body is not None)
        await world.patch(MAPS, WHERE, "fought", {"data": {"a": f"theirs {value}"}})
        await world.settled()
    await world.until(KUSTOMIZATION, WHERE, "fight", says("keeps changing it back", "changes data.a"))
