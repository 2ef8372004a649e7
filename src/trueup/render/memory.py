"""What workers have answered before: the results and failures that are known for known content.

Results are kept as the JSON they came in, which is a tenth of what the objects take, and decoded for whoever asks: that
costs some microseconds. Bounded by bytes; the tenant who has most loses what it used longest ago.
"""

import math
import time
from collections import Counter, OrderedDict
from collections.abc import Mapping

import msgspec

from trueup.core.model.recipe import (
    InputPaths,
    RenderedObject,
    RenderError,
    RenderProblem,
    RenderResult,
    RenderWarning,
    TreeIds,
)
from trueup.fairness import TENANT
from trueup.render.inputs import Proof

_MOST_PER_RECIPE = 256
_OVERHEAD = 1000

_objects = msgspec.json.Decoder(tuple[RenderedObject, ...])


def decode_objects(encoded: msgspec.Raw | bytes) -> tuple[RenderedObject, ...]:
    """Decode the objects of an answer. Raises `msgspec.DecodeError` or `msgspec.ValidationError`."""
    return _objects.decode(encoded)


class Known(msgspec.Struct, frozen=True, eq=False):
    """One answer and the content it is for: `problem` where it was a failure, which holds `until` then (monotonic).

    `forgotten`: the answer held decrypted values and is not kept, only that its inputs are known by this name.
    """

    proof: Proof
    inputs: str
    input_paths: dict[str, InputPaths]
    recipe: str
    objects: bytes = b"[]"
    warnings: tuple[RenderWarning, ...] = ()
    problem: RenderProblem | None = None
    until: float = math.inf
    forgotten: bool = False

    @property
    def cost(self) -> int:
        """About how many bytes it takes."""
        return _OVERHEAD + self.proof.cost + len(self.objects)

    def result(self, renderer: str) -> RenderResult:
        """Give the answer as a result of the worker version `renderer`. Raises `RenderError` where it was a failure."""
        if self.problem is not None:
            raise RenderError(self.problem, self.input_paths, self.inputs, cached=True)
        return RenderResult(
            objects=decode_objects(self.objects),
            input_paths=self.input_paths,
            recipe=self.recipe,
            renderer=renderer,
            warnings=self.warnings,
            inputs=self.inputs,
            cached=True,
        )


class Memory:
    """Answers by recipe, newest first, `bound` bytes of them altogether."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._by_recipe: dict[str, list[Known]] = {}
        self._used: dict[str, OrderedDict[int, tuple[str, Known]]] = {}
        self._owners: dict[int, str] = {}
        self._owned: Counter[str] = Counter()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._owners)

    def find(self, key: str, trees: Mapping[str, TreeIds]) -> Known | None:
        """Give what is known for the recipe `key` and content as in `trees`."""
        candidates = self._by_recipe.get(key)
        if not candidates:
            return None
        for place, known in enumerate(candidates):
            if known.until > time.monotonic() and known.proof.holds(trees):
                if place:
                    candidates.insert(0, candidates.pop(place))
                self._used[self._owners[id(known)]].move_to_end(id(known))
                return known
        return None

    def keep(self, key: str, known: Known) -> None:
        """Remember an answer for the recipe `key`; one for the same inputs is replaced."""
        if known.cost > self._bound // 4:
            return
        candidates = self._by_recipe.setdefault(key, [])
        for other in [one for one in candidates if one.inputs == known.inputs]:
            self._drop(key, other)
        candidates = self._by_recipe.setdefault(key, [])
        candidates.insert(0, known)
        owner = self._owners[id(known)] = TENANT.get()
        self._used.setdefault(owner, OrderedDict())[id(known)] = (key, known)
        self._owned[owner] += known.cost
        self.bytes += known.cost
        if len(candidates) > _MOST_PER_RECIPE:
            self._drop(key, candidates[-1])
        while self.bytes > self._bound:
            most = max(self._owned, key=lambda one: self._owned[one])
            self._drop(*next(iter(self._used[most].values())))

    def _drop(self, key: str, known: Known) -> None:
        owner = self._owners.pop(id(known))
        del self._used[owner][id(known)]
        self._owned[owner] -= known.cost
        if not self._used[owner]:
            del self._used[owner], self._owned[owner]
        self.bytes -= known.cost
        candidates = self._by_recipe[key]
        candidates.remove(known)
        if not candidates:
            del self._by_recipe[key]
