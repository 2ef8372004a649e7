"""Manifests made to exhaust: each ends in an error within bounds, and the next render is served."""

import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from trueup.core.model.recipe import DirectoryRecipe, HelmRecipe, KustomizeRecipe, Recipe, RenderContext, RenderError
from trueup.render import RenderSettings, WorkerRenderer

from .conftest import Bench

CHART = {"Chart.yaml": "apiVersion: v2\nname: x\nversion: 1.0.0\n"}
LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + level)}: &{chr(98 + level)} [{', '.join(['*' + chr(97 + level)] * 9)}]\n" for level in range(9)
)
HEAD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"

HOSTILE: dict[str, tuple[dict[str, str], Recipe]] = {
    "aliases of aliases": ({"x.yaml": HEAD + LAUGHS}, DirectoryRecipe()),
    "aliases of aliases, kustomized": ({"x.yaml": HEAD + LAUGHS}, KustomizeRecipe(generate=True)),
    "aliases in values": ({**CHART, "values.yaml": LAUGHS, "templates/x.yaml": "a: {{ .Values }}\n"}, HelmRecipe()),
    "brackets": ({"x.yaml": HEAD + "data: " + "[" * 200_000}, DirectoryRecipe()),
    "brackets, kustomized": ({"x.yaml": HEAD + "data: " + "[" * 200_000}, KustomizeRecipe(generate=True)),
    "brackets in JSON": ({"x.json": '{"kind":' + "[" * 200_000}, DirectoryRecipe()),
    "a template that repeats": (
        {**CHART, "templates/x.yaml": '{{ range until 1000000000 }}{{ repeat 1000 "x" }}{{ end }}'},
        HelmRecipe(),
    ),
    "a template in a circle": (
        {**CHART, "templates/x.yaml": '{{ define "x" }}{{ include "x" . }}{{ end }}{{ include "x" . }}'},
        HelmRecipe(),
    ),
    "tpl of tpl": (
        {**CHART, "values.yaml": "t: '{{ tpl .Values.t . }}'\n", "templates/x.yaml": "{{ tpl .Values.t . }}"},
        HelmRecipe(),
    ),
    "a text that doubles": (
        {"x.jsonnet": "std.foldl(function(a, i) a + a, std.range(1, 60), 'xxxxxxxx')"},
        DirectoryRecipe(),
    ),
    "an array without end": ({"x.jsonnet": "std.makeArray(1e12, function(i) i)"}, DirectoryRecipe()),
    "patterns": (
        {
            "kustomization.yaml": "resources: [x.yaml]\npatches:\n- {patch: '[]', target: {name: '"
            + "(a*)*" * 50
            + "$'}}\n",
            "x.yaml": HEAD,
        },
        KustomizeRecipe(),
    ),
    "binary": ({"x.yaml": HEAD + "data: \0\1\2\n"}, DirectoryRecipe()),
    "replacements of itself": (
        {"kustomization.yaml": "resources: [.]\ncomponents: [.]\n"},
        KustomizeRecipe(),
    ),
}


@pytest.fixture
async def renderer() -> AsyncIterator[WorkerRenderer]:
    async with WorkerRenderer(RenderSettings(workers=1, memory_mib=192)) as running:
        yield running


@pytest.mark.parametrize("case", HOSTILE)
async def test_ends_within_bounds(
    renderer: WorkerRenderer, tmp_path: Path, manifest: Callable[..., str], case: str
) -> None:
    files, recipe = HOSTILE[case]
    bench = Bench(renderer, tmp_path)
    bench.write(files)
    started = time.monotonic()
    try:
        result = await renderer.render(recipe, tmp_path, RenderContext(deadline=10))
    except RenderError as error:
        assert error.problem.code in {
            "parse",
            "build",
            "template",
            "jsonnet",
            "memory",
            "crashed",
            "cycle",
            "chart",
            "deadline",
        }
        assert len(error.problem.message) < 9000
    else:
        assert len(result.objects) <= 1
    assert time.monotonic() - started < 15
    bench.write({"fine/x.yaml": manifest("fine")})
    assert len((await renderer.render(DirectoryRecipe(path="fine"), tmp_path, RenderContext())).objects) == 1


async def test_nothing_of_one_render_is_left_for_the_next(renderer: WorkerRenderer, tmp_path: Path) -> None:
    """A kustomization may bring its own schema, which says how lists are merged; it must not hold for others."""
    bench = Bench(renderer, tmp_path)
    thing = (
        "apiVersion: example.org/v1\nkind: Thing\nmetadata: {name: x}\nspec:\n  items:\n"
        "  - {name: a, value: one}\n  - {name: b, value: two}\n"
    )
    patch = "apiVersion: example.org/v1\nkind: Thing\nmetadata: {name: x}\nspec: {items: [{name: a, value: patched}]}\n"
    schema = (
        '{"definitions": {"org.example.v1.Thing": {"properties": {"spec": {"properties": {"items": {"type": "array",'
        '"items": {"type": "object"}, "x-kubernetes-patch-merge-key": "name", "x-kubernetes-patch-strategy": "merge"'
        '}}}},"x-kubernetes-group-version-kind": [{"group": "example.org", "kind": "Thing", "version": "v1"}]}}}'
    )
    plain = "resources: [thing.yaml]\npatches: [{path: patch.yaml}]\n"
    for folder in ("plain", "own"):
        bench.write(
            {f"{folder}/thing.yaml": thing, f"{folder}/patch.yaml": patch, f"{folder}/kustomization.yaml": plain}
        )
    bench.write({"own/schema.json": schema, "own/kustomization.yaml": plain + "openapi: {path: schema.json}\n"})

    async def items(path: str) -> list[str]:
        result = await renderer.render(KustomizeRecipe(path=path), tmp_path, RenderContext())
        return [f"{one['name']}={one['value']}" for one in result.objects[0].body["spec"]["items"]]

    assert await items("plain") == ["a=patched"]
    assert sorted(await items("own")) == ["a=patched", "b=two"]
    assert await items("plain") == ["a=patched"]
