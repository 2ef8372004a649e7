"""What is delivered: N folders of four objects in one repository, and a Kustomization for each."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import dedent
from typing import Any

NAMESPACE = "bench"
REPOSITORY = "https://git.example.com/bench"
KINDS = 4


def name_of(number: int) -> str:
    """Give a unit's name."""
    return f"app-{number:04d}"


def manifests(number: int, value: str = "1") -> str:
    """Give the four objects of a unit; `value` stands in the Deployment's environment."""
    name = name_of(number)
    return dedent(
        f"""\
        apiVersion: v1
        kind: ServiceAccount
        metadata:
          name: {name}
        ---
        apiVersion: v1
        kind: Service
        metadata:
          name: {name}
        spec:
          selector: {{app: {name}}}
          ports:
            - port: 80
              targetPort: 8080
        ---
        apiVersion: networking.k8s.io/v1
        kind: Ingress
        metadata:
          name: {name}
        spec:
          rules:
            - host: {name}.example.com
              http:
                paths:
                  - path: /
                    pathType: Prefix
                    backend:
                      service:
                        name: {name}
                        port: {{number: 80}}
        ---
        apiVersion: apps/v1
        kind: Deployment
        metadata:
          name: {name}
        spec:
          replicas: 0
          selector:
            matchLabels: {{app: {name}}}
          template:
            metadata:
              labels: {{app: {name}}}
            spec:
              serviceAccountName: {name}
              containers:
                - name: app
                  image: registry.example.com/app:1.0.0
                  env:
                    - name: SETTING
                      value: "{value}"
        """
    )


KUSTOMIZATION_FILE = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n  - objects.yaml\n"


def files(units: int) -> dict[str, str]:
    """Give the repository's first commit."""
    found: dict[str, str] = {}
    for number in range(units):
        folder = f"apps/{name_of(number)}"
        found[f"{folder}/kustomization.yaml"] = KUSTOMIZATION_FILE
        found[f"{folder}/objects.yaml"] = manifests(number)
    return found


def change(number: int, value: str) -> dict[str, str]:
    """Give a commit that touches one unit."""
    return {f"apps/{name_of(number)}/objects.yaml": manifests(number, value)}


def broken(number: int) -> dict[str, str]:
    """Give a commit that makes one unit unhealthy: it is taken back, and held back."""
    bad = manifests(number).replace("replicas: 0", "replicas: 1").replace("app:1.0.0", "app:broken")
    return {f"apps/{name_of(number)}/objects.yaml": bad}


def repository() -> dict[str, Any]:
    """Give the GitRepository that all share."""
    return {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": {"name": "bench", "namespace": NAMESPACE},
        "spec": {"interval": "1s", "url": REPOSITORY, "ref": {"branch": "main"}},
    }


def units(count: int) -> Iterator[dict[str, Any]]:
    """Give a Kustomization for each folder, with `wait: true`."""
    for number in range(count):
        yield {
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
            "kind": "Kustomization",
            "metadata": {"name": name_of(number), "namespace": NAMESPACE},
            "spec": {
                "interval": "10m",
                "timeout": "5m",
                "path": f"./apps/{name_of(number)}",
                "prune": True,
                "wait": True,
                "targetNamespace": NAMESPACE,
                "sourceRef": {"kind": "GitRepository", "name": "bench"},
            },
        }
