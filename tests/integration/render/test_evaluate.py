"""CEL expressions over objects, as Flux's health checks and dependencies use them."""

import asyncio
import os
import signal

import pytest

from trueup.core.model.recipe import RenderError, RenderProblem
from trueup.render import RenderSettings, WorkerRenderer

OBJECT = {
    "metadata": {"name": "x", "generation": 2},
    "status": {"observedGeneration": 2, "ratio": 0.5, "conditions": [{"type": "Ready", "status": "True"}]},
}


async def fails(renderer: WorkerRenderer, expression: str, **options: object) -> RenderProblem:
    with pytest.raises(RenderError) as failure:
        await renderer.evaluate(expression, OBJECT, **options)  # type: ignore[arg-type]
    return failure.value.problem


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("status.conditions.filter(e, e.type == 'Ready').all(e, e.status == 'True')", True),
        ("has(status.failed) && status.failed", False),
        ("metadata.generation == status.observedGeneration", True),
        ("metadata.generation + 1", 3),
        ("status.ratio * 2.0", 1.0),
        ("status.conditions.map(c, c.type)", ["Ready"]),
        ("{'a': metadata.name, 'b': null}", {"a": "x", "b": None}),
        ("'a-b'.split('-')", ["a", "b"]),
        ("status.observedGeneration > 1.5", True),
        ("duration('90s') > duration('1m')", True),
    ],
)
async def test_value(renderer: WorkerRenderer, expression: str, value: object) -> None:
    assert await renderer.evaluate(expression, OBJECT) == value


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("status.", "Syntax error"),
        ("nothing.at.all == 1", "nothing"),
        ("metadata.name + 1", "no such overload"),
        ("1 / 0", "division by zero"),
        ("status.conditions[7].type", "7"),
    ],
)
async def test_what_is_wrong_with_an_expression(renderer: WorkerRenderer, expression: str, words: str) -> None:
    problem = await fails(renderer, expression)
    assert problem.code == "expression" and words in problem.message and expression in problem.message


async def test_declared_names_are_checked_before(renderer: WorkerRenderer) -> None:
    variables = {"self": OBJECT, "dep": OBJECT}
    expression = "self.metadata.generation == dep.metadata.generation"
    assert await renderer.evaluate(expression, variables, declared=("self", "dep")) is True
    await renderer.check(expression, ("self", "dep"))
    with pytest.raises(RenderError, match="other"):
        await renderer.check("other.metadata.generation == 1", ("self", "dep"))
    with pytest.raises(RenderError, match="true or false"):
        await renderer.check("'words'", ("self",))


async def test_work_is_bounded(renderer: WorkerRenderer) -> None:
    numbers = list(range(2000))
    with pytest.raises(RenderError) as failure:
        await renderer.evaluate("n.all(a, n.all(b, n.all(c, a + b + c >= 0)))", {"n": numbers})
    assert failure.value.problem.code in ("cost", "deadline")
    assert await renderer.evaluate("size(n)", {"n": numbers}) == 2000


async def test_a_killed_evaluator_costs_at_most_its_request() -> None:
    async with WorkerRenderer(RenderSettings(workers=1)) as renderer:
        assert await renderer.evaluate("1 + 1", {}) == 2
        killed = set(renderer.pids)
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(5):
            while killed & set(renderer.pids):
                await asyncio.sleep(0.01)
        assert await renderer.evaluate("1 + 1", {}) == 2
