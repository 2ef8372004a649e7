"""Variables in rendered objects, as Flux' users write them, put in by the real worker."""

from __future__ import annotations

from typing import Any

import pytest

from trueup.core.model.recipe import Origin, RenderedObject, RenderError, RenderProblem, RenderResult
from trueup.core.model.unit import Substitution, ValueRef
from trueup.core.substitution import Variables, variables_of
from trueup.render import WorkerRenderer

MARK = "kustomize.toolkit.fluxcd.io/substitute"
V = {
    "v": "Hello-World.tar.gz",
    "lower": "abc",
    "upper": "ABC",
    "path": "a/b/c",
    "empty": "",
    "digits": "0123456789",
    "umlaut": "ÄB",
    "number": "123",
    "truth": "yes",
    "nothing": "null",
    "list": "[1, two]",
    "map": "{a: 1}",
    "quoted": "'123'",
    "_u1": "under",
    "colon": "a: b",
    "dollar": "$v ${v}",
}


def config(value: object, **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "app", "namespace": "shop", **metadata},
        "data": {"k": value},
    }


async def put(
    renderer: WorkerRenderer,
    *bodies: dict[str, Any],
    variables: Variables = Variables(V),
    substitution: Substitution = Substitution(disabled_by=MARK),
) -> list[dict[str, Any]]:
    objects = tuple(RenderedObject(body, Origin("app/map.yaml", 3)) for body in bodies)
    result = RenderResult(objects, {}, "kustomize", "worker")
    done = await renderer.substitute(result, substitution, variables, unit="x", tenant="")
    assert [item.origin for item in done.objects] == [item.origin for item in objects]
    return [item.body for item in done.objects]


async def fails(renderer: WorkerRenderer, *bodies: dict[str, Any], **options: Any) -> RenderProblem:
    with pytest.raises(RenderError) as failure:
        await put(renderer, *bodies, **options)
    return failure.value.problem


CASES: tuple[tuple[str, object], ...] = (
    ("${lower}", "abc"),
    ("a${lower}b${upper}c", "aabcbABCc"),
    ("no variable", "no variable"),
    ("$lower", "$lower"),
    ("costs $5", "costs $5"),
    ("$(lower)", "$(lower)"),
    ("$${lower}", "${lower}"),
    ("$$lower", "$lower"),
    ("a$$b", "a$b"),
    ("$$$${lower}", "$${lower}"),
    ("${_u1}", "under"),
    ("${#lower}", 3),
    ("n${#lower}", "n3"),
    ("n${#umlaut}", "n3"),
    ("n${#empty}", "n0"),
    ("${lower^}", "Abc"),
    ("${lower^^}", "ABC"),
    ("${upper,}", "aBC"),
    ("${upper,,}", "abc"),
    ("${v,,}", "hello-world.tar.gz"),
    ("x${digits:7}", "x789"),
    ("x${digits:0}", "x0123456789"),
    ("x${digits:2:3}", "x234"),
    ("x${digits:8:9}", "x89"),
    ("x${digits:20}", "x"),
    ("x${digits:0:0}", "x"),
    ("${v#*.}", "tar.gz"),
    ("${v##*.}", "gz"),
    ("${v%.*}", "Hello-World.tar"),
    ("${v%%.*}", "Hello-World"),
    ("${v#Hello-}", "World.tar.gz"),
    ("${v#nothing}", "Hello-World.tar.gz"),
    ("${v%.gz}", "Hello-World.tar"),
    ("${path/b/x}", "a/x/c"),
    ("${v/l/L}", "HeLlo-World.tar.gz"),
    ("${v//l/L}", "HeLLo-WorLd.tar.gz"),
    ("${v/Hello-/}", "World.tar.gz"),
    ("${v/#Hello/Bye}", "Bye-World.tar.gz"),
    ("${v/%gz/xz}", "Hello-World.tar.xz"),
    ("${v/*/x}", "Hello-World.tar.gz"),
    ("${unset=default}", "default"),
    ("${unset:=default}", "default"),
    ("${unset:-default}", "default"),
    ("${unset:?words}", "words"),
    ("${unset:+other}", "other"),
    ("${lower:=default}", "abc"),
    ("${lower:-default}", "abc"),
    ("${lower:+other}", "abc"),
    ("${empty=default}", "default"),
    ("${empty:=default}", "default"),
    ("${empty:-default}", "default"),
    ("x${empty}", "x"),
    ("x${unset:=}", "x"),
    ("${unset:=${lower}}", "abc"),
    ("${unset:=${other:=deep}}", "deep"),
    ("${unset:=a-${lower}-z}", "a-abc-z"),
    ("${v/Hello/${lower}}", "abc-World.tar.gz"),
    ("${unset:=http://a.example/b}", "http://a.example/b"),
    ("${number}", 123),
    ("x${number}", "x123"),
    ("${truth}", True),
    ("${nothing}", None),
    ("${quoted}", "123"),
    ("${list}", [1, "two"]),
    ("${map}", {"a": 1}),
    ("${dollar}", "$v ${v}"),
    ("a\n${lower}\nb\n", "a\nabc\nb\n"),
    ("'${lower}'", "'abc'"),
    ('"${lower}"', '"abc"'),
    ("${lower}: ${upper}", "abc: ABC"),
    ("123", "123"),
    ("$$ 123", "$ 123"),
)


