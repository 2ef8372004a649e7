"""Mistakes that show only in the cluster: what is missing there, does not start, or belongs to others."""

from support.mistakes.manifests import MAP, deployment
from support.mistakes.mistake import ARGO, FLUX, Mistake

CLAIMED = MAP.replace("name: settings", "name: settings, namespace: owned-by-other").replace("'1'", "'2'")
CHART = "apiVersion: v2\nname: shop\nversion: 1.0.0\n"


def quota(hard: str) -> str:
    """Write a quota of the unit's namespace."""
    metadata = "metadata: {name: small, namespace: '{ns}'}"
    return f"apiVersion: v1\nkind: ResourceQuota\n{metadata}\nspec: {{hard: {{{hard}}}}}\n"


RUNNING = {
    "namespace-missing": Mistake(
        files={"map.yaml": MAP},
        place=False,
        cause=('namespaces "', "not found"),
        remedy=("create the namespace",),
    ),
    "namespace-other": Mistake(
        files={"map.yaml": MAP.replace("name: settings", "name: settings, namespace: nowhere")},
        dialects=ARGO,
        cause=('namespaces "nowhere" not found',),
        remedy=("create the namespace nowhere", "deliver its Namespace"),
    ),
    "image-missing": Mistake(
        files={"web.yaml": deployment(image="web:missing")},
        cause=("Deployment", "cannot pull its image", "web:missing"),
        remedy=("push that image", "imagePullSecret"),
    ),
    "crash-loop": Mistake(
        files={"web.yaml": deployment(image="web:broken")},
        cause=("Deployment", "crash-loops", "exit code 1"),
        remedy=("last",),
    ),
    "requests-too-large": Mistake(
        files={"web.yaml": deployment(container="        resources: {requests: {cpu: 500}}\n")},
        cause=("Deployment", "progressing"),
        remedy=("Insufficient cpu", "lower the containers' resources.requests"),
    ),
    "quota-of-objects": Mistake(
        files={"map.yaml": MAP},
        cluster=quota("configmaps: 0"),
        cause=("ConfigMap", "exceeded quota: small"),
        remedy=("quota",),
    ),
    "quota-of-pods": Mistake(
        files={"web.yaml": deployment()},
        cluster=quota("requests.cpu: 1"),
        cause=("Deployment", "quota"),
        remedy=("give every container resources",),
    ),
    "claim-unbound": Mistake(
        files={
            "claim.yaml": "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data}\nspec:\n"
            "  storageClassName: fast\n  accessModes: [ReadWriteOnce]\n  resources: {requests: {storage: 1Gi}}\n"
        },
        dialects=FLUX,
        cause=("PersistentVolumeClaim",),
        remedy=("there is no StorageClass fast",),
    ),
    "owned-by-other": Mistake(
        files={"map.yaml": CLAIMED},
        flux={"targetNamespace": None},
        cause=("ConfigMap/owned-by-other/settings", "already delivered by"),
        remedy=("remove it from one of the two",),
    ),
    "emptied": Mistake(
        files={"map.yaml": MAP},
        then={"map.yaml": "# nothing is left\n"},
        cause=("nothing was rendered",),
        remedy=("approve",),
    ),
    "account-without-rights": Mistake(
        files={"map.yaml": MAP},
        flux={"serviceAccountName": "nobody"},
        dialects=FLUX,
        cause=("ConfigMap", "system:serviceaccount:flux-system:nobody"),
        remedy=("RoleBinding",),
    ),
    "dependency-circle": Mistake(
        files={"map.yaml": MAP},
        dialects=FLUX,
        flux={"dependsOn": [{"name": "dependency-circle"}]},
        cause=("depend on each other",),
        remedy=("dependsOn",),
    ),
    "dependency-missing": Mistake(
        files={"map.yaml": MAP},
        dialects=FLUX,
        flux={"dependsOn": [{"name": "databse"}]},
        cause=("flux-system/databse", "does not exist"),
        remedy=("correct dependsOn",),
    ),
    "dependency-not-ready": Mistake(
        files={"map.yaml": MAP},
        dialects=FLUX,
        flux={"dependsOn": [{"name": "yaml-tab"}]},
        cause=("flux-system/yaml-tab", "not ready"),
        remedy=("trueup why",),
    ),
    "values-missing": Mistake(
        files={"Chart.yaml": CHART, "templates/map.yaml": MAP},
        argo={"source": {"helm": {"valueFiles": ["values-prod.yaml"]}}},
        dialects=ARGO,
        cause=("values-prod.yaml",),
        remedy=("ignoreMissingValueFiles",),
    ),
    "values-nil": Mistake(
        files={"Chart.yaml": CHART, "templates/map.yaml": MAP.replace("'1'", "{{ .Values.image.tag }}")},
        dialects=ARGO,
        cause=("templates/map.yaml", "nil pointer", ".Values.image.tag"),
        remedy=("give it a value",),
    ),
    "values-required": Mistake(
        files={"Chart.yaml": CHART, "templates/map.yaml": MAP.replace("'1'", '{{ required "set host" .Values.host }}')},
        dialects=ARGO,
        cause=("templates/map.yaml", "set host"),
        remedy=("values",),
    ),
    "chart-dependency": Mistake(
        files={
            "Chart.yaml": CHART
            + "dependencies: [{name: redis, version: 1.0.0, repository: 'https://charts.example.com'}]\n",
            "templates/map.yaml": MAP,
        },
        dialects=ARGO,
        cause=("redis",),
        remedy=("charts/",),
    ),
    "kustomize-missing": Mistake(
        files={"kustomization.yaml": "resources: [deploy.yaml]\n", "deployment.yaml": deployment()},
        cause=("kustomize-missing", "deploy.yaml"),
        remedy=("check its spelling, or commit the file",),
    ),
    "kustomize-field": Mistake(
        files={"kustomization.yaml": "resource: [map.yaml]\n", "map.yaml": MAP},
        cause=("kustomize-field/kustomization.yaml", 'unknown field "resource"'),
        remedy=("resources, patches",),
    ),
    "kustomize-target": Mistake(
        files={
            "kustomization.yaml": "resources: [map.yaml]\npatches:\n- patch: |\n    apiVersion: apps/v1\n"
            "    kind: Deployment\n    metadata: {name: wbe}\n    spec: {replicas: 3}\n",
            "map.yaml": MAP,
        },
        cause=("kustomize-target", "wbe"),
        remedy=("target",),
    ),
    "kustomize-remote": Mistake(
        files={"kustomization.yaml": "resources: ['https://github.com/team/base//k8s?ref=v1']\n"},
        cause=("kustomize-remote", "https://github.com/team/base"),
        remedy=("copy",),
    ),
    "hook": Mistake(
        files={
            "job.yaml": "apiVersion: batch/v1\nkind: Job\n"
            "metadata: {name: migrate, annotations: {argocd.argoproj.io/hook: PreSync}}\n"
            "spec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: 'a:1'}]}}}\n"
        },
        dialects=ARGO,
        cause=("Job/", "hooks are not run yet"),
        remedy=("remove the hooks",),
    ),
}
