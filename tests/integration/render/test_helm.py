"""Charts from a folder: values by precedence, what the cluster is told to be, hooks marked, what is missing named."""

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

from trueup.core.model.recipe import (
    HelmFileParameter,
    HelmHook,
    HelmParameter,
    HelmRecipe,
    MissingDependency,
    RenderResult,
)
from trueup.core.ports import dependency_root

from .conftest import Bench, FolderIds

Names = Callable[[RenderResult], list[str]]
CHART = {
    "chart/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\nappVersion: '7'\n",
    "chart/values.yaml": "a: chart\nb: chart\nc: chart\nd: chart\ne: chart\nlist: [1]\n",
    "chart/templates/map.yaml": (
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-{{ .Chart.Name }}\n"
        "  namespace: {{ .Release.Namespace }}\ndata:\n  values: {{ .Values | toJson | quote }}\n"
        "  kube: {{ .Capabilities.KubeVersion.Version }}\n"
        '  route: {{ .Capabilities.APIVersions.Has "gateway.networking.k8s.io/v1" | quote }}\n'
    ),
    "chart/templates/NOTES.txt": "Thank you, {{ .Release.Name }}: no manifest",
    "chart/templates/_part.tpl": '{{ define "x" }}x{{ end }}',
}


def data(result: RenderResult) -> dict[str, str]:
    found: dict[str, str] = result.objects[0].body["data"]
    return found


async def test_values_in_rising_precedence(bench: Bench) -> None:
    bench.write(
        {
            **CHART,
            "chart/one.yaml": "b: one\nc: one\nd: one\ne: one\n",
            "shared/two.yaml": "c: two\nd: two\ne: two\n",
            "chart/text.txt": "from a file",
        }
    )
    result = await bench.render(
        HelmRecipe(
            path="chart",
            release_name="eu",
            namespace="prod",
            value_files=("one.yaml", "/shared/two.yaml"),
            values="d: inline\ne: inline\n",
            parameters=(
                HelmParameter("e", "parameter"),
                HelmParameter("deep.number", "8"),
                HelmParameter("deep.text", "8", force_string=True),
                HelmParameter("comma", "x,y"),
                HelmParameter("list", "{p,q}"),
            ),
            file_parameters=(HelmFileParameter("file", "text.txt"),),
        )
    )
    assert result.objects[0].body["metadata"] == {"name": "eu-shop", "namespace": "prod"}
    assert (
        json.loads(data(result)["values"])
        == {
            "a": "chart",
            "b": "one",
            "c": "two",
            "d": "inline",
            "e": "parameter",
            "deep": {"number": 8, "text": "8"},
            "comma": "x,y",
            "list": ["p", "q"],
            "file": "from a file",
            "global": {},
        }
        or json.loads(data(result)["values"]).get("global") is None
    )


async def test_a_values_object_stands_in_for_the_text(bench: Bench) -> None:
    bench.write(CHART)
    result = await bench.render(HelmRecipe(path="chart", values="a: text\n", values_object={"b": "object"}))
    assert '"a":"chart"' in data(result)["values"] and '"b":"object"' in data(result)["values"]


async def test_the_cluster_is_what_it_is_said_to_be(bench: Bench) -> None:
    bench.write(CHART)
    own = await bench.render(HelmRecipe(path="chart"))
    assert (data(own)["kube"], data(own)["route"]) == ("v1.37.2", "false")
    other = await bench.render(
        HelmRecipe(path="chart", kube_version="1.31.4", api_versions=("gateway.networking.k8s.io/v1",))
    )
    assert (data(other)["kube"], data(other)["route"]) == ("v1.31.4", "true")


async def test_a_chart_for_another_cluster_is_refused(bench: Bench) -> None:
    bench.write({**CHART, "chart/Chart.yaml": CHART["chart/Chart.yaml"] + "kubeVersion: '>=1.99'\n"})
    problem = await bench.fails(HelmRecipe(path="chart"))
    assert problem.code == "chart" and ">=1.99" in problem.message and "1.37.2" in problem.message


