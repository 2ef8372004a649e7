"""Mistakes in manifests: what is no YAML, no object, or none that an API server takes."""

from support.mistakes.mistake import FLUX, Mistake

MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: '1'}\n"


def deployment(spec: str = "", container: str = "", name: str = "web", image: str = "web:1") -> str:
    """Write a Deployment; `spec` and `container` are further fields."""
    return (
        f"apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  replicas: 1\n"
        f"  selector: {{matchLabels: {{app: {name}}}}}\n{spec}  template:\n    metadata: {{labels: {{app: {name}}}}}\n"
        f"    spec:\n      containers:\n      - name: web\n        image: {image}\n{container}"
    )


MANIFESTS = {
    "yaml-syntax": Mistake(
        files={"map.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: [a\n"},
        cause=("yaml-syntax/map.yaml:4",),
        remedy=("close the bracket",),
    ),
    "yaml-tab": Mistake(
        files={"map.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n\tname: a\n"},
        cause=("yaml-tab/map.yaml:4",),
        remedy=("tab",),
    ),
    "yaml-indent": Mistake(
        files={"map.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n data:\n  a: b\n"},
        cause=("yaml-indent/map.yaml:4",),
        remedy=("check the indentation",),
    ),
    "yaml-duplicate-key": Mistake(
        files={"map.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  a: '1'\n  a: '2'\n"},
        dialects=FLUX,
        cause=('mapping key "a" already defined',),
        remedy=("remove one of the two",),
    ),
    "yaml-template": Mistake(
        files={"map.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Values.name }}\n"},
        cause=("yaml-template/map.yaml",),
        remedy=("only charts are templates",),
    ),
    "no-kind": Mistake(
        files={"map.yaml": "apiVersion: v1\nmetadata: {name: a}\n"},
        cause=("no-kind/map.yaml", "has no kind"),
        remedy=("every object has",),
    ),
    "no-version": Mistake(
        files={"map.yaml": "kind: ConfigMap\nmetadata: {name: a}\n"},
        cause=("no-version/map.yaml", "has no apiVersion"),
        remedy=("every object has",),
    ),
    "no-name": Mistake(
        files={"map.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {labels: {a: b}}\n"},
        cause=("no-name/map.yaml", "has no metadata.name"),
        remedy=("every object has",),
    ),
    "generate-name": Mistake(
        files={"map.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: a-}\n"},
        cause=("generate-name/map.yaml", "generateName"),
        remedy=("name",),
    ),
    "no-object": Mistake(
        files={"map.yaml": "- a\n- b\n"},
        dialects=FLUX,
        cause=("no-object/map.yaml", "not a Kubernetes object"),
        remedy=("write an object",),
    ),
    "twice": Mistake(
        files={"a.yaml": MAP, "b.yaml": MAP},
        dialects=FLUX,
        cause=("settings", "twice/b.yaml"),
        remedy=("keep one of them",),
    ),
    "kind-typo": Mistake(
        files={"web.yaml": deployment().replace("Deployment", "Deploymnet")},
        cause=("Deploymnet", "did you mean Deployment of apps/v1?"),
        remedy=("spelling",),
    ),
    "kind-unknown": Mistake(
        files={
            "rule.yaml": "apiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a}\nspec: {}\n"
        },
        cause=("ServiceMonitor", "monitoring.coreos.com"),
        remedy=("CustomResourceDefinition", "install it"),
    ),
    "version-old": Mistake(
        files={"web.yaml": deployment().replace("apps/v1", "extensions/v1beta1")},
        cause=("Deployment", "extensions"),
        remedy=("apps/v1",),
    ),
    "version-unknown": Mistake(
        files={"web.yaml": deployment().replace("apps/v1", "apps/v1beta1")},
        cause=("Deployment", "v1beta1"),
        remedy=("apps/v1",),
    ),
    "field-typo": Mistake(
        files={"web.yaml": deployment("  repicas: 3\n")}, cause=("Deployment", "spec.repicas"), remedy=("spelling",)
    ),
    "wrong-type": Mistake(
        files={"web.yaml": deployment().replace("replicas: 1", "replicas: three")},
        cause=("Deployment", "spec.replicas"),
        remedy=("number",),
    ),
    "number-for-text": Mistake(
        files={"map.yaml": MAP.replace("'1'", "1")}, cause=("ConfigMap", "data.a"), remedy=("quot",)
    ),
    "env-number": Mistake(
        files={"web.yaml": deployment(container="        env:\n        - {name: A, value: 5}\n")},
        cause=("Deployment", "env"),
        remedy=("quot",),
    ),
    "selector-other": Mistake(
        files={"web.yaml": deployment().replace("metadata: {labels: {app: web}}", "metadata: {labels: {app: other}}")},
        cause=("Deployment", "selector"),
        remedy=("the same labels",),
    ),
    "selector-absent": Mistake(
        files={"web.yaml": deployment().replace("  selector: {matchLabels: {app: web}}\n", "")},
        cause=("Deployment", "spec.selector"),
        remedy=("the same labels",),
    ),
    "port-range": Mistake(
        files={"s.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 99999}]}\n"},
        cause=("Service", "spec.ports[0].port", "99999"),
        remedy=("must be between 1 and 65535",),
    ),
    "name-invalid": Mistake(
        files={"map.yaml": MAP.replace("settings", "My_Settings")},
        cause=("My_Settings", "metadata.name"),
        remedy=("lowercase",),
    ),
    "label-invalid": Mistake(
        files={"map.yaml": MAP.replace("name: settings", "name: settings, labels: {owner: 'team a'}")},
        cause=("ConfigMap", "team a"),
        remedy=("alphanumeric",),
    ),
    "quantity-invalid": Mistake(
        files={"web.yaml": deployment(container="        resources: {requests: {memory: 64Megs}}\n")},
        cause=("Deployment", "quantities"),
        remedy=("64Mi",),
    ),
    "request-over-limit": Mistake(
        files={"web.yaml": deployment(container="        resources: {requests: {cpu: 2}, limits: {cpu: 1}}\n")},
        cause=("Deployment", "cpu"),
        remedy=("limit",),
    ),
    "immutable-selector": Mistake(
        files={"web.yaml": deployment()},
        then={"web.yaml": deployment().replace("app: web", "app: other")},
        cause=("Deployment", "spec.selector", "immutable"),
        remedy=("deleted and made again", "orce"),
    ),
    "immutable-map": Mistake(
        files={"map.yaml": MAP + "immutable: true\n"},
        then={"map.yaml": MAP.replace("'1'", "'2'") + "immutable: true\n"},
        cause=("ConfigMap", "data", "immutable"),
        remedy=("deleted and made again", "orce"),
    ),
    "statefulset-claim": Mistake(
        files={
            "db.yaml": "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db}\n"
            "spec:\n  replicas: 0\n  serviceName: db\n"
            "  selector: {matchLabels: {app: db}}\n  template:\n    metadata: {labels: {app: db}}\n"
            "    spec: {containers: [{name: db, image: 'db:1'}]}\n"
        },
        then={
            "db.yaml": "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db}\n"
            "spec:\n  replicas: 0\n  serviceName: other\n"
            "  selector: {matchLabels: {app: db}}\n  template:\n    metadata: {labels: {app: db}}\n"
            "    spec: {containers: [{name: db, image: 'db:1'}]}\n"
        },
        cause=("StatefulSet", "spec.serviceName", "immutable"),
        remedy=("deleted and made again", "orce"),
    ),
    "encrypted": Mistake(
        files={
            "secret.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n"
            "stringData: {password: 'ENC[AES256_GCM,data:x]'}\n"
            "sops: {mac: a, version: 3.9.0}\n"
        },
        cause=("Secret", "sops"),
        remedy=("encrypted by SOPS", "Secret"),
    ),
}
