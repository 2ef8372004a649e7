"""What stands in the demo's two repositories.

`shop` has a kustomize base and three overlays, and under `clusters/demo` the units that deliver them: a Flux
Kustomization for one environment and Argo CD Applications for the others. `my-app-config` is a folder of plain YAML
that an Application and a Kustomization deliver, in the form that both projects' guides show.
"""

from __future__ import annotations

from textwrap import dedent

SHOP_URL = "https://github.com/example/shop"
APP_URL = "https://github.com/myorg/my-app-config"
SECRET = "git-credentials"
USER, PASSWORD = "trueup", "demo-only"

ADA, GRACE, LINUS = "Ada <ada@example.com>", "Grace <grace@example.com>", "Linus <linus@example.com>"

GOOD_IMAGE = "registry.example.com/shop:1.0.0"
NEXT_IMAGE = "registry.example.com/shop:1.1.0"
BROKEN_IMAGE = "registry.example.com/shop:broken"


def _yaml(text: str) -> str:
    return dedent(text).lstrip("\n")


def deployment(image: str) -> str:
    """Give the base's Deployment with an image."""
    return _yaml(
        f"""
        apiVersion: apps/v1
        kind: Deployment
        metadata:
          name: shop
        spec:
          replicas: 2
          selector:
            matchLabels: {{app: shop}}
          template:
            metadata:
              labels: {{app: shop}}
            spec:
              containers:
                - name: shop
                  image: {image}
                  envFrom:
                    - configMapRef: {{name: shop}}
                  ports:
                    - containerPort: 8080
        """
    )


def settings(greeting: str) -> str:
    """Give the base's ConfigMap."""
    return _yaml(
        f"""
        apiVersion: v1
        kind: ConfigMap
        metadata:
          name: shop
        data:
          greeting: {greeting}
        """
    )


SERVICE = _yaml(
    """
    apiVersion: v1
    kind: Service
    metadata:
      name: shop
    spec:
      selector: {app: shop}
      ports:
        - port: 80
          targetPort: 8080
    """
)

INGRESS = _yaml(
    """
    apiVersion: networking.k8s.io/v1
    kind: Ingress
    metadata:
      name: shop
    spec:
      rules:
        - host: shop.example.com
          http:
            paths:
              - path: /
                pathType: Prefix
                backend:
                  service:
                    name: shop
                    port: {number: 80}
    """
)


def _kustomization(*resources: str, extra: str = "") -> str:
    listed = "".join(f"  - {item}\n" for item in resources)
    return f"apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n{listed}{extra}"


def _overlay(replicas: int, *more: str) -> str:
    return _kustomization("../../base", *more, extra=f"replicas:\n  - name: shop\n    count: {replicas}\n")


def _application(name: str, url: str, path: str, namespace: str, options: str = "") -> str:
    return (
        _yaml(
            f"""
            apiVersion: argoproj.io/v1alpha1
            kind: Application
            metadata:
              name: {name}
              namespace: argocd
            spec:
              project: default
              source:
                repoURL: {url}
                targetRevision: HEAD
                path: {path}
              destination:
                server: https://kubernetes.default.svc
                namespace: {namespace}
              syncPolicy:
                automated:
                  prune: true
                  selfHeal: true
            """
        )
        + options
    )


_CREATE_NAMESPACE = "    syncOptions:\n      - CreateNamespace=true\n"


def _flux(name: str, source: str, path: str, target: str, *, wait: bool = False) -> str:
    lines = [f"  targetNamespace: {target}\n"] if target else []
    lines += ["  wait: true\n  timeout: 10m\n"] if wait else []
    return _yaml(
        f"""
        apiVersion: kustomize.toolkit.fluxcd.io/v1
        kind: Kustomization
        metadata:
          name: {name}
          namespace: flux-system
        spec:
          interval: 5m
          path: {path}
          prune: true
          sourceRef:
            kind: GitRepository
            name: {source}
        """
    ) + "".join(lines)