@pytest.mark.parametrize(("text", "value"), CASES)
async def test_grammar(renderer: WorkerRenderer, text: str, value: object) -> None:
    assert len(CASES) >= 60
    (body,) = await put(renderer, config(text))
    assert body == config(value)


@pytest.mark.parametrize(
    "text",
    ["${lower", "${a.b}", "${a-b}", "${lower-x}", "${lower+x}", "${lower:1:9223372036854775807}"],
)
async def test_what_cannot_be_read_names_the_object_and_the_file(renderer: WorkerRenderer, text: str) -> None:
    problem = await fails(renderer, config(text))
    assert problem.code == "substitution" and problem.next_step == "stall"
    assert "ConfigMap/shop/app (app/map.yaml:3)" in problem.message and "$${" in problem.message


async def test_a_variable_without_value_names_itself_and_what_to_do(renderer: WorkerRenderer) -> None:
    problem = await fails(renderer, config("fine"), config("${unset} ${other^^} ${unset}"))
    assert problem.code == "variable" and problem.origin == Origin("app/map.yaml", 3)
    assert problem.message.startswith(
        "variables in ConfigMap/shop/app (app/map.yaml:3): the variables unset, other are not set: give them values"
    )
    assert "${unset:=value}" in problem.message and "$${unset}" in problem.message
    one = await fails(renderer, config("${unset}"))
    assert "the variable unset is not set" in one.message


async def test_without_variables_nothing_is_looked_at_unless_always(renderer: WorkerRenderer) -> None:
    text = "${unset} ${other:=x} $$"
    assert await put(renderer, config(text), variables=Variables()) == [config(text)]
    always = Substitution(always=True)
    assert (await put(renderer, config("${a:=x} $$"), variables=Variables(), substitution=always)) == [config("x $")]
    assert (await fails(renderer, config(text), variables=Variables(), substitution=always)).code == "variable"


@pytest.mark.parametrize("field", ["labels", "annotations"])
@pytest.mark.parametrize(("value", "left"), [("disabled", True), ("Disabled", False), ("enabled", False)])
async def test_a_marked_object_is_left_as_it_is(renderer: WorkerRenderer, field: str, value: str, left: bool) -> None:
    body = config("${lower} $$", **{field: {MARK: value}})
    (found,) = await put(renderer, body)
    assert found["data"]["k"] == ("${lower} $$" if left else "abc $")


