"""`HelmRepository` and `HelmChart`: which source each declares, and what cannot be done."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.dialects.samples import CHART, CHARTS, NOW, REPOSITORY, changed, translated

from trueup.core.model.artifact import Artifact, Fault, IgnoreRules, Revision
from trueup.core.model.dialect import Context
from trueup.core.model.git import GitSpec
from trueup.core.model.objects import Body, ObjectRef
from trueup.core.model.reports import SourceReport
from trueup.core.model.unit import SourceDeclaration, ValueRef
from trueup.core.repository.helm import HelmSpec, PackagedSpec
from trueup.dialects.flux.helmchart.status import chart_status

SECRETS = {"secretRef": {"name": "login"}, "certSecretRef": {"name": "ca"}}
IN_GIT = changed(CHART, {"chart": "./charts/web/", "sourceRef": {"kind": "GitRepository", "name": "shop"}})


def declared(body: Body, *others: Body) -> SourceDeclaration:
    return translated(body, Context(others={ObjectRef.of(other): other for other in others})).sources[0]


def test_a_repository_declares_its_index() -> None:
    found = declared(changed(CHARTS, {**SECRETS, "timeout": "30s"}))
    assert found.spec == HelmSpec("https://charts.example/stable", timeout=30.0) and found.artifact
    assert found.ignore == IgnoreRules() and not found.problems
    assert found.credentials == ValueRef("Secret", "flux-system", "login")
    assert found.certificates == ValueRef("Secret", "flux-system", "ca")


def test_a_repository_in_a_registry_is_no_source_by_itself() -> None:
    assert translated(changed(CHARTS, {"type": "oci", "url": "oci://registry.example/charts"})).sources == ()


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"url": "oci://registry.example/charts"}, "a registry wants spec.type: oci"),
        ({"type": "git"}, "must be default or oci"),
        ({"provider": "aws"}, "'aws' is not supported yet"),
        ({"interval": "soon"}, "no duration"),
    ],
)
def test_what_a_repository_cannot_do_is_named_on_it_and_waited_for_by_its_charts(
    spec: dict[str, Any], words: str
) -> None:
    body = changed(CHARTS, spec)
    assert any(words in problem for problem in declared(body).problems)
    if "interval" not in spec:
        chart = declared(CHART, body)
        assert isinstance(chart.spec, HelmSpec) and words in chart.spec.missing and not chart.problems


def test_a_chart_takes_url_and_credentials_of_its_repository() -> None:
    wanted = {"valuesFiles": ["b.yaml"], "valuesFile": "a.yaml", "ignoreMissingValuesFiles": True}
    repository = changed(CHARTS, {**SECRETS, "passCredentials": True, "timeout": "5m"})
    found = declared(changed(CHART, wanted), repository)
    assert found.spec == HelmSpec(
        "https://charts.example/stable",
        "web",
        "1.x",
        values_files=("a.yaml", "b.yaml"),
        ignore_missing=True,
        pass_credentials=True,
        timeout=300.0,
    )
    assert found.ref.kind == "HelmChart" and found.credentials == ValueRef("Secret", "flux-system", "login")
    assert found.certificates == ValueRef("Secret", "flux-system", "ca") and found.ignore == IgnoreRules()


def test_a_chart_of_a_registry_is_asked_of_it() -> None:
    registry = {"type": "oci", "url": "oci://registry.example/charts", "insecure": True}
    found = declared(CHART, changed(CHARTS, registry))
    assert found.spec == HelmSpec("oci://registry.example/charts", "web", "1.x", insecure=True)


def test_a_chart_in_git_is_packed_of_its_folder() -> None:
    found = declared(changed(IN_GIT, {"reconcileStrategy": "Revision", "valuesFiles": ["./a.yaml"]}), REPOSITORY)
    spec = found.spec
    assert isinstance(spec, PackagedSpec) and isinstance(spec.source, GitSpec)
    assert (spec.path, spec.by_revision, spec.values_files) == ("charts/web", True, ("a.yaml",))
    assert spec.origin == declared(REPOSITORY).spec.origin and spec.ignore == IgnoreRules(True, None)


@pytest.mark.parametrize("others", [(), (changed(CHARTS, None, namespace="other"),)])
def test_a_source_that_is_not_there_is_waited_for(others: tuple[Body, ...]) -> None:
    found = declared(CHART, *others)
    assert isinstance(found.spec, HelmSpec) and "HelmRepository/flux-system/shop is not there" in found.spec.missing
    assert not found.problems


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"sourceRef": {"kind": "Bucket", "name": "a"}}, "kind Bucket is not supported yet"),
        ({"verify": {"provider": "cosign"}}, "spec.verify without secretRef"),
        ({"verify": {"provider": "notation", "secretRef": {"name": "k"}}}, "spec.verify.provider: 'notation'"),
        ({"verify": {"secretRef": {"name": "k"}}}, "only charts in a registry"),
        (
            {"verify": {"secretRef": {"name": "k"}}, "sourceRef": {"kind": "GitRepository", "name": "a"}},
            "charts of a GitRepository bear no signatures",
        ),
        ({"reconcileStrategy": "Always"}, "must be ChartVersion or Revision"),
        ({"chart": None}, "spec.chart is required"),
    ],
)
def test_what_a_chart_cannot_do_is_named(spec: dict[str, Any], words: str) -> None:
    assert any(words in problem for problem in declared(changed(CHART, spec), CHARTS).problems)


def test_no_path_of_a_chart_leads_out_of_its_repository() -> None:
    body = changed(IN_GIT, {"chart": "../../etc", "valuesFiles": ["../x.yaml"]})
    assert len(declared(body, REPOSITORY).problems) == 2


def test_the_status_shows_a_charts_version_and_files() -> None:
    metadata = {"chart": "web", "valuesFiles": "a.yaml\nb.yaml"}
    revision = Revision("1.2.0", f"chart:{'a' * 64}")
    artifact = Artifact(revision, "p", "http://x/p", "sha256:b", 7, NOW, metadata)
    body = changed(CHART, {"valuesFiles": ["a.yaml", "b.yaml"]})
    write = chart_status(body, SourceReport(generation=2, revision=str(revision), artifact=artifact), NOW)
    assert write is not None
    status = write.status
    assert status["artifact"]["revision"] == "1.2.0" and "metadata" not in status["artifact"]
    assert (status["observedChartName"], status["observedValuesFiles"]) == ("web", ["a.yaml", "b.yaml"])
    failed = SourceReport(generation=2, artifact=artifact, fault=Fault.VALUES, message="no values file", stalled=True)
    write = chart_status(body, failed, NOW)
    assert write is not None
    known = {item["type"]: item["reason"] for item in write.status["conditions"]}
    assert known["BuildFailed"] == known["Stalled"] == known["Ready"] == "ValuesFilesError"
    assert "FetchFailed" not in known
