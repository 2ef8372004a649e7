"""The renderer of the engine: recipes in, objects out, by worker processes and by what they have answered before."""

import asyncio
import hashlib
import math
import re
import time
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from trueup.core.model.recipe import (
    AutoRecipe,
    Capabilities,
    HelmRecipe,
    InputPaths,
    Recipe,
    RenderContext,
    RenderedObject,
    RenderError,
    RenderProblem,
    RenderResult,
    TreeIds,
    recipe_digest,
)
from trueup.core.model.unit import Substitution
from trueup.core.plugins import PluginRecipe
from trueup.core.substitution import Variables
from trueup.devtools.toolchain import binary
from trueup.render.expressions import WorkerExpressions
from trueup.render.inputs import prove
from trueup.render.lanes import RenderLanes
from trueup.render.memory import Known, Memory, decode_objects
from trueup.render.plugins.answering import answered
from trueup.render.plugins.declared import Plugin
from trueup.render.plugins.running import Plugins
from trueup.render.pool import WorkerPool
from trueup.render.process import Worker, WorkerGone
from trueup.render.protocol import Answer, EvaluateRequest, RenderRequest, SubstituteRequest, material
from trueup.render.settings import RenderSettings
from trueup.render.words import without_values
from trueup.shared import Shared

_answers = msgspec.json.Decoder(Answer)
_EVALUATE_MEMORY_MIB = 128
SUBSTITUTE_SECONDS = 60.0
LATE_SECONDS = 300.0
"""Seconds for which what has run out of time is not tried again with the same inputs."""

_SAFE_NAME = re.compile(r"[A-Za-z0-9._-]{1,253}\Z")
"""What can name a further root."""

_EVALUATE_GRACE = 1.0
"""The worker ends an expression by itself at its deadline; only one that does not even do that is killed."""


