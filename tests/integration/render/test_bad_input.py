"""What users get wrong: each ends in a message that says what, where, and where it helps what to do."""

from collections.abc import Callable

import pytest

from trueup.core.model.recipe import DirectoryRecipe, HelmRecipe, JsonnetVariable, KustomizeRecipe, Patch, Recipe

from .conftest import Bench

OBJECT = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: fine}\n"
BROKEN = OBJECT + "---\n" + OBJECT.replace("fine", "two") + "data:\n  a: b\n bad: indentation\n"
RESOURCES = "resources: [x.yaml]\n"
AT = dict[str, str]

CASES: dict[str, tuple[AT, Recipe, str, str, tuple[str, ...]]] = {
    # name: files, recipe, code, place, words in the message
    "plain YAML that does not parse": ({"x.yaml": BROKEN}, DirectoryRecipe(), "parse", "x.yaml:9", ("x.yaml:9",)),
    "YAML of a kustomization's resource": (
        {"app/kustomization.yaml": RESOURCES, "app/x.yaml": BROKEN},
        KustomizeRecipe(path="app"),
        "parse",
        "app/x.yaml:9",
        ("app/x.yaml:9",),
    ),
    "YAML in a generated kustomization": (
        {"app/deep/x.yaml": BROKEN},
        KustomizeRecipe(path="app", generate=True),
        "parse",
        "app/deep/x.yaml:9",
        ("app/deep/x.yaml:9",),
    ),
    "kustomization that does not parse": (
        {"kustomization.yaml": "resources:\n- a\n b: c\n"},
        KustomizeRecipe(),
        "parse",
        "kustomization.yaml:3",
        (),
    ),
    "kustomization with an unknown field": (
        {"kustomization.yaml": "resuorces: [x.yaml]\n"},
        KustomizeRecipe(),
        "build",
        "kustomization.yaml",
        ("resuorces",),
    ),
    "kustomization with nothing in it": (
        {"kustomization.yaml": ""},
        KustomizeRecipe(),
        "build",
        "kustomization.yaml",
        ("empty",),
    ),
    "tabs": (
        {"x.yaml": "apiVersion: v1\nkind:\tConfigMap\n\tmetadata: x\n"},
        DirectoryRecipe(),
        "parse",
        "x.yaml:3",
        (),
    ),
    "JSON that does not parse": (
        {"x.json": '{"apiVersion": "v1",\n"kind" "x"}'},
        DirectoryRecipe(),
        "parse",
        "x.json:2:8",
        (),
    ),
    "JSON that breaks off, of whatever it may be": (
        {"x.json": '{"name": ["a"'},
        DirectoryRecipe(),
        "parse",
        "x.json:1:13",
        (),
    ),
    "without kind": (
        {"x.yaml": "apiVersion: v1\nmetadata: {name: x}\n"},
        DirectoryRecipe(),
        "missing-kind",
        "x.yaml:1",
        ("no kind",),
    ),
    "without apiVersion": (
        {"x.yaml": "\n\nkind: Pod\nmetadata: {name: x}\n"},
        DirectoryRecipe(),
        "missing-api-version",
        "x.yaml:3",
        ("apiVersion",),
    ),
    "without name": (
        {"x.yaml": "kind: Pod\napiVersion: v1\n"},
        DirectoryRecipe(),
        "missing-name",
        "x.yaml:1",
        ("metadata.name",),
    ),
    "kustomized without kind": (
        {"kustomization.yaml": RESOURCES, "x.yaml": OBJECT + "---\napiVersion: v1\nmetadata: {name: x}\n"},
        KustomizeRecipe(),
        "missing-kind",
        "x.yaml:5",
        ("no kind",),
    ),
    "kustomized without name": (
        {"kustomization.yaml": RESOURCES, "x.yaml": "apiVersion: v1\nkind: Pod\n"},
        KustomizeRecipe(),
        "missing-name",
        "x.yaml:1",
        ("metadata.name",),
    ),
    "kustomized with a generated name": (
        {"kustomization.yaml": RESOURCES, "x.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {generateName: x-}\n"},
        KustomizeRecipe(),
        "missing-name",
        "x.yaml",
        ("generateName",),
    ),
    "the same object twice in a kustomization": (
        {"kustomization.yaml": "resources: [x.yaml, y.yaml]\n", "x.yaml": OBJECT, "y.yaml": OBJECT},
        KustomizeRecipe(),
        "build",
        "y.yaml",
        ("ConfigMap fine", "keep one"),
    ),
    "a bare value": (
        {"x.yaml": "kind\n---\nkind: Pod\n"},
        DirectoryRecipe(),
        "not-an-object",
        "x.yaml:1",
        ("bare value",),
    ),
    "a name that is none to YAML": (
        {"x.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: off}\n"},
        DirectoryRecipe(),
        "not-an-object",
        "x.yaml:1",
        ("metadata.name is a bool", "quotes"),
    ),
    "metadata of a wrong type": (
        {"x.yaml": "apiVersion: v1\nkind: Pod\nmetadata: [a]\n"},
        DirectoryRecipe(),
        "not-an-object",
        "x.yaml:1",
        ("metadata",),
    ),
    "path absent": ({"x.yaml": OBJECT}, DirectoryRecipe(path="apps/web"), "path-absent", "apps/web", ('"apps/web"',)),
    "path absent, kustomize": ({"x.yaml": OBJECT}, KustomizeRecipe(path="web"), "path-absent", "web", ('"web"',)),
    "path absent, Helm": ({"x.yaml": OBJECT}, HelmRecipe(path="web"), "path-absent", "web", ('"web"',)),
    "path is a file": ({"x.yaml": OBJECT}, DirectoryRecipe(path="x.yaml"), "not-a-directory", "x.yaml", ()),
    "path leads out": ({"x.yaml": OBJECT}, KustomizeRecipe(path="../other"), "outside", "", ()),
    "path is absolute": ({"x.yaml": OBJECT}, DirectoryRecipe(path="/etc"), "outside", "", ("/etc",)),
    "resource absent": (
        {"app/kustomization.yaml": RESOURCES},
        KustomizeRecipe(path="app"),
        "path-absent",
        "app/x.yaml",
        ('"x.yaml"',),
    ),
    "base absent": (
        {"app/kustomization.yaml": "resources: [../base]\n"},
        KustomizeRecipe(path="app"),
        "path-absent",
        "base",
        ('"../base"', "app"),
    ),
    "resource of a base absent": (
        {"app/kustomization.yaml": "resources: [../base]\n", "base/kustomization.yaml": RESOURCES},
        KustomizeRecipe(path="app"),
        "path-absent",
        "base/x.yaml",
        ("base", '"x.yaml"'),
    ),
    "kustomization reaching out of its folder": (
        {"app/kustomization.yaml": "resources: [../x.yaml]\n", "x.yaml": OBJECT},
        KustomizeRecipe(path="app"),
        "outside",
        "",
        ("x.yaml", "own folder"),
    ),
    "kustomization reaching out of the artifact": (
        {"app/kustomization.yaml": "resources: [../../secret]\n"},
        KustomizeRecipe(path="app", restrict_to_folder=False),
        "outside",
        "",
        ("../../secret",),
    ),
    "kustomization with an absolute path": (
        {"app/kustomization.yaml": "resources: [/etc/passwd]\n"},
        KustomizeRecipe(path="app", restrict_to_folder=False),
        "outside",
        "",
        ("/etc/passwd",),
    ),
    "patch file absent": (
        {"app/kustomization.yaml": RESOURCES + "patches: [{path: p.yaml}]\n", "app/x.yaml": OBJECT},
        KustomizeRecipe(path="app"),
        "path-absent",
        "app/p.yaml",
        ('"app/p.yaml"', "in app"),
    ),
    "patch file that does not parse": (
        {
            "app/kustomization.yaml": RESOURCES + "patches: [{path: p.yaml}]\n",
            "app/x.yaml": OBJECT,
            "app/p.yaml": BROKEN,
        },
        KustomizeRecipe(path="app"),
        "parse",
        "app/p.yaml:9",
        (),
    ),
    "file of a generator absent": (
        {"kustomization.yaml": "configMapGenerator: [{name: a, files: [no.txt]}]\n"},
        KustomizeRecipe(),
        "path-absent",
        "no.txt",
        ('"no.txt"',),
    ),
    "folder without kustomization as a base": (
        {"app/kustomization.yaml": "resources: [sub]\n", "app/sub/README": ""},
        KustomizeRecipe(path="app"),
        "build",
        "app/sub",
        ("app/sub", "no kustomization.yaml"),
    ),
    "two kustomization files": (
        {"kustomization.yaml": RESOURCES, "kustomization.yml": RESOURCES, "x.yaml": OBJECT},
        KustomizeRecipe(),
        "build",
        "",
        ("multiple kustomization files", "the artifact's root"),
    ),
    "circular bases": (
        {"a/kustomization.yaml": "resources: [../b]\n", "b/kustomization.yaml": "resources: [../a]\n"},
        KustomizeRecipe(path="a"),
        "cycle",
        "b",
        ("a", "back to itself"),
    ),
    "a base of itself": ({"a/kustomization.yaml": "resources: [../a]\n"}, KustomizeRecipe(path="a"), "cycle", "", ()),
    "remote base": (
        {"app/kustomization.yaml": "resources: ['https://github.com/example/repo//deploy?ref=v1']\n"},
        KustomizeRecipe(path="app"),
        "remote-base",
        "",
        ("https://github.com/example/repo//deploy?ref=v1", "app"),
    ),
    "remote base, short": (
        {"app/kustomization.yaml": "resources: [github.com/example/repo]\n"},
        KustomizeRecipe(path="app"),
        "remote-base",
        "",
        ("github.com/example/repo",),
    ),
    "remote file": (
        {"app/kustomization.yaml": "resources: ['https://example.org/x.yaml']\n"},
        KustomizeRecipe(path="app"),
        "remote-base",
        "",
        ("https://example.org/x.yaml",),
    ),
    "Helm in a kustomization": (
        {"app/kustomization.yaml": "helmCharts: [{name: x, repo: 'https://example.org'}]\n"},
        KustomizeRecipe(path="app"),
        "plugin",
        "",
        ("Helm",),
    ),
    "a kustomize plugin": (
        {
            "app/kustomization.yaml": "resources: [x.yaml]\ntransformers: [t.yaml]\n",
            "app/x.yaml": OBJECT,
            "app/t.yaml": "apiVersion: example.org/v1\nkind: Mine\nmetadata: {name: t}\n",
        },
        KustomizeRecipe(path="app"),
        "plugin",
        "",
        ("plugin",),
    ),
    "a kustomize function that would be run": (
        {
            "app/kustomization.yaml": "resources: [x.yaml]\ntransformers: [t.yaml]\n",
            "app/x.yaml": OBJECT,
            "app/t.yaml": (
                "apiVersion: example.org/v1\nkind: Mine\nmetadata:\n  name: t\n  annotations:\n"
                "    config.kubernetes.io/function: 'exec: {path: /bin/true}'\n"
            ),
        },
        KustomizeRecipe(path="app"),
        "plugin",
        "",
        ("plugin",),
    ),
    "a patch for nothing": (
        {"kustomization.yaml": RESOURCES, "x.yaml": OBJECT},
        KustomizeRecipe(patches=(Patch(OBJECT.replace("fine", "other")),)),
        "build",
        "",
        ("other",),
    ),
    "a patch that is none": (
        {"kustomization.yaml": RESOURCES, "x.yaml": OBJECT},
        KustomizeRecipe(patches=(Patch("just words"),)),
        "build",
        "",
        ("patch",),
    ),
    "Jsonnet that does not parse": (
        {"x.jsonnet": "{\n  a: 1,\n  b 2\n}"},
        DirectoryRecipe(),
        "jsonnet",
        "x.jsonnet:3:5",
        (),
    ),
    "Jsonnet that fails": (
        {"x.jsonnet": "{\n  a: error 'no host'\n}"},
        DirectoryRecipe(),
        "jsonnet",
        "x.jsonnet:2:6",
        ("no host",),
    ),
    "Jsonnet without a variable": (
        {"x.jsonnet": "std.extVar('env')"},
        DirectoryRecipe(),
        "jsonnet",
        "x.jsonnet:1:1",
        ("env",),
    ),
    "Jsonnet with a broken argument": (
        {"x.jsonnet": "function(a) a"},
        DirectoryRecipe(tlas=(JsonnetVariable("a", "1 +", code=True),)),
        "jsonnet",
        "x.jsonnet",
        (),
    ),
    "Jsonnet that imports what is absent": (
        {"x.jsonnet": "import 'y'"},
        DirectoryRecipe(),
        "jsonnet",
        "x.jsonnet:1:1",
        ("y",),
    ),
    "Jsonnet that imports itself for ever": (
        {"x.jsonnet": "import 'x.jsonnet'"},
        DirectoryRecipe(),
        "jsonnet",
        "x.jsonnet:1:1",
        ("max stack frames",),
    ),
    "Jsonnet that gives no object": (
        {"x.jsonnet": "1"},
        DirectoryRecipe(),
        "not-an-object",
        "x.jsonnet",
        ("bare value",),
    ),
    "an include pattern that is none": ({"x.yaml": OBJECT}, DirectoryRecipe(include="[a"), "build", "", ("[a",)),
}