async def test_hooks_are_marked(bench: Bench, manifest: Callable[..., str], objects: Names) -> None:
    def hook(name: str, events: str, more: str = "") -> str:
        return (
            f"apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: {name}\n  annotations:\n"
            f"    helm.sh/hook: {events}\n{more}spec: {{}}\n"
        )

    bench.write(
        {
            **CHART,
            "chart/templates/hooks.yaml": hook(
                "migrate",
                "pre-install,pre-upgrade",
                '    helm.sh/hook-weight: "-5"\n    helm.sh/hook-delete-policy: hook-succeeded\n',
            )
            + "---\n"
            + hook("check", "test"),
        }
    )
    result = await bench.render(HelmRecipe(path="chart"))
    hooks = {one.body["metadata"]["name"]: one.hook for one in result.objects}
    assert hooks == {
        "release-shop": None,
        "migrate": HelmHook(("pre-install", "pre-upgrade"), -5, ("hook-succeeded",)),
        "check": HelmHook(("test",)),
    }
    without = await bench.render(HelmRecipe(path="chart", skip_tests=True))
    assert [one.body["metadata"]["name"] for one in without.objects if one.hook] == ["migrate"]


async def test_definitions_come_first_or_not_at_all(bench: Bench, objects: Names) -> None:
    definition = (
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: x.example.org}\n"
    )
    bench.write({**CHART, "chart/crds/x.yaml": definition + "# {{ not a template }}\n"})
    assert objects(await bench.render(HelmRecipe(path="chart")))[0] == "CustomResourceDefinition x.example.org"
    assert len((await bench.render(HelmRecipe(path="chart", skip_crds=True))).objects) == 1


async def test_charts_that_are_missing_are_named(bench: Bench) -> None:
    chart = CHART["chart/Chart.yaml"] + (
        "dependencies:\n- {name: redis, version: 19.x, repository: 'https://charts.example.org'}\n"
    )
    bench.write({**CHART, "chart/Chart.yaml": chart})
    problem = await bench.fails(HelmRecipe(path="chart"))
    assert problem.code == "missing-dependency" and problem.next_step == "fetch"
    assert [(one.name, one.version, one.repository) for one in problem.missing] == [
        ("redis", "19.x", "https://charts.example.org")
    ]
    assert "redis 19.x from https://charts.example.org" in problem.message


REDIS = MissingDependency("redis", "19.1.0", "https://charts.example.org")
LOCK = "dependencies:\n- {name: redis, version: 19.1.0, repository: 'https://charts.example.org'}\ndigest: x\n"


async def test_a_chart_that_was_fetched_stands_in_and_the_lock_says_which(
    bench: Bench, manifest: Callable[..., str], objects: Names, tmp_path: Path
) -> None:
    chart = CHART["chart/Chart.yaml"] + (
        "dependencies:\n- {name: redis, alias: cache, version: 19.x, repository: 'https://charts.example.org'}\n"
    )
    bench.write({**CHART, "chart/Chart.yaml": chart, "chart/Chart.lock": LOCK})
    assert (await bench.fails(HelmRecipe(path="chart"))).missing == (REDIS,)
    fetched = Bench(bench.renderer, tmp_path / "redis")
    fetched.write(
        {"Chart.yaml": "apiVersion: v2\nname: redis\nversion: 19.1.0\n", "templates/x.yaml": manifest("redis")}
    )
    name = dependency_root(REDIS)
    roots = {"roots": {name: str(fetched.folder)}, "root_trees": {name: FolderIds(fetched.folder)}}
    result = await bench.render(HelmRecipe(path="chart"), **roots)
    assert "ConfigMap redis" in objects(result)
    assert result.input_paths[name].files == ("Chart.yaml", "templates/x.yaml")
    # Its own dependencies are named as well.
    inner = "dependencies:\n- {name: common, version: 2.x, repository: 'https://other.example.org'}\n"
    fetched.write({"Chart.yaml": f"apiVersion: v2\nname: redis\nversion: 19.1.0\n{inner}"})
    roots["root_trees"] = {name: FolderIds(fetched.folder)}
    problem = await bench.fails(HelmRecipe(path="chart"), **roots)
    assert problem.missing == (MissingDependency("common", "2.x", "https://other.example.org"),)
    fetched.write({"Chart.yaml": "apiVersion: v2\nname: other\nversion: 19.1.0\n"})
    roots["root_trees"] = {name: FolderIds(fetched.folder)}
    assert "calls itself other" in (await bench.fails(HelmRecipe(path="chart"), **roots)).message
    for lock in (LOCK.replace("redis", "else"), LOCK.replace("19.1.0", "20.0.0")):
        bench.write({"chart/Chart.lock": lock})
        assert "does not fit its dependency redis 19.x" in (await bench.fails(HelmRecipe(path="chart"))).message