class WorkerRenderer:
    """Implements the `Renderer` port with pools of `go/worker`. Use it as an async context manager."""

    def __init__(self, settings: RenderSettings | None = None) -> None:
        """Take the bounds; nothing is started yet."""
        self._settings = settings or RenderSettings()
        self._executable = ""
        self._version = ""
        self._renderers: RenderLanes | None = None
        self._decrypters: RenderLanes | None = None
        self._evaluators: WorkerPool | None = None
        self._wordings: WorkerPool | None = None
        self._memory = Memory(self._settings.cache_bytes)
        self._under_way: Shared[RenderResult] = Shared()
        self._warming: asyncio.Task[None] | None = None
        self._requests = 0
        self._plugins: Plugins | None = None

    async def start(self) -> None:
        """Find the worker, which may build it, and begin to start one process; the rest start when they are needed.

        Raises what `trueup.devtools.toolchain.binary` raises.
        """
        settings = self._settings
        executable = settings.executable
        if executable is None:
            executable = await asyncio.to_thread(binary, "worker")
        self._executable = str(executable)
        self._version = await asyncio.to_thread(_name_executable, executable)
        self._renderers = self._lanes("render")
        self._decrypters = self._lanes("decrypt", once=True)
        self._evaluators = WorkerPool(1, lambda: self._spawn("evaluate", _EVALUATE_MEMORY_MIB))
        # Users' notifications must not hold up health: they have a process of their own, started when first needed.
        self._wordings = WorkerPool(1, lambda: self._spawn("evaluate", _EVALUATE_MEMORY_MIB))
        self._warming = asyncio.create_task(self._renderers.warm())

    def _lanes(self, role: str, *, once: bool = False) -> RenderLanes:
        settings = self._settings
        quick, slow = (
            WorkerPool(size, lambda: self._spawn(role, settings.memory_mib), once=once)
            for size in (settings.workers, max(1, settings.workers // 2))
        )
        return RenderLanes(quick, slow, settings.quick_seconds)

    async def stop(self) -> None:
        """End every process. Renders under way fail as `unavailable`."""
        pools = [pool for pool in self._all_pools() if pool is not None]
        if self._warming is not None:
            self._warming.cancel()
        await asyncio.gather(*(pool.close() for pool in pools))
        await asyncio.gather(*self._under_way.under_way(), *filter(None, [self._warming]), return_exceptions=True)

    async def __aenter__(self) -> "WorkerRenderer":
        """Start."""
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        await self.stop()

    @property
    def version(self) -> str:
        """The worker's version, by the content of its program: another one may render the same inputs differently."""
        if not self._version:
            raise RuntimeError("the renderer has not been started")
        return self._version

    @property
    def plugins(self) -> tuple[Plugin, ...]:
        """The plugins that it runs."""
        return self._settings.plugins

    @property
    def pids(self) -> tuple[int, ...]:
        """The ids of the worker processes that run now."""
        return tuple(pid for pool in self._all_pools() if pool is not None for pid in pool.pids)

    def _all_pools(self) -> tuple[RenderLanes | WorkerPool | None, ...]:
        return (self._renderers, self._decrypters, self._evaluators, self._wordings)

    def expressions(self) -> WorkerExpressions:
        """Give who evaluates the conditions and templates of notifications, in a worker apart from all others."""
        if self._wordings is None:
            raise RuntimeError("the renderer has not been started")
        return WorkerExpressions(self._wordings.ask, self._settings.evaluate_deadline)

    @property
    def renders(self) -> int:
        """How many renders workers were asked for so far."""
        return self._requests

    def lookup(self, recipe: Recipe, context: RenderContext) -> RenderResult | None:
        """Give what is already known for these inputs, without files and without a worker; `None`: render.

        Raises the `RenderError` that is known for them, marked as cached.
        """
        trees = _trees(context)
        if trees is None:
            return None
        known = self._memory.find(self._key(recipe, context), trees)
        return known.result(self.version) if known is not None and not known.forgotten else None

    def recognise(self, recipe: Recipe, context: RenderContext) -> str | None:
        """Name the inputs for which an answer is known, a failure or not; `None`: render."""
        trees = _trees(context)
        known = self._memory.find(self._key(recipe, context), trees) if trees is not None else None
        return known.inputs if known is not None else None

    async def render(self, recipe: Recipe, tree: PathLike[str], context: RenderContext) -> RenderResult:
        """Render `recipe` from the folder `tree`, or give what is known for its content. Raises `RenderError`.

        The same inputs are rendered once, however many ask at once. A caller that is cancelled leaves the render to
        those others, and without others it is ended at once; its deadline counts from when a worker begins.
        """
        trees = _trees(context)
        key = self._key(recipe, context)
        if trees is None:
            return await self._render(recipe, tree, context, key, None)
        known = self._memory.find(key, trees)
        if known is not None and not known.forgotten:
            return known.result(self.version)
        same = "\0".join((key, str(tree), *(f"{name}={root}" for name, root in sorted(context.roots.items()))))
        return await self._under_way.one(same, lambda: self._render(recipe, tree, context, key, trees))

    async def substitute(
        self, result: RenderResult, substitution: Substitution, variables: Variables, *, unit: str, tenant: str
    ) -> RenderResult:
        """Put variables into what was rendered; neither they nor what comes of them is kept. Raises `RenderError`."""
        if self._renderers is None:
            raise RuntimeError("the renderer has not been started")
        request = SubstituteRequest(
            1,
            result.objects,
            bool(variables.values) or substitution.always,
            variables.values,
            variables.unusable,
            variables.refused,
            substitution.disabled_by,
            substitution.labels,
            substitution.annotations,
        )
        try:
            asked = msgspec.json.encode(request)
            answer = _decode(await self._renderers.ask(asked, SUBSTITUTE_SECONDS, unit, tenant), request.id)
            objects = decode_objects(answer.objects)
        except msgspec.DecodeError:
            raise RenderError(RenderProblem("protocol", "Putting variables in: the answer holds no objects")) from None
        except WorkerGone as gone:
            raise RenderError(RenderProblem(gone.code, f"Putting variables in: {gone}")) from gone
        if answer.problem is not None:
            raise RenderError(answer.problem)
        return msgspec.structs.replace(result, objects=objects)

    async def evaluate(
        self,
        expression: str,
        variables: Mapping[str, object],
        *,
        declared: Sequence[str] = (),
        deadline: float | None = None,
    ) -> Any:
        """Evaluate a CEL expression over JSON values and give its value as JSON. Raises `RenderError`.

        With `declared` names, each of which holds an object, the expression is checked for unknown names and must give
        true or false. Without, names are looked up when it runs.
        """
        return await self._evaluate(expression, variables, tuple(declared), check_only=False, deadline=deadline)

    async def check(self, expression: str, declared: Sequence[str] = ()) -> None:
        """Say whether a CEL expression can be evaluated at all. Raises `RenderError` where it cannot."""
        await self._evaluate(expression, {}, tuple(declared), check_only=True, deadline=None)

    async def _evaluate(
        self,
        expression: str,
        variables: Mapping[str, object],
        declared: tuple[str, ...],
        check_only: bool,
        deadline: float | None,
    ) -> Any:
        if self._evaluators is None:
            raise RuntimeError("the renderer has not been started")
        seconds = deadline or self._settings.evaluate_deadline
        request = EvaluateRequest(1, expression, declared, variables, check_only, int(seconds * 1000))
        try:
            answer = _decode(
                await self._evaluators.ask(msgspec.json.encode(request), seconds + _EVALUATE_GRACE), request.id
            )
        except WorkerGone as gone:
            raise RenderError(RenderProblem(gone.code, f"Evaluating the expression {expression!r}: {gone}")) from gone
        if answer.problem is not None:
            raise RenderError(answer.problem)
        return msgspec.json.decode(answer.value)

    def _key(self, recipe: Recipe, context: RenderContext) -> str:
        digest = recipe_digest(recipe, context.capabilities)
        parts = [digest, *sorted(context.roots)]
        if context.keys is not None:
            parts.append(f"keys={context.keys.digest}")
        return " ".join(parts)

    async def _spawn(self, role: str, memory_mib: int) -> Worker:
        executable = self._executable
        if role == "decrypt" and self._settings.executable is None:
            executable = str(await asyncio.to_thread(binary, "decrypter"))
        command = (executable, "--role", role, "--memory-mib", str(memory_mib))
        return await Worker.start(command, self._settings.start_deadline)

    async def _render(
        self, recipe: Recipe, tree: PathLike[str], context: RenderContext, key: str, trees: Mapping[str, TreeIds] | None
    ) -> RenderResult:
        for name in context.roots:
            if not _SAFE_NAME.match(name):
                raise ValueError(f"{name!r} cannot name a further root")
        keys = context.keys
        objects: tuple[RenderedObject, ...] = ()
        try:
            answer = await self._answered(recipe, tree, context)
            objects = decode_objects(answer.objects)
        except msgspec.DecodeError as error:
            answer = _lost(recipe, context, "protocol", f"the worker's answer holds what is no object: {error}")
        except WorkerGone as gone:
            # The last words of a process may be a value that it had decrypted.
            words = str(gone) if keys is None or gone.code != "crashed" else "the worker that decrypts has crashed"
            answer = _lost(recipe, context, gone.code, words)
        if answer.problem is not None:
            answer = msgspec.structs.replace(answer, problem=without_values(answer.problem, recipe))
        inputs = self._remember(answer, key, trees, forgotten=keys is not None)
        if answer.problem is not None:
            raise RenderError(answer.problem, answer.input_paths, inputs)
        return RenderResult(
            objects=objects,
            input_paths=answer.input_paths,
            recipe=answer.recipe,
            renderer=self.version,
            warnings=answer.warnings,
            uncacheable=answer.uncacheable,
            inputs=inputs,
            secrets=answer.secrets,
        )

    async def _answered(self, recipe: Recipe, tree: PathLike[str], context: RenderContext) -> Answer:
        """Ask a worker; what a plugin makes, or may, is asked of that before. Raises what a worker does."""
        if isinstance(recipe, PluginRecipe) or (isinstance(recipe, AutoRecipe) and recipe.plugin is not None):
            if self._plugins is None:
                self._plugins = Plugins(self._settings.plugins, self._executable, self._settings.workers)
            return await answered(self._plugins, recipe, tree, context, self._worked)
        return await self._worked(recipe, tree, context)

    async def _worked(self, recipe: Recipe, tree: PathLike[str], context: RenderContext) -> Answer:
        lanes = self._renderers if context.keys is None else self._decrypters
        if lanes is None:
            raise RuntimeError("the renderer has not been started")
        self._requests += 1
        seen = context.capabilities if isinstance(recipe, HelmRecipe | AutoRecipe) else Capabilities()
        keys = material(context.keys) if context.keys is not None else None
        request = RenderRequest(self._requests, str(tree), context.roots, recipe, seen, keys)
        asked = msgspec.json.encode(request)
        return _decode(await lanes.ask(asked, context.deadline, context.unit, context.tenant), request.id)

    def _remember(
        self, answer: Answer, key: str, trees: Mapping[str, TreeIds] | None, *, forgotten: bool = False
    ) -> str:
        """Keep an answer that would be the same again, and give the name of its inputs.

        Of one that is `forgotten` only that name is kept, or its failure.
        """
        proof = prove(answer.input_paths, trees) if trees is not None else None
        if proof is None:
            return ""
        inputs = proof.digest(key, self.version)
        problem = answer.problem
        lasting = problem is None or (problem.next_step != "retry" and problem.code != "protocol")
        late = problem is not None and problem.code == "deadline"
        if (lasting and not answer.uncacheable) or late:
            forgotten = forgotten and problem is None
            objects = bytes(answer.objects) if problem is None and not forgotten else b"[]"
            until = time.monotonic() + LATE_SECONDS if late else math.inf
            looked, said = answer.input_paths, answer.warnings
            self._memory.keep(
                key, Known(proof, inputs, looked, answer.recipe, objects, said, problem, until, forgotten)
            )
        return inputs


def _decode(body: bytes, asked: int) -> Answer:
    try:
        answer = _answers.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WorkerGone("protocol", "the worker's answer cannot be read") from error
    if answer.id != asked:
        raise WorkerGone("protocol", "the worker answered another question")
    return answer


def _lost(recipe: Recipe, context: RenderContext, code: str, why: str) -> Answer:
    """Stand in for an answer that never came: nobody knows what was read, but nothing outside of the roots was."""
    everything = {root: InputPaths(files=(".",)) for root in ("", *sorted(context.roots))}
    return Answer(input_paths=everything, problem=RenderProblem(code, f"Rendering {_place(recipe)}: {why}"))


def _trees(context: RenderContext) -> Mapping[str, TreeIds] | None:
    """Give the ids by root, `None` where not all are known."""
    if context.tree is None or any(name not in context.root_trees for name in context.roots):
        return None
    return {**{name: context.root_trees[name] for name in context.roots}, "": context.tree}


def _place(recipe: Recipe) -> str:
    return "the artifact's root" if recipe.path in (".", "") else recipe.path


def _name_executable(executable: Path) -> str:
    with executable.open("rb") as program:
        return f"worker/{hashlib.file_digest(program, 'blake2b').hexdigest()[:16]}"
