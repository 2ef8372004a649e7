"""A folder of plain manifests, rendered as an Application has it and as a Kustomization has it."""

from support.manifests import FIRST_STEPS
from trueup.core.model.recipe import AutoRecipe, DirectoryRecipe, HelmRecipe, KustomizeRecipe, RenderContext
from trueup.render import WorkerRenderer

from .conftest import FolderIds

ROOT = FIRST_STEPS / "shop-config"


async def test_a_folder_of_plain_manifests(renderer: WorkerRenderer) -> None:
    detected = AutoRecipe(HelmRecipe(path="k8s"), KustomizeRecipe(path="k8s"), DirectoryRecipe(path="k8s"))
    generated = KustomizeRecipe(path="k8s", generate=True, restrict_to_folder=False, namespace="production")
    plain = await renderer.render(detected, ROOT, RenderContext(tree=FolderIds(ROOT)))
    made = await renderer.render(generated, ROOT, RenderContext(tree=FolderIds(ROOT)))
    assert len(plain.objects) == len(made.objects) == 1
    assert "namespace" not in plain.objects[0].body["metadata"]
    assert made.objects[0].body["metadata"]["namespace"] == "production"