@pytest.mark.parametrize("case", CASES)
async def test_message(bench: Bench, case: str) -> None:
    files, recipe, code, place, words = CASES[case]
    bench.write(files)
    problem = await bench.fails(recipe)
    said = f"{problem.code} {problem.origin} {problem.message}"
    assert problem.code == code, said
    assert str(problem.origin or "") == place or (not place and problem.origin is not None), said
    assert all(word in problem.message for word in words), said
    assert str(bench.folder) not in problem.message and "/artifact" not in problem.message, said
    assert len(problem.message) < 600, said


async def test_a_failure_is_known_again(bench: Bench) -> None:
    bench.write({"x.yaml": BROKEN, "other/y.yaml": OBJECT})
    first = await bench.fails(DirectoryRecipe())
    before = bench.renderer.renders
    bench.write({"other/y.yaml": "changed"})
    assert await bench.fails(DirectoryRecipe()) == first
    assert bench.renderer.renders == before
    bench.write({"x.yaml": OBJECT})
    assert len((await bench.render(DirectoryRecipe())).objects) == 1


async def test_a_base_that_appears_is_seen(bench: Bench) -> None:
    bench.write({"app/kustomization.yaml": "resources: [../base]\n"})
    recipe = KustomizeRecipe(path="app")
    assert (await bench.fails(recipe)).code == "path-absent"
    bench.write({"base/kustomization.yaml": RESOURCES, "base/x.yaml": OBJECT})
    assert len((await bench.render(recipe)).objects) == 1


@pytest.mark.parametrize("recipe", [DirectoryRecipe(), KustomizeRecipe(generate=True)])
async def test_fifty_megabytes_of_yaml(bench: Bench, recipe: Recipe) -> None:
    bench.write({"x.yaml": OBJECT + "data:\n" + "  key: a value that is long enough\n" * 1_500_000})
    problem = await bench.fails(recipe)
    assert problem.code == "too-large" and "x.yaml has 50 MiB" in problem.message and "16 MiB" in problem.message
    assert problem.origin is not None and problem.origin.path == "x.yaml"


async def test_many_large_files_together(bench: Bench) -> None:
    large = "# " + "x" * (15 << 20)
    bench.write({f"{number}.yaml": large for number in range(9)})
    problem = await bench.fails(DirectoryRecipe())
    assert problem.code == "too-large" and "128 MiB together" in problem.message


async def test_more_objects_than_a_unit_can_have(bench: Bench, manifest: Callable[..., str]) -> None:
    bench.write({"x.yaml": "---\n".join(manifest(f"x{number}") for number in range(20_001))})
    problem = await bench.fails(DirectoryRecipe())
    assert problem.code == "too-many-objects" and "20000" in problem.message
