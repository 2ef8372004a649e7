"""A Kustomization becomes a unit, a GitRepository a source, or they say what they lack."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.unit.dialects.samples import (
    ARTIFACT,
    BUCKET,
    EXTERNAL,
    KUSTOMIZATION,
    REPOSITORY,
    changed,
    translated,
    unit_of,
)

from trueup.core.model.artifact import IgnoreRules, Revision
from trueup.core.model.dialect import Context
from trueup.core.model.git import GitRef, GitSpec
from trueup.core.model.objects import ObjectRef
from trueup.core.model.recipe import KustomizeRecipe
from trueup.core.model.unit import DeletionPolicy, SourceDeclaration, ValueRef
from trueup.core.repository.archive import ArchiveSpec
from trueup.core.repository.bucket import BucketSpec
from trueup.core.repository.oci import OciRef, OciSpec


def source_of(spec: dict[str, Any] | None = None, **metadata: Any) -> SourceDeclaration:
    return translated(changed(REPOSITORY, spec, **metadata)).sources[0]


def test_the_defaults_are_upstreams() -> None:
    unit = unit_of(KUSTOMIZATION)
    assert not unit.problems and not unit.warnings
    assert unit.source == ObjectRef("source.toolkit.fluxcd.io", "GitRepository", "flux-system", "shop")
    assert (unit.interval, unit.retry_interval) == (300, 300)
    assert (unit.gate.timeout, unit.gate.deadline) == (300, 300), "slow is not broken, however short the interval"
    assert isinstance(unit.recipe, KustomizeRecipe)
    assert (unit.recipe.path, unit.recipe.generate, unit.recipe.restrict_to_folder) == ("web", True, False)
    assert unit.policy.prune and unit.policy.automated and unit.policy.heal and not unit.policy.allow_empty
    assert unit.finalizer == "finalizers.fluxcd.io" and unit.field_manager == "kustomize-controller"
    assert unit.marks.labels == {
        "kustomize.toolkit.fluxcd.io/name": "web",
        "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
    }
    assert unit.generation == 3 and unit.target.namespace == "flux-system"


@pytest.mark.parametrize("version", ["v1", "v1beta2", "v1beta1"])
def test_older_versions_say_the_same(version: str) -> None:
    body = {**KUSTOMIZATION, "apiVersion": f"kustomize.toolkit.fluxcd.io/{version}"}
    assert msgspec.structs.replace(unit_of(body), version="v1") == unit_of(KUSTOMIZATION)


def test_all_options_are_read() -> None:
    unit = unit_of(
        changed(
            KUSTOMIZATION,
            {
                "timeout": "2m",
                "retryInterval": "30s",
                "force": True,
                "wait": True,
                "suspend": True,
                "targetNamespace": "shop",
                "serviceAccountName": "deployer",
                "commonMetadata": {"labels": {"team": "a"}, "annotations": {"b": "c"}},
                "dependsOn": [{"name": "db"}, {"name": "net", "namespace": "infra", "readyExpr": "true"}],
                "images": [{"name": "nginx", "newTag": "2"}],
                "patches": [{"patch": "x", "target": {"kind": "Deployment"}}],
                "healthChecks": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "namespace": "shop"}],
            },
        )
    )
    assert not unit.problems and unit.suspended and unit.policy.force and unit.gate.wait
    assert unit.gate.timeout == 120 and unit.retry_interval == 30
    assert unit.gate.checks == (), "wait makes healthChecks void"
    assert unit.target.namespace == "shop" and unit.target.service_account == "flux-system:deployer"
    assert [(item.ref.namespace, item.ref.name, item.expression) for item in unit.depends_on] == [
        ("flux-system", "db", ""),
        ("infra", "net", "true"),
    ]
    recipe = unit.recipe
    assert (
        isinstance(recipe, KustomizeRecipe) and recipe.namespace == "shop" and recipe.metadata_labels == {"team": "a"}
    )
    assert recipe.images[0].new_tag == "2" and recipe.patches[0].target is not None


def test_variables_and_where_they_come_from() -> None:
    spec = {
        "commonMetadata": {"labels": {"team": "a"}},
        "postBuild": {
            "substitute": {"a": "1"},
            "substituteFrom": [
                {"kind": "ConfigMap", "name": "first"},
                {"kind": "Secret", "name": "second", "optional": True},
            ],
            "substituteStrategy": "Always",
        },
    }
    unit = unit_of(changed(KUSTOMIZATION, spec))
    assert not unit.problems and unit.substitution is not None and unit.remedies.variable
    found = unit.substitution
    assert found.inline == {"a": "1"} and found.always and found.labels == {"team": "a"}
    assert [(item.ref.kind, item.ref.namespace, item.ref.name, item.optional) for item in found.sources] == [
        ("ConfigMap", "flux-system", "first", False),
        ("Secret", "flux-system", "second", True),
    ]
    recipe = unit.recipe
    assert isinstance(recipe, KustomizeRecipe) and recipe.metadata_labels == {}, "labels are set after the variables"
    assert unit_of(changed(KUSTOMIZATION, {"postBuild": {}})).substitution is None
    other = changed(KUSTOMIZATION, {**spec, "postBuild": {**spec["postBuild"], "substitute": {"a": "2"}}})
    assert unit_of(other).spec_digest != unit.spec_digest


def test_the_patches_of_older_versions_are_patches() -> None:
    spec = {
        "patches": [{"patch": "x"}],
        "patchesStrategicMerge": [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}}],
        "patchesJson6902": [
            {"target": {"kind": "Service", "name": "s"}, "patch": [{"op": "remove", "path": "/spec/type"}]}
        ],
    }
    recipe = unit_of(changed(KUSTOMIZATION, spec)).recipe
    assert isinstance(recipe, KustomizeRecipe)
    merged, own, operations = recipe.patches
    assert merged.patch == '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"m"}}' and merged.target is None
    assert own.patch == "x"
    assert operations.patch == '[{"op":"remove","path":"/spec/type"}]'
    assert operations.target is not None and operations.target.kind == "Service"


def test_expressions_for_health() -> None:
    rule = {"apiVersion": "a.io/v1", "kind": "A", "current": "c", "inProgress": "p", "failed": "f"}
    unit = unit_of(changed(KUSTOMIZATION, {"healthCheckExprs": [rule]}))
    assert not unit.problems
    (found,) = unit.gate.expressions
    assert (found.group, found.kind, found.current, found.in_progress, found.failed) == ("a.io", "A", "c", "p", "f")


def test_named_objects_are_checked_but_never_the_kustomization_itself() -> None:
    own = {"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization", "name": "web"}
    web = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "namespace": "shop"}
    unit = unit_of(changed(KUSTOMIZATION, {"healthChecks": [{**own, "namespace": "flux-system"}, web]}))
    assert unit.gate.checks == (ObjectRef("apps", "Deployment", "shop", "web"),)


@pytest.mark.parametrize(
    ("spec", "deletion"),
    [
        ({}, DeletionPolicy.PRUNE),
        ({"prune": False}, DeletionPolicy.ORPHAN),
        ({"deletionPolicy": "Delete", "prune": False}, DeletionPolicy.PRUNE),
        ({"deletionPolicy": "WaitForTermination"}, DeletionPolicy.PRUNE_AND_WAIT),
        ({"deletionPolicy": "Orphan"}, DeletionPolicy.ORPHAN),
        ({"suspend": True}, DeletionPolicy.ORPHAN),
    ],
)
def test_deletion_follows_the_policy(spec: dict[str, Any], deletion: DeletionPolicy) -> None:
    assert unit_of(changed(KUSTOMIZATION, spec)).deletion is deletion


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"interval": "often"}, "spec.interval: 'often' is no duration"),
        ({"interval": None}, "spec.interval is required"),
        ({"sourceRef": {"kind": "HelmChart", "name": "x"}}, "kind HelmChart is not supported yet"),
        ({"sourceRef": None}, "spec.sourceRef is required"),
        ({"deletionPolicy": "Maybe"}, "'Maybe' is none of"),
        ({"prune": "yes"}, "spec.prune"),
        ({"postBuild": {"substituteFrom": [{"kind": "Pod", "name": "x"}]}}, "neither Secret nor ConfigMap"),
        ({"postBuild": {"substituteStrategy": "Never"}}, "neither WithVariables nor Always"),
        ({"patchesStrategicMerge": ["kind: Deployment"]}, "each patch is an object"),
        ({"patchesJson6902": [{"patch": []}]}, "each has a target"),
        ({"patchesJson6902": [{"patch": "[]", "target": {"kind": "Deployment"}}]}, "a list of operations"),
        ({"healthCheckExprs": [{"apiVersion": "a.io/v1", "current": "true"}]}, "spec.healthCheckExprs: each names"),
        ({"decryption": {"provider": "gpg"}}, "spec.decryption.provider: 'gpg' is not known"),
        ({"decryption": {"provider": "sops", "serviceAccountName": "a"}}, "serviceAccountName is not supported yet"),
        ({"ignore": [{"paths": ["/spec/replicas"]}]}, "spec.ignore is not supported yet"),
    ],
)
def test_what_cannot_be_done_is_a_problem_that_names_its_field(spec: dict[str, Any], words: str) -> None:
    assert any(words in text for text in unit_of(changed(KUSTOMIZATION, spec)).problems)


def test_a_path_cannot_lead_out_of_the_repository() -> None:
    for path in ("../../etc", "/etc", "a/../../etc"):
        assert unit_of(changed(KUSTOMIZATION, {"path": path})).recipe.path == "etc"
    assert unit_of(changed(KUSTOMIZATION, {"path": None})).recipe.path == "."


def test_references_across_namespaces_can_be_forbidden() -> None:
    ref = {"sourceRef": {"kind": "GitRepository", "name": "shop", "namespace": "other"}}
    assert not unit_of(changed(KUSTOMIZATION, ref)).problems
    closed = Context(cross_namespace=False)
    assert "cross-namespace" in unit_of(changed(KUSTOMIZATION, ref), closed).problems[0]
    assert unit_of(changed(KUSTOMIZATION, {"dependsOn": [{"name": "a", "namespace": "b"}]}), closed).problems
    assert not unit_of(KUSTOMIZATION, closed).problems


def test_a_default_service_account_acts_for_those_that_name_none() -> None:
    context = Context(default_service_account="tenant")
    assert unit_of(KUSTOMIZATION, context).target.service_account == "flux-system:tenant"


def test_only_what_is_delivered_is_in_the_spec_digest() -> None:
    digest = unit_of(KUSTOMIZATION).spec_digest
    assert unit_of(changed(KUSTOMIZATION, {"suspend": True}, generation=9)).spec_digest == digest
    assert unit_of(changed(KUSTOMIZATION, {"force": True})).spec_digest != digest


def test_a_repository_is_a_source_with_an_artifact() -> None:
    source = source_of(
        {
            "secretRef": {"name": "key"},
            "proxySecretRef": {"name": "proxy"},
            "ignore": "*.md",
            "sparseCheckout": ["web"],
            "timeout": "20s",
        },
        annotations={"reconcile.fluxcd.io/requestedAt": "now"},
    )
    assert not source.problems and source.artifact and source.requested == "now"
    assert source.spec.ref == GitRef(branch="main") and source.spec.sparse == ("web",)
    assert source.ignore == IgnoreRules(True, "*.md") and (source.interval, source.timeout) == (60, 20)
    assert source.credentials == ValueRef("Secret", "flux-system", "key")
    assert source.proxy == ValueRef("Secret", "flux-system", "proxy")
    assert source_of({"ref": None}).spec.ref == GitRef(branch="master")
    assert source_of({"suspend": True}).suspended


def test_nobody_asks_more_often_than_each_second() -> None:
    unit = unit_of(changed(KUSTOMIZATION, {"interval": "1ms", "retryInterval": "10ms"}))
    assert (unit.interval, unit.retry_interval, unit.policy.retry.base) == (1.0, 1.0, 1.0) and not unit.problems
    source = translated(changed(REPOSITORY, {"interval": "1ms", "timeout": "2h"})).sources[0]
    assert source.interval == 1.0 and source.timeout == 600.0
    assert any("spec.timeout: 2h is longer" in text for text in source.warnings)


def test_an_ocirepository_becomes_a_source() -> None:
    spec = {
        "ref": {"semver": "1.x", "semverFilter": "^1", "tag": "a"},
        "layerSelector": {"mediaType": "a/b", "operation": "extract"},
        "insecure": True,
        "ignore": "*.md",
    }
    source = translated(changed(ARTIFACT, spec)).sources[0]
    assert not source.problems and source.artifact and source.ignore.text == "*.md"
    ref = OciRef(semver="1.x", semver_filter="^1", tag="a")
    assert source.spec == OciSpec("oci://registry.example/shop", ref, "a/b", insecure=True)
    unit = unit_of(changed(KUSTOMIZATION, {"sourceRef": {"kind": "OCIRepository", "name": "shop"}}))
    assert unit.source == source.ref


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"url": "https://registry.example/a"}, "must begin with oci://"),
        ({"url": None}, "spec.url is required"),
        ({"verify": {"provider": "cosign"}}, "spec.verify without secretRef"),
        ({"verify": {"provider": "notation", "secretRef": {"name": "k"}}}, "spec.verify.provider: 'notation'"),
        ({"verify": {"matchOIDCIdentity": [{"issuer": "a", "subject": "b"}]}}, "spec.verify.matchOIDCIdentity"),
        ({"verify": {"trustedRootSecretRef": {"name": "k"}}}, "spec.verify.trustedRootSecretRef"),
        ({"provider": "aws"}, "spec.provider: 'aws'"),
        ({"layerSelector": {"operation": "copy"}}, "spec.layerSelector.operation: 'copy'"),
        ({"ref": "1.0"}, "spec.ref"),
    ],
)
def test_what_an_ocirepository_cannot_do_is_a_problem_that_names_its_field(spec: dict[str, Any], words: str) -> None:
    assert any(words in problem for problem in translated(changed(ARTIFACT, spec)).sources[0].problems)


def test_a_bucket_becomes_a_source() -> None:
    spec = {"region": "eu-west-1", "prefix": "dev/", "ignore": "*.md", "insecure": True, "timeout": "30s"}
    source = translated(changed(BUCKET, spec)).sources[0]
    assert not source.problems and source.artifact and source.ignore == IgnoreRules()
    assert source.spec == BucketSpec(
        "http://store.example:9000/shop",
        endpoint="store.example:9000",
        bucket="shop",
        region="eu-west-1",
        prefix="dev/",
        ignore="*.md",
        insecure=True,
        timeout=30.0,
    )
    unit = unit_of(changed(KUSTOMIZATION, {"sourceRef": {"kind": "Bucket", "name": "shop"}}))
    assert unit.source == source.ref
    keyed = translated(changed(BUCKET, {"provider": "aws", "secretRef": {"name": "keys"}})).sources[0]
    assert not keyed.problems


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"bucketName": None}, "spec.bucketName is required"),
        ({"endpoint": None}, "spec.endpoint is required"),
        ({"provider": "gcp"}, "spec.provider: 'gcp' is not supported yet"),
        ({"provider": "azure", "secretRef": {"name": "a"}}, "spec.provider: 'azure' is not supported yet"),
        ({"provider": "aws"}, "spec.provider: aws without spec.secretRef"),
        ({"sts": {"provider": "aws", "endpoint": "https://sts.example"}}, "spec.sts is not supported yet"),
        ({"prefix": 3}, "spec.prefix"),
    ],
)
def test_what_a_bucket_cannot_do_is_a_problem_that_names_its_field(spec: dict[str, Any], words: str) -> None:
    assert any(words in problem for problem in translated(changed(BUCKET, spec)).sources[0].problems)


def external(**artifact: Any) -> SourceDeclaration:
    told = {**EXTERNAL["status"]["artifact"], **artifact}
    return translated({**EXTERNAL, "status": {"artifact": told}}).sources[0]


def test_an_externalartifact_is_what_its_status_says() -> None:
    source = external()
    assert not source.problems and not source.artifact
    url, name = "http://maker.shop.svc.cluster.local/shop.tar.gz", "ExternalArtifact/flux-system/shop"
    revision = Revision("v1", "sha256:" + "e" * 64)
    assert source.spec == ArchiveSpec(url, name=name, digest="sha256:" + "d" * 64, revision=revision)
    assert source.remembered == str(revision)
    moved = external(url="http://maker.shop.svc.cluster.local/other.tar.gz")
    assert moved.spec.origin == source.spec.origin
    unit = unit_of(changed(KUSTOMIZATION, {"sourceRef": {"kind": "ExternalArtifact", "name": "shop"}}))
    assert unit.source == source.ref


def test_a_revision_in_other_words_names_the_tarballs_digest() -> None:
    source = external(revision="v1.2.3")
    assert source.remembered == "v1.2.3@sha256:" + "d" * 64
    assert Revision.parse(source.remembered) == source.spec.revision  # type: ignore[attr-defined]
    odd = external(revision="v1", digest="blake3:abc")
    assert Revision.parse(odd.remembered) == odd.spec.revision  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (None, "status.artifact is not there yet"),
        ({"artifact": None}, "status.artifact is not there yet"),
        ({"artifact": {"url": "http://a.b.svc/x", "revision": "v1"}}, "status.artifact.digest is required"),
        ({"artifact": {"url": 3, "digest": "sha256:a", "revision": "v1"}}, "status.artifact.url"),
        ({"artifact": "here"}, "status.artifact is"),
    ],
)
def test_an_externalartifact_without_an_artifact_says_so(status: Any, words: str) -> None:
    assert any(words in problem for problem in translated({**EXTERNAL, "status": status}).sources[0].problems)


@pytest.mark.parametrize(
    ("mode", "wanted"),
    [("", "HEAD"), ("head", "HEAD"), ("HEAD", "HEAD"), ("Tag", "Tag"), ("TagAndHEAD", "TagAndHEAD")],
)
def test_a_repository_says_whose_signatures_count(mode: str, wanted: str) -> None:
    verify = {"mode": mode, "secretRef": {"name": "keys"}}
    source = translated(changed(REPOSITORY, {"verify": verify})).sources[0]
    assert not source.problems and isinstance(source.spec, GitSpec)
    assert source.spec.verify == wanted and source.keys == ValueRef("Secret", "flux-system", "keys")


@pytest.mark.parametrize(
    ("verify", "words"),
    [
        ({"mode": "Commit", "secretRef": {"name": "keys"}}, "spec.verify.mode: 'Commit' is none of head, HEAD, Tag"),
        ({"mode": "HEAD"}, "spec.verify.secretRef is required"),
        ({"mode": 3, "secretRef": {"name": "keys"}}, "spec.verify.mode"),
    ],
)
def test_a_verification_that_cannot_be_read_is_a_problem(verify: Any, words: str) -> None:
    source = translated(changed(REPOSITORY, {"verify": verify})).sources[0]
    assert any(words in problem for problem in source.problems), source.problems