async def test_charts_within_and_beside(bench: Bench, manifest: Callable[..., str], objects: Names) -> None:
    chart = CHART["chart/Chart.yaml"] + (
        "dependencies:\n- {name: inner, version: 1.0.0}\n- {name: beside, version: 1.0.0, repository: 'file://../beside'}\n"
        "- {name: spare, version: 1.0.0, condition: spare.enabled}\n"
    )
    bench.write({**CHART, "chart/Chart.yaml": chart, "chart/values.yaml": "spare: {enabled: false}\n"})
    for folder, name in (("chart/charts/inner", "inner"), ("beside", "beside"), ("chart/charts/spare", "spare")):
        bench.write(
            {
                f"{folder}/Chart.yaml": f"apiVersion: v2\nname: {name}\nversion: 1.0.0\n",
                f"{folder}/templates/x.yaml": manifest(name),
            }
        )
    found = objects(await bench.render(HelmRecipe(path="chart")))
    assert sorted(found) == ["ConfigMap beside", "ConfigMap default/release-shop", "ConfigMap inner"]


async def test_packed_charts_within(bench: Bench) -> None:
    dependencies = "dependencies: [{name: redis, version: 1.x.x}]\n"
    bench.write({**CHART, "chart/Chart.yaml": CHART["chart/Chart.yaml"] + dependencies})
    (bench.folder / "chart" / "charts").mkdir()
    with tarfile.open(bench.folder / "chart" / "charts" / "redis-1.2.3.tgz", "w:gz") as packed:
        for name, text in (
            ("redis/Chart.yaml", "apiVersion: v2\nname: redis\nversion: 1.2.3\n"),
            ("redis/values.yaml", "size: 1\nname: redis\n"),
            ("redis/templates/x.yaml", CHART["chart/templates/map.yaml"]),
        ):
            info = tarfile.TarInfo(name)
            info.size = len(text)
            packed.addfile(info, io.BytesIO(text.encode()))
    result = await bench.render(HelmRecipe(path="chart", parameters=(HelmParameter("redis.size", "3"),)))
    found = {one.body["metadata"]["name"]: json.loads(one.body["data"]["values"]) for one in result.objects}
    assert found["release-redis"]["size"] == 3 and found["release-redis"]["name"] == "redis"
    assert "chart/charts/redis-1.2.3.tgz" in result.input_paths[""].files


async def test_value_files_of_a_further_root(bench: Bench, tmp_path: Path) -> None:
    bench.write(CHART)
    other = tmp_path.parent / f"{tmp_path.name}-values"
    (other / "env").mkdir(parents=True)
    (other / "env" / "prod.yaml").write_text("a: further\n")
    context = {"roots": {"values": str(other)}, "root_trees": {"values": FolderIds(other)}}
    recipe = HelmRecipe(path="chart", value_files=("$values/env/*.yaml",))
    result = await bench.render(recipe, **context)
    assert '"a":"further"' in data(result)["values"]
    assert result.input_paths["values"].files == ("env/prod.yaml",)
    assert bench.renderer.lookup(recipe, bench.context(**context)) is not None
    (other / "env" / "prod.yaml").write_text("a: changed\n")
    changed = {**context, "root_trees": {"values": FolderIds(other)}}
    assert bench.renderer.lookup(recipe, bench.context(**changed)) is None
    unknown = await bench.fails(HelmRecipe(path="chart", value_files=("$nothing/x.yaml",)), **context)
    assert unknown.code == "values" and "nothing" in unknown.message


async def test_missing_value_files(bench: Bench) -> None:
    bench.write(CHART)
    recipe = HelmRecipe(path="chart", value_files=("gone.yaml",))
    problem = await bench.fails(recipe)
    assert problem.code == "values" and "gone.yaml" in problem.message
    result = await bench.render(HelmRecipe(path="chart", value_files=("gone.yaml",), ignore_missing_value_files=True))
    assert "chart/gone.yaml" in result.input_paths[""].absent


