"""Small, valid objects of each kind, for tests to change."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from trueup.core.model.dialect import Context, Translated
from trueup.core.model.unit import Unit
from trueup.dialects import dialect_of

NOW = datetime(2026, 11, 24, 10, 0, 5, tzinfo=UTC)
COMMIT = "1" * 40
REVISION = f"main@sha1:{COMMIT}"

APPLICATION: dict[str, Any] = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Application",
    "metadata": {"name": "web", "namespace": "argocd", "uid": "u-1", "generation": 7},
    "spec": {
        "project": "default",
        "source": {"repoURL": "https://git.example/shop", "path": "web", "targetRevision": "main"},
        "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"},
    },
}
KUSTOMIZATION: dict[str, Any] = {
    "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
    "kind": "Kustomization",
    "metadata": {"name": "web", "namespace": "flux-system", "uid": "u-2", "generation": 3},
    "spec": {"interval": "5m", "path": "./web", "prune": True, "sourceRef": {"kind": "GitRepository", "name": "shop"}},
}
REPOSITORY: dict[str, Any] = {
    "apiVersion": "source.toolkit.fluxcd.io/v1",
    "kind": "GitRepository",
    "metadata": {"name": "shop", "namespace": "flux-system", "uid": "u-3", "generation": 2},
    "spec": {"interval": "1m", "url": "https://git.example/shop", "ref": {"branch": "main"}},
}

ARTIFACT: dict[str, Any] = {
    "apiVersion": "source.toolkit.fluxcd.io/v1",
    "kind": "OCIRepository",
    "metadata": {"name": "shop", "namespace": "flux-system", "uid": "u-7", "generation": 2},
    "spec": {"interval": "1m", "url": "oci://registry.example/shop", "ref": {"tag": "1.0"}},
}

BUCKET: dict[str, Any] = {
    "apiVersion": "source.toolkit.fluxcd.io/v1",
    "kind": "Bucket",
    "metadata": {"name": "shop", "namespace": "flux-system", "uid": "u-8", "generation": 2},
    "spec": {"interval": "1m", "bucketName": "shop", "endpoint": "store.example:9000"},
}

EXTERNAL: dict[str, Any] = {
    "apiVersion": "source.toolkit.fluxcd.io/v1",
    "kind": "ExternalArtifact",
    "metadata": {"name": "shop", "namespace": "flux-system", "uid": "u-9", "generation": 1},
    "spec": {"sourceRef": {"kind": "Maker", "name": "shop"}},
    "status": {
        "artifact": {
            "url": "http://maker.shop.svc.cluster.local/shop.tar.gz",
            "digest": "sha256:" + "d" * 64,
            "revision": "v1@sha256:" + "e" * 64,
            "path": "shop.tar.gz",
            "lastUpdateTime": "2026-11-24T10:00:05Z",
            "size": 12,
        }
    },
}

CHARTS: dict[str, Any] = {
    "apiVersion": "source.toolkit.fluxcd.io/v1",
    "kind": "HelmRepository",
    "metadata": {"name": "shop", "namespace": "flux-system", "uid": "u-8", "generation": 2},
    "spec": {"interval": "1m", "url": "https://charts.example/stable"},
}

CHART: dict[str, Any] = {
    "apiVersion": "source.toolkit.fluxcd.io/v1",
    "kind": "HelmChart",
    "metadata": {"name": "web", "namespace": "flux-system", "uid": "u-9", "generation": 2},
    "spec": {
        "interval": "1m",
        "chart": "web",
        "version": "1.x",
        "sourceRef": {"kind": "HelmRepository", "name": "shop"},
    },
}

RECEIVER: dict[str, Any] = {
    "apiVersion": "notification.toolkit.fluxcd.io/v1",
    "kind": "Receiver",
    "metadata": {"name": "push", "namespace": "flux-system", "uid": "u-4", "generation": 2},
    "spec": {
        "type": "github",
        "events": ["ping", "push"],
        "secretRef": {"name": "token"},
        "resources": [{"kind": "GitRepository", "name": "shop"}],
    },
}

PROVIDER: dict[str, Any] = {
    "apiVersion": "notification.toolkit.fluxcd.io/v1beta3",
    "kind": "Provider",
    "metadata": {"name": "chat", "namespace": "flux-system", "uid": "u-5", "generation": 1},
    "spec": {"type": "slack", "channel": "ops", "secretRef": {"name": "slack"}},
}
ALERT: dict[str, Any] = {
    "apiVersion": "notification.toolkit.fluxcd.io/v1beta3",
    "kind": "Alert",
    "metadata": {"name": "all", "namespace": "flux-system", "uid": "u-6", "generation": 1},
    "spec": {"providerRef": {"name": "chat"}, "eventSources": [{"kind": "Kustomization", "name": "*"}]},
}


def changed(body: dict[str, Any], spec: dict[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
    """Give a copy with parts of the spec and metadata replaced; `None` in the spec removes a field."""
    copy = deepcopy(body)
    for name, value in (spec or {}).items():
        if value is None:
            copy["spec"].pop(name, None)
        else:
            copy["spec"][name] = value
    copy["metadata"].update(metadata)
    return copy


def translated(body: dict[str, Any], context: Context | None = None) -> Translated:
    """Translate by the object's own dialect."""
    dialect = dialect_of(body["apiVersion"].split("/")[0], body["kind"])
    assert dialect is not None
    return dialect.translate(body, context or Context())


def unit_of(body: dict[str, Any], context: Context | None = None) -> Unit:
    """Translate a unit's object."""
    unit = translated(body, context).unit
    assert unit is not None
    return unit