def _repository(name: str, url: str, *, interval: str = "1s") -> str:
    return _yaml(
        f"""
        apiVersion: source.toolkit.fluxcd.io/v1
        kind: GitRepository
        metadata:
          name: {name}
          namespace: flux-system
        spec:
          interval: {interval}
          url: {url}
          ref:
            branch: main
          secretRef:
            name: {SECRET}
        """
    )


def _namespace(name: str) -> str:
    return f"apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {name}\n"


def _argo_credentials() -> str:
    return _yaml(
        f"""
        apiVersion: v1
        kind: Secret
        metadata:
          name: github
          namespace: argocd
          labels:
            argocd.argoproj.io/secret-type: repo-creds
        stringData:
          url: https://github.com
          username: {USER}
          password: {PASSWORD}
        """
    )


BANNER = _yaml(
    """
    apiVersion: apps/v1
    kind: Deployment
    metadata:
      name: banner
    spec:
      replicas: {{ .Values.replicas }}
      selector:
        matchLabels: {app: banner}
      template:
        metadata:
          labels: {app: banner}
        spec:
          containers:
            - name: banner
              image: {{ .Values.image }}
              env:
                - name: GREETING
                  value: {{ .Values.greeting | quote }}
    """
)

SHOP: dict[str, str] = {
    "base/deployment.yaml": deployment(GOOD_IMAGE),
    "base/service.yaml": SERVICE,
    "base/settings.yaml": settings("hello"),
    "base/kustomization.yaml": _kustomization("deployment.yaml", "service.yaml", "settings.yaml"),
    "overlays/dev/kustomization.yaml": _overlay(1),
    "overlays/staging/kustomization.yaml": _overlay(2),
    "overlays/production/kustomization.yaml": _overlay(3, "ingress.yaml"),
    "overlays/production/ingress.yaml": INGRESS,
    "charts/banner/Chart.yaml": "apiVersion: v2\nname: banner\nversion: 0.3.0\n",
    "charts/banner/values.yaml": "image: registry.example.com/banner:1.0.0\ngreeting: Welcome\nreplicas: 2\n",
    "charts/banner/templates/banner.yaml": BANNER,
    "clusters/demo/banner.yaml": _application("banner", SHOP_URL, "charts/banner", "production"),
    "clusters/demo/namespaces.yaml": "---\n".join(map(_namespace, ("argocd", "dev", "production"))),
    "clusters/demo/shop-dev.yaml": _flux("shop-dev", "root", "./overlays/dev", "dev", wait=True),
    "clusters/demo/shop-staging.yaml": _application(
        "shop-staging", SHOP_URL, "overlays/staging", "staging", _CREATE_NAMESPACE
    ),
    "clusters/demo/shop-production.yaml": _application(
        "shop-production", SHOP_URL, "overlays/production", "production"
    ),
    "clusters/demo/my-app-argo.yaml": _application("my-app", APP_URL, "k8s", "production"),
    "clusters/demo/my-app-flux.yaml": _repository("my-app", APP_URL) + "---\n" + _flux("my-app", "my-app", "./k8s", ""),
}
"""The first commit of `shop`."""

PRODUCTION_WITHOUT_INGRESS = _overlay(3)

MY_APP: dict[str, str] = {
    "k8s/deployment.yaml": deployment("nginx:1.21")
    .replace("shop", "my-app")
    .replace("replicas: 2", "replicas: 3")
    .replace("          envFrom:\n            - configMapRef: {name: my-app}\n", ""),
}
"""The first commit of `my-app-config`."""

ROOT: tuple[str, ...] = (
    _namespace("flux-system"),
    _namespace("argocd"),
    _yaml(
        f"""
        apiVersion: v1
        kind: Secret
        metadata:
          name: {SECRET}
          namespace: flux-system
        stringData:
          username: {USER}
          password: {PASSWORD}
        """
    ),
    _argo_credentials(),
    _repository("root", SHOP_URL),
    _flux("root", "root", "./clusters/demo", ""),
)
"""All that is applied by hand: the root unit, its source, and the credentials."""