async def test_chance_and_time_are_never_remembered(bench: Bench, manifest: Callable[..., str]) -> None:
    for function in ("randAlphaNum 8", "now", 'genCA "x" 1 | toJson', "uuidv4", 'date "2006" "x"'):
        bench.write({**CHART, "chart/templates/x.yaml": f"# {{{{ {function} }}}}\n" + manifest("x")})
        result = await bench.render(HelmRecipe(path="chart"))
        assert result.uncacheable == (function.split(" ")[0],), function
        assert bench.renderer.lookup(HelmRecipe(path="chart"), bench.context()) is None


async def test_what_only_looks_at_the_cluster_or_formats_a_date_is_remembered(bench: Bench) -> None:
    template = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata:\n"
        '  found: {{ lookup "v1" "Secret" "a" "b" | toJson | quote }}\n'
        '  date: {{ toDate "2006-01-02" "2020-02-03" | date "2006" | quote }}\n'
    )
    bench.write({**CHART, "chart/templates/map.yaml": template})
    result = await bench.render(HelmRecipe(path="chart"))
    assert data(result) == {"found": "{}", "date": "2020"}
    assert bench.renderer.lookup(HelmRecipe(path="chart"), bench.context()) is not None


async def test_failures_in_templates_name_file_and_line(bench: Bench) -> None:
    bench.write({**CHART, "chart/templates/map.yaml": 'a: 1\nb: {{ fail "set the host" }}\n'})
    problem = await bench.fails(HelmRecipe(path="chart"))
    assert problem.code == "template" and "set the host" in problem.message
    assert problem.origin is not None and (problem.origin.path, problem.origin.line) == ("chart/templates/map.yaml", 2)
    bench.write({**CHART, "chart/templates/map.yaml": "a: 1\nb: {{ if }}\n"})
    problem = await bench.fails(HelmRecipe(path="chart"))
    assert problem.code == "template" and problem.origin is not None and problem.origin.line == 2
    bench.write({**CHART, "chart/templates/map.yaml": "a: b: c\n"})
    problem = await bench.fails(HelmRecipe(path="chart"))
    assert problem.code == "template" and problem.message.startswith(
        "chart/templates/map.yaml: what the template gives"
    )


async def test_notes_are_no_manifest_but_may_refuse_the_values(bench: Bench) -> None:
    bench.write({**CHART, "chart/templates/NOTES.txt": '{{ fail "choose a password" }}'})
    problem = await bench.fails(HelmRecipe(path="chart"))
    assert problem.code == "template" and "choose a password" in problem.message


async def test_values_that_the_charts_schema_refuses(bench: Bench) -> None:
    schema = '{"type": "object", "properties": {"a": {"type": "integer"}}}'
    bench.write({**CHART, "chart/values.schema.json": schema})
    problem = await bench.fails(HelmRecipe(path="chart"))
    assert problem.code == "schema" and "integer" in problem.message
    await bench.render(HelmRecipe(path="chart", skip_schema_validation=True))
    bench.write({"chart/values.schema.json": '{"$ref": "file:///etc/passwd"}'})
    problem = await bench.fails(HelmRecipe(path="chart"))
    assert problem.code == "schema" and "file:///etc/passwd" in problem.message


async def test_templates_see_no_environment(bench: Bench) -> None:
    bench.write({**CHART, "chart/templates/map.yaml": 'x: {{ env "PATH" }}\n'})
    problem = await bench.fails(HelmRecipe(path="chart"))
    assert problem.code == "template" and "env" in problem.message


async def test_broken_charts(bench: Bench) -> None:
    bench.write({**CHART, "chart/values.yaml": "a: 1\nb: [\n"})
    problem = await bench.fails(HelmRecipe(path="chart"))
    assert problem.code == "parse" and problem.origin is not None and problem.origin.path == "chart/values.yaml"
    bench.write({"empty/x.txt": ""})
    problem = await bench.fails(HelmRecipe(path="empty"))
    assert problem.code == "chart" and "Chart.yaml" in problem.message
