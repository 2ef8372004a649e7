"""Charts as the real `helm template` renders them: the same objects, byte for byte once both are written alike."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from support.helm import helm_program
from trueup.core.model.recipe import HelmFileParameter, HelmParameter, HelmRecipe

from .conftest import Bench

CHART = "apiVersion: v2\nname: shop\nversion: 1.2.3\nappVersion: '7'\n"
KUBE = "v1.37.2"


class Case(NamedTuple):
    """A chart below `chart/`, how it is asked for of us and of helm, and whether both must refuse it."""

    files: Mapping[str, str]
    recipe: Mapping[str, Any] = {}
    flags: tuple[str, ...] = ()
    refused: bool = False


def shown(*lines: str) -> str:
    """Give the template of a ConfigMap that shows values."""
    data = "".join(f"  {line}\n" for line in lines)
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{{{ .Release.Name }}}}\ndata:\n{data}"


def named(kind: str, name: str, notes: str = "") -> str:
    """Give a small object."""
    return f"apiVersion: v1\nkind: {kind}\nmetadata:\n  name: {name}\n{notes}"


def chart(*lines: str, values: str = "", about: str = "", **files: str) -> dict[str, str]:
    """Give a chart whose ConfigMap has these lines of data; other files by their path, `__` for a slash."""
    made = {"Chart.yaml": CHART + about, "values.yaml": values, "templates/map.yaml": shown(*lines)}
    return made | {path.replace("__", "/").replace("_DOT_", "."): text for path, text in files.items()}


ALL = "all: {{ .Values | toJson | quote }}"
SUB = {
    "charts/sub/Chart.yaml": "apiVersion: v2\nname: sub\nversion: 0.1.0\n",
    "charts/sub/values.yaml": "a: sub\nb: sub\n",
    "charts/sub/templates/map.yaml": shown(ALL).replace("name: {{ .Release.Name }}", "name: sub-{{ .Chart.Name }}"),
}
NEEDS = "dependencies:\n- {{name: sub, version: 0.1.0{}}}\n"
HOOK = "  annotations: {{helm.sh/hook: {}, helm.sh/hook-weight: '{}'}}\n"
CRD = (
    "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: as.example.com\n"
    "spec:\n  group: example.com\n  names: {kind: A, plural: as}\n  scope: Namespaced\n  versions: []\n"
)
HELPER = '{{ define "x" }}{{ .Release.Name }}!{{ end }}'
LIST = f"apiVersion: v1\nkind: List\nitems:\n- {json.dumps(yaml.safe_load(named('Secret', 'l')))}\n"
BOTH = ", tags: [back], condition: sub.on"
SCHEMA = '{"type": "object", "properties": {"count": {"type": "integer", "minimum": 1}}, "required": ["count"]}'
LIBRARY = {
    "charts/lib/Chart.yaml": "apiVersion: v2\nname: lib\nversion: 0.1.0\ntype: library\n",
    "charts/lib/templates/_names.tpl": '{{ define "lib.name" }}{{ .Release.Name }}-lib{{ end }}',
}

CASES: dict[str, Case] = {
    "values of the chart": Case(chart(ALL, values="a: 1\nb: {c: [1, 2]}\n")),
    "value files in order": Case(
        chart(ALL, values="a: 1\nb: 1\nc: 1\n", one_DOT_yaml="b: 2\nc: 2\n", two_DOT_yaml="c: 3\n"),
        {"value_files": ("one.yaml", "two.yaml")},
        ("-f", "chart/one.yaml", "-f", "chart/two.yaml"),
    ),
    "null removes a value": Case(
        chart(ALL, values="a: {b: 1, c: 2}\n", one_DOT_yaml="a: {b: null}\n"),
        {"value_files": ("one.yaml",)},
        ("-f", "chart/one.yaml"),
    ),
    "inline values over files": Case(
        chart(ALL, one_DOT_yaml="a: 1\nb: 1\n", two_DOT_yaml="a: 2\n"),
        {"value_files": ("one.yaml",), "values": "a: 2\n"},
        ("-f", "chart/one.yaml", "-f", "chart/two.yaml"),
    ),
    "an object of values over files": Case(
        chart(ALL, one_DOT_yaml="a: 1\nb: 1\n", two_DOT_yaml="a: {x: 2}\n"),
        {"value_files": ("one.yaml",), "values": "a: 9\n", "values_object": {"a": {"x": 2}}},
        ("-f", "chart/one.yaml", "-f", "chart/two.yaml"),
    ),
    "parameters": Case(
        chart(ALL, values="list: [1]\n"),
        {"parameters": (HelmParameter("a.b", "8"), HelmParameter("list", "{x,y}"), HelmParameter("t", "true"))},
        ("--set", "a.b=8", "--set", "list={x,y}", "--set", "t=true"),
    ),
    "parameters by index": Case(
        chart(ALL, values="list: [{a: 1}]\n"),
        {"parameters": (HelmParameter("list[0].b", "2"), HelmParameter("list[2]", "z"))},
        ("--set", "list[0].b=2", "--set", "list[2]=z"),
    ),
    "a parameter of nothing": Case(
        chart(ALL, values="a: {b: 1, c: 2}\n"),
        {"parameters": (HelmParameter("a.b", "null"),)},
        ("--set", "a.b=null"),
    ),
    "parameters as text": Case(
        chart(ALL),
        {"parameters": (HelmParameter("a", "8", force_string=True), HelmParameter("b", "true", force_string=True))},
        ("--set-string", "a=8", "--set-string", "b=true"),
    ),
    "parameters with dots": Case(chart(ALL), {"parameters": (HelmParameter(r"a\.b/c", "1"),)}, ("--set", r"a\.b/c=1")),
    "file parameters": Case(
        chart(ALL, text_DOT_txt="one\ntwo: {{ not a template }}\n"),
        {"file_parameters": (HelmFileParameter("a.file", "text.txt"),)},
        ("--set-file", "a.file=chart/text.txt"),
    ),
    "globs of value files": Case(
        chart(ALL, more__a_DOT_yaml="a: 1\nb: 1\n", more__b_DOT_yaml="b: 2\n"),
        {"value_files": ("more/*.yaml",)},
        ("-f", "chart/more/a.yaml", "-f", "chart/more/b.yaml"),
    ),
    "missing value files that are ignored": Case(
        chart(ALL, values="a: 1\n"), {"value_files": ("gone.yaml",), "ignore_missing_value_files": True}
    ),
    "a missing value file": Case(chart(ALL), {"value_files": ("gone.yaml",)}, ("-f", "chart/gone.yaml"), True),
    "release": Case(
        chart(
            "a: {{ .Release.Name }}-{{ .Release.Namespace }}-{{ .Release.Service }}-{{ .Release.Revision }}"
            "-{{ .Release.IsInstall }}-{{ .Release.IsUpgrade }}"
        ),
    ),
    "chart": Case(
        chart(
            "a: {{ .Chart.Name }}-{{ .Chart.Version }}-{{ .Chart.AppVersion }}-{{ .Template.BasePath }}"
            "-{{ .Template.Name }}"
        )
    ),
    "the cluster's version": Case(
        chart("a: {{ .Capabilities.KubeVersion.Version }}-{{ .Capabilities.KubeVersion.Minor }}"),
        {"kube_version": "1.31.2"},
        ("--kube-version", "1.31.2"),
    ),
    "API versions": Case(
        chart(
            'a: {{ .Capabilities.APIVersions.Has "example.com/v1" | quote }}',
            'b: {{ .Capabilities.APIVersions.Has "example.com/v1/A" | quote }}',
        ),
        {"api_versions": ("example.com/v1", "example.com/v1/A")},
        ("--api-versions", "example.com/v1", "--api-versions", "example.com/v1/A"),
    ),
    "a chart for other clusters": Case(chart(ALL, about="kubeVersion: '<1.20.0'\n"), refused=True),
    "helpers": Case(chart('a: {{ include "x" . | indent 1 | trim }}', templates___help_DOT_tpl=HELPER)),
    "tpl": Case(chart("a: {{ tpl .Values.t . | quote }}", values="t: 'is {{ .Release.Name }}'\n")),
    "required": Case(chart('a: {{ required "give it" .Values.none }}'), refused=True),
    "fail": Case(chart('a: {{ fail "no" }}'), refused=True),
    "files": Case(
        chart(
            'a: {{ .Files.Get "conf/a.txt" | quote }}',
            'b: {{ (.Files.Glob "conf/*").AsConfig | quote }}',
            'c: {{ range $p, $_ := .Files.Glob "conf/**" }}{{ $p }},{{ end }}',
            'd: {{ .Files.Lines "conf/a.txt" | join "+" }}',
            conf__a_DOT_txt="one\ntwo\n",
            conf__b_DOT_txt="x",
        ),
    ),
    "files as secrets": Case(chart('a: {{ (.Files.Glob "conf/*").AsSecrets | quote }}', conf__a_DOT_txt="one")),
    "ignored files": Case(
        chart('a: {{ .Files.Get "secret.txt" | quote }}', _DOT_helmignore="secret.txt\n", secret_DOT_txt="x")
    ),
    "lookup finds nothing": Case(chart('a: {{ lookup "v1" "Secret" "default" "x" | toJson | quote }}')),
    "sprig": Case(
        chart(
            'a: {{ list 3 1 2 | sortAlpha | join "," }}-{{ sha256sum "x" }}-{{ "A" | lower | b64enc }}',
            'b: {{ dict "k" (list 1 2) | toYaml | quote }}',
            'c: {{ semverCompare "^1.2" .Chart.Version | quote }}',
        ),
    ),
    "documents and empty ones": Case(
        chart(ALL) | {"templates/many.yaml": f"{named('Secret', 'a')}---\n# nothing\n---\n{named('Service', 'b')}---\n"}
    ),
    "a template that renders nothing": Case(chart(ALL) | {"templates/none.yaml": "{{ if false }}x: y{{ end }}\n"}),
    "notes": Case(chart(ALL) | {"templates/NOTES.txt": "Thank you, {{ .Release.Name }}"}),
    "crds": Case(chart(ALL) | {"crds/a.yaml": CRD}),
    "crds left out": Case(chart(ALL) | {"crds/a.yaml": CRD}, {"skip_crds": True}, ("--skip-crds",)),
    "hooks": Case(
        chart(ALL)
        | {
            "templates/a.yaml": named("Pod", "a", HOOK.format("pre-install", 2)),
            "templates/b.yaml": named("Pod", "b", HOOK.format("post-install,post-upgrade", -1)),
        }
    ),
    "tests": Case(chart(ALL) | {"templates/tests/t.yaml": named("Pod", "t", HOOK.format("test", 0))}),
    "tests left out": Case(
        chart(ALL) | {"templates/tests/t.yaml": named("Pod", "t", HOOK.format("test", 0))},
        {"skip_tests": True},
        ("--skip-tests",),
    ),
    "a schema that fits": Case(chart(ALL, values="count: 2\n", values_DOT_schema_DOT_json=SCHEMA)),
    "a schema that does not fit": Case(
        chart(ALL, values="count: 0\n", values_DOT_schema_DOT_json=SCHEMA), refused=True
    ),
    "a schema that is passed over": Case(
        chart(ALL, values="count: 0\n", values_DOT_schema_DOT_json=SCHEMA),
        {"skip_schema_validation": True},
        ("--skip-schema-validation",),
    ),
    "a subchart": Case(chart(ALL, values="sub: {a: parent}\n", about=NEEDS.format("")) | SUB),
    "a subchart under an alias": Case(
        chart(ALL, values="other: {a: parent}\n", about=NEEDS.format(", alias: other")) | SUB
    ),
    "globals": Case(chart(ALL, values="global: {g: 1}\nsub: {global: {h: 2}}\n", about=NEEDS.format("")) | SUB),
    "a condition that does not hold": Case(
        chart(ALL, values="sub: {on: false}\n", about=NEEDS.format(", condition: sub.on")) | SUB
    ),
    "a condition that a parameter sets": Case(
        chart(ALL, values="sub: {on: false}\n", about=NEEDS.format(", condition: sub.on")) | SUB,
        {"parameters": (HelmParameter("sub.on", "true"),)},
        ("--set", "sub.on=true"),
    ),
    "tags": Case(chart(ALL, values="tags: {back: false}\n", about=NEEDS.format(", tags: [back]")) | SUB),
    "a condition beats tags": Case(
        chart(ALL, values="tags: {back: false}\nsub: {on: true}\n", about=NEEDS.format(BOTH)) | SUB
    ),
    "values that are imported": Case(
        chart(ALL, about=NEEDS.format(", import-values: [{child: a, parent: taken}]"))
        | SUB
        | {"charts/sub/values.yaml": "a: {x: 1}\n"}
    ),
    "exports": Case(
        chart(ALL, about=NEEDS.format(", import-values: [data]"))
        | SUB
        | {"charts/sub/values.yaml": "exports: {data: {e: 1}}\n"}
    ),
    "a library": Case(
        chart('a: {{ include "lib.name" . }}', about="dependencies:\n- {name: lib, version: 0.1.0}\n") | LIBRARY
    ),
    "an older chart with requirements": Case(
        chart(ALL) | SUB | {"Chart.yaml": CHART.replace("v2", "v1"), "requirements.yaml": NEEDS.format("")}
    ),
    "a list": Case(chart(ALL) | {"templates/list.yaml": LIST}),
    "yaml's own words": Case(chart("a: !!str 1", 'b: "yes"', "c: 'on'", "d: |-\n    x\n    y")),
    "a template that is no yaml": Case(chart(ALL) | {"templates/bad.yaml": "a: b: c\n"}, refused=True),
    "values of no type": Case(chart("a: {{ .Values.n | quote }}-{{ .Values.f }}", values="n: 12345678\nf: 1.50\n")),
}


def alike(objects: list[dict[str, Any]]) -> list[str]:
    """Write objects alike: sorted, each as JSON; those of a List one by one."""
    flat = [item for one in objects for item in (one["items"] if one.get("kind") == "List" else [one])]
    return sorted(json.dumps(one, sort_keys=True, default=str) for one in flat)


async def of_helm(folder: Path, case: Case) -> list[str] | None:
    """Render by helm; `None` where it refuses."""
    command = ["template", "named", "chart", "--namespace", "prod", "--include-crds", "--kube-version", KUBE]
    if "--skip-crds" in case.flags:
        command.remove("--include-crds")
    environment = {"HOME": str(folder), "HELM_CACHE_HOME": str(folder / "c"), "PATH": "/usr/bin:/bin"}
    process = await asyncio.create_subprocess_exec(
        helm_program(),
        *command,
        *case.flags,
        cwd=folder,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    if process.returncode:
        assert errors
        return None
    loader = yaml.CSafeLoader
    return alike([item for item in yaml.load_all(output, Loader=loader) if item])


def test_there_are_forty_and_more() -> None:
    assert len(CASES) >= 40


@pytest.mark.parametrize("name", CASES)
async def test_a_chart_renders_as_helm_renders_it(bench: Bench, name: str) -> None:
    case = CASES[name]
    bench.write({f"chart/{path}": text for path, text in case.files.items()})
    wanted = await of_helm(bench.folder, case)
    options = {"release_name": "named", "namespace": "prod", "kube_version": KUBE, **case.recipe}
    recipe = HelmRecipe(path="chart", **options)
    assert (wanted is None) == case.refused
    if wanted is None:
        assert (await bench.fails(recipe)).message
        return
    assert alike([one.body for one in (await bench.render(recipe)).objects]) == wanted
