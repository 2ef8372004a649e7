"""Several sources of an Application, overrides in the repository, and what is put in when a revision is rendered."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.unit.dialects.samples import APPLICATION, COMMIT, NOW, REVISION, changed, translated, unit_of
from tests.unit.dialects.test_argo_status import REPORT, written

from trueup.core.model.artifact import Revision
from trueup.core.model.dialect import Context
from trueup.core.model.git import GitRef, GitSpec
from trueup.core.model.objects import ObjectRef
from trueup.core.model.recipe import AutoRecipe, Capabilities, HelmParameter, HelmRecipe, KustomizeRecipe, RenderError
from trueup.core.model.state import HistoryEntry
from trueup.core.model.unit import LateRecipe, RevisionFacts, nth_source
from trueup.core.repository.helm import HelmSpec
from trueup.dialects import Argo
from trueup.dialects.argo.application.sources.overrides import overridden, override_files
from trueup.dialects.argo.application.types import Source
from trueup.dialects.sync_options import commit_of

CHARTS, VALUES = "https://git.example/charts", "https://git.example/values"
HELM = {"valueFiles": ["$values/prod/$ARGOCD_APP_NAME.yaml"], "fileParameters": [{"name": "a", "path": "$values/a"}]}
SOURCES: list[dict[str, Any]] = [
    {"repoURL": VALUES, "targetRevision": "main", "ref": "values"},
    {"repoURL": CHARTS, "path": "web", "helm": HELM},
    {"repoURL": CHARTS, "path": "more"},
]
REF = ObjectRef("argoproj.io", "Application", "argocd", "web")
MANY = changed(APPLICATION, {"source": None, "sources": SOURCES})
OTHER = "3" * 40


def late(body: dict[str, Any], number: int = 0, context: Context | None = None) -> LateRecipe:
    found = unit_of(body, context).sources[number].late
    assert found is not None
    return found


def helm(**parts: Any) -> dict[str, Any]:
    return changed(APPLICATION, {"source": {**APPLICATION["spec"]["source"], "helm": parts}})


def test_each_source_has_its_recipe_and_what_only_serves_others_has_none() -> None:
    unit = unit_of(MANY)
    assert not unit.problems
    assert [one.name for one in unit.sources] == ["values", "", ""]
    first, chart, more = (one.recipe for one in unit.sources)
    assert first is None and isinstance(more, AutoRecipe)
    assert isinstance(chart, HelmRecipe) and chart.value_files == ("$values/prod/web.yaml",)
    assert chart.file_parameters[0].path == "$values/a" and unit.recipe is chart


def test_sources_that_follow_the_same_are_polled_once() -> None:
    found = translated(MANY).sources
    assert [one.ref for one in found] == [REF, nth_source(REF, 1)]
    assert found[1].spec == GitSpec(CHARTS, GitRef(revision="HEAD"), submodules=True)
    unit = unit_of(MANY)
    assert [one.ref for one in unit.sources] == [REF, nth_source(REF, 1), nth_source(REF, 1)]
    other = [*SOURCES[:2], {**SOURCES[2], "targetRevision": "v1.*", "tagPrefix": "web/"}]
    found = translated(changed(MANY, {"sources": other})).sources
    assert [one.ref for one in found] == [nth_source(REF, number) for number in range(3)]
    assert found[2].spec == GitSpec(CHARTS, GitRef(revision="v1.*", tag_prefix="web/"), submodules=True)


def test_each_source_goes_on_with_the_revision_that_its_status_shows() -> None:
    body = {**MANY, "status": {"sync": {"revisions": [COMMIT, OTHER, OTHER]}}}
    assert [one.remembered for one in translated(body).sources] == [COMMIT, OTHER]
    body = {**MANY, "status": {"sync": {"revisions": [1, {}], "revision": "x"}}}
    assert [one.remembered for one in translated(body).sources] == ["", ""]


def test_a_project_is_asked_for_every_repository() -> None:
    project = {"metadata": {"name": "shop", "namespace": "argocd"}, "spec": {"sourceRepos": [VALUES]}}
    project["spec"]["destinations"] = [{"server": "*", "namespace": "*"}]  # type: ignore[index]
    context = Context(projects={("argocd", "shop"): project})
    problems = unit_of(changed(MANY, {"project": "shop"}), context).problems
    assert len(problems) == 1 and CHARTS in problems[0] and "sourceRepos" in problems[0]


def test_the_digest_of_one_source_does_not_hang_on_how_it_is_written() -> None:
    one = changed(APPLICATION, {"sources": [APPLICATION["spec"]["source"]], "source": None})
    assert unit_of(one).spec_digest == unit_of(APPLICATION).spec_digest
    renamed = [{**SOURCES[0], "ref": "other"}, {**SOURCES[1], "helm": {}}, SOURCES[2]]
    changes = (renamed, SOURCES[1:], [*SOURCES[:2], {**SOURCES[2], "path": "less"}])
    digests = {unit_of(changed(MANY, {"sources": sources})).spec_digest for sources in (SOURCES, *changes)}
    assert len(digests) == 4


# ------------------------------------------------------------------------------------------------ requests


def operation(body: dict[str, Any], **sync: Any) -> Any:
    unit = unit_of({**body, "operation": {"sync": sync}})
    return unit.operation


def refusal(body: dict[str, Any], **sync: Any) -> str:
    write = Argo().unit_status({**body, "operation": {"sync": sync}}, REPORT, NOW)
    assert write is not None and write.drop_fields == ("operation",)
    return str(write.status["operationState"]["message"])


def test_a_sync_names_a_revision_for_each_source() -> None:
    asked = operation(MANY, revisions=[COMMIT, "", OTHER])
    assert asked.revisions == (COMMIT, "", OTHER) and asked.revision == COMMIT and not asked.sources
    asked = operation(MANY, revisions=[COMMIT, OTHER, OTHER], sources=SOURCES)
    assert asked.revisions == (COMMIT, OTHER, OTHER) and not asked.sources, "they are its own"


def test_a_rollback_reads_each_source_as_it_was_read_then() -> None:
    then = [SOURCES[0], {**SOURCES[1], "path": "old", "helm": {}}, SOURCES[2]]
    asked = operation(MANY, revisions=[COMMIT, OTHER, OTHER], sources=then)
    assert [one.ref for one in asked.sources] == [one.ref for one in unit_of(MANY).sources]
    assert asked.sources[0].recipe is None and asked.sources[1].recipe.path == "old"


@pytest.mark.parametrize(
    ("sync", "words"),
    [
        ({"revision": COMMIT}, "a revision for each"),
        ({"revisions": [COMMIT] * 4}, "4 are given"),
        ({"sources": SOURCES[:2], "revisions": [COMMIT, OTHER]}, "own repositories"),
        ({"sources": [SOURCES[1], SOURCES[0], SOURCES[2]]}, "same order"),
    ],
)
def test_what_is_asked_for_in_vain_is_refused(sync: dict[str, Any], words: str) -> None:
    assert operation(MANY, **sync) is None
    assert words in refusal(MANY, **sync)


# ------------------------------------------------------------------------------------------------ status


def test_the_status_has_lists_of_several_sources() -> None:
    revisions = (REVISION, f"main@sha1:{OTHER}", f"main@sha1:{OTHER}")
    assert REPORT.operation is not None
    report = msgspec.structs.replace(
        REPORT,
        currents=revisions,
        recipes=("", "helm", "kustomize"),
        operation=msgspec.structs.replace(REPORT.operation, revisions=revisions),
        history=(
            HistoryEntry(0, REVISION, "2026-11-24T09:00:00Z", "2026-11-24T09:00:03Z", "good", revisions=revisions),
        ),
    )
    status = written(report, MANY).status
    commits = [COMMIT, OTHER, OTHER]
    assert status["sync"]["revisions"] == commits and "revision" not in status["sync"]
    assert status["sync"]["comparedTo"]["sources"] == SOURCES and status["sourceTypes"] == ["", "Helm", "Kustomize"]
    assert (status["history"][0]["revisions"], status["history"][0]["sources"]) == (commits, SOURCES)
    result = status["operationState"]["syncResult"]
    assert (result["revisions"], result["sources"], result["revision"]) == (commits, SOURCES, "")
    assert status["operationState"]["operation"]["sync"]["revisions"] == commits
    # What was delivered from other sources keeps them.
    less = changed(MANY, {"sources": SOURCES[:2]})
    again = written(msgspec.structs.replace(report, currents=()), {**less, "status": status}).status
    assert again["history"] == status["history"] and "revisions" not in again["sync"]


def test_one_source_in_a_list_is_shown_as_a_list() -> None:
    body = changed(APPLICATION, {"source": None, "sources": [APPLICATION["spec"]["source"]]})
    status = written(REPORT, body).status
    assert status["sync"]["revisions"] == [COMMIT] and status["sourceTypes"] == ["Kustomize"]
    assert status["history"][0]["revisions"] == [COMMIT]


# ------------------------------------------------------------------------------------------------ overrides


def test_the_files_stand_beside_the_source_and_name_the_application_as_its_marks_do() -> None:
    assert late(APPLICATION).files == ("web/.argocd-source.yaml", "web/.argocd-source-web.yaml")
    assert override_files(".", "a_b") == (".argocd-source.yaml", ".argocd-source-a_b.yaml")
    spec = {"sourceNamespaces": ["apps"], "sourceRepos": ["*"], "destinations": [{"server": "*", "namespace": "*"}]}
    context = Context(projects={("argocd", "default"): {"spec": spec}})
    assert late(changed(APPLICATION, namespace="apps"), context=context).files[1] == "web/.argocd-source-apps_web.yaml"


def test_files_are_merged_in_their_order_and_say_nothing_of_where_the_source_is() -> None:
    body = helm(parameters=[{"name": "tag", "value": "1"}], releaseName="shop", skipCrds=True)
    files = {
        "web/.argocd-source-web.yaml": b"helm: {parameters: [{name: tag, value: '3'}], skipCrds: null}\n",
        "web/.argocd-source.yaml": b"path: elsewhere\nhelm: {parameters: [{name: tag, value: '2'}], values: 'a: 1'}\n",
    }
    made = late(body).complete(RevisionFacts(files))
    assert isinstance(made.recipe, HelmRecipe) and made.lasting
    assert made.recipe.parameters == (HelmParameter("tag", "3"),) and made.recipe.values == "a: 1"
    assert (made.recipe.release_name, made.recipe.path, made.recipe.skip_crds) == ("shop", "web", False)
    assert made.warnings == ("web/.argocd-source.yaml: path has no effect there; set it in the Application",)


def test_a_file_may_pick_the_tool() -> None:
    files = {"web/.argocd-source.yaml": b"kustomize: {images: ['nginx:1.2']}\n"}
    made = late(APPLICATION).complete(RevisionFacts(files))
    assert isinstance(made.recipe, KustomizeRecipe) and made.recipe.images[0].new_tag == "1.2"


def test_an_unknown_field_is_told() -> None:
    _, warnings = overridden(Source("https://x", path="a"), [("a/.argocd-source.yaml", b"helm: {image: x}\n")])
    assert warnings == ("unknown field a/.argocd-source.yaml.helm.image: it has no effect",)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"- a\n", "no mapping"),
        (b"helm: [\n", "no YAML"),
        (b"\xff\xfe", "no YAML"),
        (b"a: &a [1]\nb: *a\n", "aliases"),
        (b"[" * 60 + b"]" * 60, "nested too deeply"),
        (b"helm: {skipCrds: 'yes'}\n", "skipCrds"),
        (b"helm: {values: a}\nkustomize: {namePrefix: a}\n", "multiple application sources"),
        (b"kustomize: {images: ['']}\n", "kustomize.images"),
        (b"helm: {valueFiles: [$none/a.yaml]}\n", "no source is called 'none'"),
        (b"plugin: {name: x}\n", "the controller has no config management plugins"),
    ],
)
def test_a_broken_file_is_an_error_that_names_it(content: bytes, words: str) -> None:
    with pytest.raises(RenderError) as caught:
        late(APPLICATION).complete(RevisionFacts({"web/.argocd-source.yaml": content}))
    assert words in caught.value.problem.message
    assert caught.value.problem.origin is not None and caught.value.problem.origin.path == "web/.argocd-source.yaml"


# ------------------------------------------------------------------------------------- the build environment


FACTS = RevisionFacts({}, COMMIT, Capabilities("v1.37.2+k3s1", ("apps/v1", "v1")))


def test_what_is_known_late_is_put_in_for_those_who_use_it() -> None:
    names = ("ARGOCD_APP_REVISION", "ARGOCD_APP_REVISION_SHORT", "ARGOCD_APP_REVISION_SHORT_8", "KUBE_VERSION")
    values = [{"name": name, "value": f"${name}"} for name in (*names, "KUBE_API_VERSIONS")]
    found = late(helm(parameters=values))
    assert found.by_revision and found.by_cluster
    recipe = found.complete(FACTS).recipe
    assert isinstance(recipe, HelmRecipe)
    assert [item.value for item in recipe.parameters] == [COMMIT, COMMIT[:7], COMMIT[:8], "v1.37.2", "apps/v1,v1"]
    assert not late(helm(parameters=[{"name": "a", "value": "$ARGOCD_APP_NAME $$KUBE_VERSION"}])).by_cluster
    assert late(helm(valueFiles=["values-$ARGOCD_APP_REVISION_SHORT.yaml"])).by_revision


def test_a_file_that_uses_the_revision_does_not_last() -> None:
    content = b"helm: {parameters: [{name: a, value: $ARGOCD_APP_REVISION}]}\n"
    facts = msgspec.structs.replace(FACTS, files={"web/.argocd-source.yaml": content})
    made = late(APPLICATION).complete(facts)
    assert isinstance(made.recipe, HelmRecipe) and made.recipe.parameters[0].value == COMMIT
    assert not made.lasting
    assert late(helm(parameters=[{"name": "b", "value": "$ARGOCD_APP_REVISION"}])).complete(facts).lasting


CHART = {"repoURL": "https://charts.example/stable", "chart": "web", "targetRevision": "1.x"}


def test_a_chart_is_read_whole_whatever_its_options_are() -> None:
    unit = unit_of(changed(APPLICATION, {"source": CHART}))
    assert not unit.problems and unit.recipe == HelmRecipe(path=".", release_name="web", namespace="shop")
    found = translated(changed(APPLICATION, {"source": {**CHART, "helm": {"passCredentials": True}}}))
    assert found.unit is not None and not found.unit.warnings
    expected = HelmSpec("https://charts.example/stable", "web", "1.x", unwrap=True, pass_credentials=True)
    assert found.sources[0].spec == expected
    assert unit_of(changed(APPLICATION, {"source": {**CHART, "kustomize": {"namePrefix": "a"}}})).problems
    assert unit.spec_digest != unit_of(changed(APPLICATION, {"source": {**CHART, "chart": "other"}})).spec_digest


@pytest.mark.parametrize("url", ["registry.example:5000/charts", "oci://registry.example:5000/charts"])
def test_a_charts_repository_without_a_scheme_is_a_registry(url: str) -> None:
    spec = translated(changed(APPLICATION, {"source": {**CHART, "repoURL": url}})).sources[0].spec
    assert spec == HelmSpec("oci://registry.example:5000/charts", "web", "1.x", unwrap=True)


def test_a_chart_goes_on_with_the_version_that_its_status_shows() -> None:
    body = {**changed(APPLICATION, {"source": CHART}), "status": {"sync": {"revision": "1.2.0"}}}
    source = translated(body).sources[0]
    assert source.spec.remembered(source.remembered) == Revision("1.2.0", "")
    assert commit_of(f"1.2.0@chart:{'a' * 64}") == "1.2.0"
