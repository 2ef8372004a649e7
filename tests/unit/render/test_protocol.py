"""The two halves of the protocol name the same fields: what one writes, the other reads."""

import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from trueup.core.model import recipe
from trueup.core.notification import expressions
from trueup.core.plugins import PluginRecipe
from trueup.render import protocol

WORKER = Path(__file__).resolve().parents[3] / "go" / "worker"
PAIRS: dict[str, type[msgspec.Struct]] = {
    "imageOverride": recipe.ImageOverride,
    "replicaOverride": recipe.ReplicaOverride,
    "patchTarget": recipe.PatchTarget,
    "patch": recipe.Patch,
    "kustomizeRecipe": recipe.KustomizeRecipe,
    "helmParameter": recipe.HelmParameter,
    "helmFileParameter": recipe.HelmFileParameter,
    "helmRecipe": recipe.HelmRecipe,
    "jsonnetVariable": recipe.JsonnetVariable,
    "directoryRecipe": recipe.DirectoryRecipe,
    "capabilities": recipe.Capabilities,
    "renderRequest": protocol.RenderRequest,
    "evaluateRequest": protocol.EvaluateRequest,
    "condition": expressions.Condition,
    "messageTemplate": expressions.MessageTemplate,
    "conditionAnswer": expressions.Holds,
    "templateAnswer": expressions.Rendered,
    "commit": expressions.KnownCommit,
    "notificationRequest": protocol.NotificationRequest,
    "notificationAnswer": protocol.NotificationAnswer,
    "response": protocol.Answer,
    "hello": protocol.Hello,
    "object": recipe.RenderedObject,
    "origin": recipe.Origin,
    "hook": recipe.HelmHook,
    "warning": recipe.RenderWarning,
    "inputPaths": recipe.InputPaths,
    "problem": recipe.RenderProblem,
    "missing": recipe.MissingDependency,
}


def worker_fields() -> dict[str, set[str]]:
    source = "\n".join(path.read_text() for path in sorted(WORKER.glob("*.go")))
    structs = re.findall(r"^type (\w+) struct \{\n(.*?)^\}", source, re.MULTILINE | re.DOTALL)
    return {name: set(re.findall(r'`json:"(\w+)', body)) for name, body in structs}


@pytest.mark.parametrize("name", PAIRS)
def test_fields(name: str) -> None:
    assert worker_fields()[name] == set(PAIRS[name].__struct_encode_fields__)


def test_every_recipe_is_known_to_the_worker() -> None:
    source = (WORKER / "render.go").read_text()
    # Plugins are run beside the worker: it reads what they print.
    for kind in set(get_args(recipe.Recipe)) - {PluginRecipe}:
        assert f'"{kind.__struct_config__.tag}"' in source


def test_every_code_the_worker_gives_is_described() -> None:
    source = "\n".join(path.read_text() for path in sorted(WORKER.glob("*.go")))
    given = set(re.findall(r'(?:problemf|missing)\(\s*"([a-z-]+)"', source))
    described = set(re.findall(r"`([a-z-]+)`", (recipe.RenderProblem.__doc__ or "").partition("Codes:")[2]))
    assert len(given) > 15 and given <= described
    page = (WORKER.parents[1] / "docs" / "rendering.md").read_text()
    assert described <= set(re.findall(r"`([a-z-]+)`", page))


def test_both_bound_a_frame_alike() -> None:
    assert f"const maxFrame = {protocol.MAX_FRAME >> 20} << 20" in (WORKER / "frame.go").read_text()
    assert f"exitMemory   = {protocol.EXIT_MEMORY}" in (WORKER / "main.go").read_text()
