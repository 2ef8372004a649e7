"""Repositories that Argo CD's and Flux's users have today, unchanged. Skipped where they are not beside the clone."""

from collections.abc import Callable

import pytest

from support.manifests import REALWORLD, needs_realworld
from trueup.core.model.recipe import (
    AutoRecipe,
    DirectoryRecipe,
    HelmParameter,
    HelmRecipe,
    JsonnetVariable,
    KustomizeRecipe,
    RenderContext,
    RenderError,
    RenderProblem,
    RenderResult,
)
from trueup.render import WorkerRenderer

from .conftest import FolderIds

pytestmark = needs_realworld
EXAMPLES = "argocd-example-apps"
PODINFO = "podinfo"


def auto(path: str, **directory: object) -> AutoRecipe:
    return AutoRecipe(
        HelmRecipe(path=path),
        KustomizeRecipe(path=path),
        DirectoryRecipe(path=path, **directory),  # type: ignore[arg-type]
    )


async def render(
    renderer: WorkerRenderer, repository: str, recipe: AutoRecipe | KustomizeRecipe | HelmRecipe
) -> RenderResult:
    root = REALWORLD / repository
    return await renderer.render(recipe, root, RenderContext(tree=FolderIds(root)))


async def fails(renderer: WorkerRenderer, repository: str, recipe: AutoRecipe | KustomizeRecipe) -> RenderProblem:
    with pytest.raises(RenderError) as failure:
        await render(renderer, repository, recipe)
    return failure.value.problem


@pytest.mark.parametrize(
    ("path", "kind", "count"),
    [
        ("guestbook", "directory", 2),
        ("helm-guestbook", "helm", 2),
        ("jsonnet-guestbook", "directory", 2),
        ("kustomize-guestbook", "kustomize", 2),
        ("sock-shop", "kustomize", 29),
        ("pre-post-sync", "kustomize", 4),
        ("sync-waves", "directory", 7),
        ("blue-green", "helm", 3),
        ("helm-hooks", "directory", 5),
        ("apps", "helm", 14),
    ],
)
async def test_argo_cd_examples(renderer: WorkerRenderer, path: str, kind: str, count: int) -> None:
    result = await render(renderer, EXAMPLES, auto(path))
    assert (result.recipe, len(result.objects), result.uncacheable) == (kind, count, ())
    assert all(one.origin is not None for one in result.objects)


async def test_jsonnet_with_arguments(renderer: WorkerRenderer, objects: Callable[[RenderResult], list[str]]) -> None:
    result = await render(
        renderer,
        EXAMPLES,
        auto(
            "jsonnet-guestbook-tla", tlas=(JsonnetVariable("name", "mine"), JsonnetVariable("replicas", "2", code=True))
        ),
    )
    assert sorted(objects(result)) == ["Deployment mine", "Service mine"]
    assert {one.body["spec"].get("replicas") for one in result.objects} == {2, None}


async def test_app_of_apps_with_its_own_values(renderer: WorkerRenderer) -> None:
    recipe = HelmRecipe(
        path="apps", parameters=(HelmParameter("config.spec.source.repoURL", "https://git.example.org/x.git"),)
    )
    result = await render(renderer, EXAMPLES, recipe)
    assert {one.body["kind"] for one in result.objects} == {"Application"}
    assert {one.body["spec"]["source"]["repoURL"] for one in result.objects} == {"https://git.example.org/x.git"}


async def test_what_the_other_examples_lack(renderer: WorkerRenderer) -> None:
    chart = await fails(renderer, EXAMPLES, auto("helm-dependency"))
    assert chart.code == "missing-dependency" and [one.name for one in chart.missing] == ["wordpress"]
    plugin = await fails(renderer, EXAMPLES, auto("plugins/kustomized-helm"))
    assert plugin.code in ("build", "path-absent", "plugin") and plugin.origin is not None
    arguments = await fails(renderer, EXAMPLES, auto("plugins/kasane"))
    assert arguments.code == "jsonnet" and "layers" in arguments.message


@pytest.mark.parametrize(
    ("path", "count"),
    [
        ("kustomize", 3),
        ("deploy/overlays/dev", 25),
        ("deploy/overlays/staging", 25),
        ("deploy/overlays/production", 25),
        ("deploy/webapp", 11),
    ],
)
async def test_podinfo(renderer: WorkerRenderer, path: str, count: int) -> None:
    result = await render(renderer, PODINFO, KustomizeRecipe(path=path, generate=True, restrict_to_folder=False))
    assert len(result.objects) == count


async def test_podinfos_chart_has_tests_of_chance(renderer: WorkerRenderer) -> None:
    result = await render(renderer, PODINFO, auto("charts/podinfo"))
    assert [one.hook.events for one in result.objects if one.hook] == [("test-success",)] * 3
    assert result.uncacheable == ("randAlphaNum",)


@pytest.mark.parametrize(
    ("repository", "path"),
    [
        ("flux2-kustomize-helm-example", path)
        for path in (
            "clusters/staging",
            "clusters/production",
            "infrastructure/controllers",
            "infrastructure/configs",
            "apps/staging",
            "apps/production",
        )
    ]
    + [
        ("flux2-multi-tenancy", path)
        for path in (
            "clusters/staging",
            "clusters/production",
            "infrastructure/kyverno",
            "infrastructure/kyverno-policies",
            "tenants/staging",
            "tenants/production",
        )
    ],
)
async def test_flux_examples(renderer: WorkerRenderer, repository: str, path: str) -> None:
    result = await render(renderer, repository, KustomizeRecipe(path=path, generate=True, restrict_to_folder=False))
    assert result.objects and not result.warnings