async def test_labels_and_annotations_are_set_afterwards(renderer: WorkerRenderer) -> None:
    substitution = Substitution(
        labels={"team": "${lower}"}, annotations={"note": "n", MARK: "disabled"}, disabled_by=MARK
    )
    (body,) = await put(renderer, config("${lower}", labels={"own": "1"}), substitution=substitution)
    assert body == config("abc", labels={"own": "1", "team": "${lower}"}, annotations={"note": "n", MARK: "disabled"})
    (body,) = await put(renderer, config("$x"), substitution=substitution, variables=Variables())
    assert body["data"]["k"] == "$x" and body["metadata"]["labels"] == {"team": "${lower}"}


async def test_whatever_stands_in_an_object_may_be_a_variable(renderer: WorkerRenderer) -> None:
    body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "app-${lower}", "labels": {"${lower}": "x${number}"}},
        "spec": {"replicas": "${number}", "template": {"spec": {"containers": [{"args": ["--a=${v}", "${truth}"]}]}}},
    }
    (found,) = await put(renderer, body)
    assert found["metadata"] == {"name": "app-abc", "labels": {"abc": "x123"}}
    assert found["spec"]["replicas"] == 123
    assert found["spec"]["template"]["spec"]["containers"] == [{"args": ["--a=Hello-World.tar.gz", True]}]


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"name": "${number}"}, "metadata.name becomes a number"),
        ({"labels": {"a": "${truth}"}}, "metadata.labels[a] becomes true or false"),
        ({"annotations": {"a": "${list}"}}, "metadata.annotations[a] becomes a list"),
        ({"namespace": "${map}"}, "metadata.namespace becomes a mapping"),
    ],
)
async def test_a_text_that_becomes_something_else_is_refused_where_only_texts_are(
    renderer: WorkerRenderer, metadata: dict[str, Any], words: str
) -> None:
    problem = await fails(renderer, config("x", **metadata))
    assert words in problem.message and "quotes" in problem.message
    assert "123" not in problem.message


async def test_no_value_is_told_where_it_breaks_the_yaml(renderer: WorkerRenderer) -> None:
    for value in ("a: geheim", "*geheim", "geheim: &geheim x", "!!int geheim", '"geheim', "{geheim", "'geheim"):
        problem = await fails(renderer, config("${x}"), variables=Variables({"x": value}))
        assert "no YAML" in problem.message or "becomes" in problem.message, value
        assert "geheim" not in problem.message


async def test_what_is_wrong_with_the_variables_counts_where_an_object_is_looked_at(renderer: WorkerRenderer) -> None:
    broken = Variables({"lower": "abc", "a.b": "c"}, refused="the key 'a.b' cannot name a variable")
    assert "'a.b'" in (await fails(renderer, config("x"), variables=broken)).message
    left = config("x", labels={MARK: "disabled"})
    assert await put(renderer, left, variables=broken) == [left]
    binary = Variables({"lower": "abc"}, unusable={"blob": "its value in Secret/shop/s is no text"})
    assert "is no text" in (await fails(renderer, config("${blob}"), variables=binary)).message


def test_later_objects_win_and_what_the_unit_says_wins_over_all() -> None:
    first, second, third = (ValueRef(kind, "shop", kind.lower()) for kind in ("ConfigMap", "Secret", "ConfigMap"))
    found = variables_of(
        Substitution(inline={"c": "in\nline"}),
        [
            (first, {"a": b"1", "b": b"1", "c": b"1"}),
            (second, {"b": b"2\n", "c": b"2", "blob": b"\xff\xfe", "d": b"line\nline"}),
            (third, None),
        ],
    )
    assert found.values == {"a": "1", "b": "2", "c": "inline", "d": "lineline"}
    assert found.refused == "" and "Secret/shop/secret" in found.unusable["blob"]
    assert set(found.secrets) == {"2", "lineline", "line"} and "lineline" not in repr(found)
    refused = variables_of(Substitution(), [(first, {"app.conf": b"x"})]).refused
    assert "'app.conf' of ConfigMap/shop/configmap" in refused
