"""`docs/compatibility.md` says of every field of the typed objects what becomes of it, and says the truth."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from tests.unit.dialects import samples

from trueup.core.model.unit import SourceDeclaration, Unit
from trueup.core.model.webhook import Receiver
from trueup.core.notification.alerting import Alert, Channel
from trueup.dialects.argo.application.types import Spec as ApplicationSpec
from trueup.dialects.decode import Shape, shape_of
from trueup.dialects.flux.alert.types import AlertSpec, ProviderSpec, translate_alert, translate_provider
from trueup.dialects.flux.bucket.types import Spec as BucketSpec
from trueup.dialects.flux.externalartifact.types import Spec as ExternalSpec
from trueup.dialects.flux.gitrepository.types import Spec as RepositorySpec
from trueup.dialects.flux.helmchart.types import Spec as ChartSpec
from trueup.dialects.flux.helmrepository.types import Spec as ChartsSpec
from trueup.dialects.flux.kustomization.types import Spec as KustomizationSpec
from trueup.dialects.flux.ocirepository.types import Spec as ArtifactSpec
from trueup.dialects.flux.receiver.types import Spec as ReceiverSpec
from trueup.dialects.flux.receiver.types import translate_receiver

DOC = Path(__file__).parents[3] / "docs" / "compatibility.md"
ROW = re.compile(r"^\| `(?P<path>[^`]+)` \| (?P<word>\w+) \|", re.MULTILINE)
SOURCE = {"repoURL": "https://git.example/shop", "path": "web"}
KINDS = {
    "Application": (ApplicationSpec, samples.APPLICATION),
    "Kustomization": (KustomizationSpec, samples.KUSTOMIZATION),
    "GitRepository": (RepositorySpec, samples.REPOSITORY),
    "OCIRepository": (ArtifactSpec, samples.ARTIFACT),
    "Bucket": (BucketSpec, samples.BUCKET),
    "ExternalArtifact": (ExternalSpec, samples.EXTERNAL),
    "HelmRepository": (ChartsSpec, samples.CHARTS),
    "HelmChart": (ChartSpec, samples.CHART),
    "Receiver": (ReceiverSpec, samples.RECEIVER),
    "Provider": (ProviderSpec, samples.PROVIDER),
    "Alert": (AlertSpec, samples.ALERT),
}

EXAMPLES: dict[str, dict[str, dict[str, Any]]] = {
    "Application": {
        "spec.source.helm.passCredentials": {"source": {**SOURCE, "helm": {"passCredentials": True}}},
        "spec.source.kustomize.version": {"source": {**SOURCE, "kustomize": {"version": "v5"}}},
        "spec.source.kustomize.kubeVersion": {"source": {**SOURCE, "kustomize": {"kubeVersion": "1.30"}}},
        "spec.source.kustomize.apiVersions": {"source": {**SOURCE, "kustomize": {"apiVersions": ["a/v1"]}}},
        "spec.sourceHydrator": {
            "sourceHydrator": {
                "drySource": {"repoURL": "https://git.example/shop", "path": "web", "targetRevision": "main"},
                "syncSource": {"path": "web", "targetBranch": "live"},
            }
        },
        "spec.syncPolicy.retry.refresh": {"syncPolicy": {"retry": {"refresh": True}}},
        "spec.ignoreDifferences": {"ignoreDifferences": [{"kind": "Deployment", "jsonPointers": ["/spec/replicas"]}]},
    },
    "Kustomization": {
        "spec.decryption.serviceAccountName": {"decryption": {"provider": "sops", "serviceAccountName": "kms"}},
        "spec.ignore": {"ignore": [{"paths": ["/spec/replicas"]}]},
        "spec.kubeConfig": {"kubeConfig": {"secretRef": {"name": "other"}}},
        "spec.validation": {"validation": "client"},
    },
    "GitRepository": {
        "spec.include": {"include": [{"repository": {"name": "other"}}]},
        "spec.serviceAccountName": {"serviceAccountName": "git"},
        "spec.accessFrom": {"accessFrom": {"namespaceSelectors": []}},
        "spec.gitImplementation": {"gitImplementation": "libgit2"},
    },
    "OCIRepository": {
        "spec.serviceAccountName": {"serviceAccountName": "puller"},
        "spec.verify.matchOIDCIdentity": {"verify": {"matchOIDCIdentity": [{"issuer": "a", "subject": "b"}]}},
        "spec.verify.trustedRootSecretRef": {"verify": {"trustedRootSecretRef": {"name": "root"}}},
    },
    "Bucket": {
        "spec.serviceAccountName": {"serviceAccountName": "reader"},
        "spec.sts": {"sts": {"provider": "ldap", "endpoint": "https://ldap.example"}},
        "spec.accessFrom": {"accessFrom": {"namespaceSelectors": []}},
    },
    "ExternalArtifact": {},
    "HelmRepository": {
        "spec.accessFrom": {"accessFrom": {"namespaceSelectors": []}},
    },
    "HelmChart": {
        "spec.accessFrom": {"accessFrom": {"namespaceSelectors": []}},
        "spec.valuesFile": {"valuesFile": "prod.yaml"},
        "spec.verify.matchOIDCIdentity": {"verify": {"matchOIDCIdentity": [{"issuer": "a", "subject": "b"}]}},
        "spec.verify.trustedRootSecretRef": {"verify": {"trustedRootSecretRef": {"name": "root"}}},
    },
    "Receiver": {"spec.oidcProviders": {"oidcProviders": [{"issuerURL": "https://issuer.example"}]}},
    "Provider": {
        "spec.commitStatusExpr": {"commitStatusExpr": "'a'"},
        "spec.serviceAccountName": {"serviceAccountName": "sender"},
    },
    "Alert": {},
}


def speaker_of(kind: str, spec: dict[str, Any]) -> Unit | SourceDeclaration | Receiver | Channel | Alert:
    body = samples.changed(KINDS[kind][1], spec)
    if kind == "Receiver":
        return translate_receiver(body, True)
    if kind == "Provider":
        return translate_provider(body, frozenset({"slack"}))
    if kind == "Alert":
        return translate_alert(body)
    result = samples.translated(body)
    return result.unit or result.sources[0]


def table(kind: str) -> dict[str, str]:
    section = DOC.read_text().split(f"\n## {kind} ")[1].split("\n## ")[0]
    return {row["path"]: row["word"] for row in ROW.finditer(section)}


def leaves(shape: Shape, path: str) -> list[str]:
    found: list[str] = []
    for name, inner in shape.fields.items():
        found += leaves(inner, f"{path}.{name}") if inner and inner.fields else [f"{path}.{name}"]
    return found


def known(shape: Shape, path: str) -> set[str]:
    return {path} | {
        item
        for name, inner in shape.fields.items()
        for item in (known(inner, f"{path}.{name}") if inner else {f"{path}.{name}"})
    }


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_has_a_row_and_every_row_a_field(kind: str) -> None:
    shape, rows = shape_of(KINDS[kind][0]), table(kind)
    assert set(rows.values()) <= {"supported", "named", "refused"}
    missing = [
        leaf for leaf in leaves(shape, "spec") if not any(leaf == row or leaf.startswith(row + ".") for row in rows)
    ]
    assert not missing
    assert set(rows) <= known(shape, "spec")


@pytest.mark.parametrize(("kind", "path"), [(kind, path) for kind in KINDS for path in table(kind)])
def test_a_field_does_what_its_row_says(kind: str, path: str) -> None:
    word, example = table(kind)[path], EXAMPLES[kind].get(path)
    if word == "supported":
        assert example is None
        return
    assert example is not None, f"{path} is {word}: give an example of it"
    speaker = speaker_of(kind, example)
    told = speaker.problems if word == "refused" else speaker.warnings
    assert any(text.startswith(path) for text in told), (speaker.problems, speaker.warnings)
    if word == "named":
        assert not speaker.problems


@pytest.mark.parametrize("kind", KINDS)
def test_a_field_that_nobody_knows_is_named_and_changes_nothing(kind: str) -> None:
    speaker = speaker_of(kind, {"flavour": "sweet"})
    assert not speaker.problems
    assert any("spec.flavour" in text for text in speaker.warnings)
