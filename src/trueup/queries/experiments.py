"""Finds by experiment which place of which file gave an object its fields: see `core.provenance`.

A copy of the files that a render reads is changed, mark by mark, and rendered again by the same worker; a field that
holds the mark came from there. Most fields are found by one render in which every candidate is marked at once; what
breaks the render when it is changed, or cannot hold a mark, is tried alone, within a budget.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from trueup.core.fields.ownership import FieldSet
from trueup.core.fields.positions import Position, at_position, file_key, leaves, positions
from trueup.core.fields.provenance import (
    FILE_LIMIT,
    Place,
    Scalar,
    at_field,
    by_key,
    marked,
    marks_in,
    scalars,
    telling,
)
from trueup.core.model.objects import Body, ObjectRef
from trueup.core.model.recipe import AutoRecipe, HelmRecipe, Origin, Recipe, RenderError, RenderResult
from trueup.queries.subject import CannotInspect, Subject, Taken

GROUP_BUDGET = 60
SINGLE_BUDGET = 40
SPEC = ""
"""The path of places that stand in the unit's own object, not in a file."""

_NOT_VALUES = frozenset(
    {"kind", "path", "release_name", "namespace", "name", "name_prefix", "name_suffix", "kube_version", "api_versions"}
    | {"build_metadata", "components", "value_files", "include", "exclude", "libs", "group", "version", "target"}
)


class Findings(msgspec.Struct, frozen=True):
    """Where an object's fields came from: the object's own origin, and the places of each field that was proven.

    `secrets` are values of Secrets, and decrypted ones, that stand in what was rendered.
    """

    origin: Origin | None
    places: dict[str, tuple[Place, ...]]
    values: dict[str, Any]
    secrets: tuple[str, ...] = ()


class Experiment:
    """One object of one unit, in a copy of the files it is rendered from."""

    def __init__(self, subject: Subject, taken: Taken, folder: Path, ref: ObjectRef, fields: FieldSet) -> None:
        """Take the source that renders the object, the fields asked about, and an empty folder for the copy."""
        assert taken.recipe is not None
        self._subject = subject
        self._taken = taken
        self._folder = folder
        self._ref = ref
        self._fields = fields
        self._texts: dict[str, str] = {}
        self._recipe: Recipe = taken.recipe
        self._position = 0
        self._count = 0
        self._positions: dict[str, Position] = {}
        self._rendered: Body = {}

    async def run(self) -> Findings:
        """Find the places of all fields. Raises `RenderError`, and `CannotInspect` where the object is not rendered."""
        tree = self._taken.folder
        result = await self._subject.render(self._taken)
        position = _position(result, self._ref, self._subject.unit.target.namespace)
        if position is None:
            raise CannotInspect(f"{self._subject.unit.ref} does not render {self._ref} at this revision")
        self._position, self._count = position, len(result.objects)
        found = result.objects[position]
        self._rendered = _plain(found.body)
        self._positions = positions(leaves(self._fields.paths), self._rendered)
        values = self._read(self._rendered)
        self._copy(tree, result)
        places: dict[str, tuple[Place, ...]] = {}
        candidates = telling(self._candidates(), values.values())
        free = [item for item in candidates if not item.fixed and not item.boolean]
        own = found.origin.path if found.origin and not found.origin.root else None
        # What is laid over the object's own file first: a mark there keeps what an overlay looks for as it is.
        await self._by_groups([item for item in free if item.place.path != own], values, places)
        await self._by_groups([item for item in free if item.place.path == own], values, places)
        self._by_position(found.origin, values, places, names_only=True)
        await self._one_by_one([item for item in candidates if item.fixed or item.boolean], values, places)
        self._by_position(found.origin, values, places)
        return Findings(found.origin, places, values, result.secrets)

    # ---------------------------------------------------------------------------------------------- the copy

    def _copy(self, tree: Path, result: RenderResult) -> None:
        looked = result.input_paths.get("")
        root = tree.resolve()
        for name in looked.directories if looked else ():
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        for name in looked.files if looked else ():
            source = (tree / name).resolve()
            if not source.is_relative_to(root) or not source.is_file():
                continue
            target = self._folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            if target.stat().st_size <= FILE_LIMIT and target.suffix in (".yaml", ".yml", ".json"):
                self._texts[name] = target.read_text(encoding="utf-8", errors="surrogateescape")
        if inline := _inline(self._recipe):
            self._texts[SPEC] = inline

    def _candidates(self) -> list[Scalar]:
        found = [item for name, text in self._texts.items() for item in scalars(name, text)]
        return [*found, *_recipe_scalars(self._recipe)]

    # ------------------------------------------------------------------------------------------- experiments

    async def _by_groups(
        self, items: Sequence[Scalar], values: dict[str, Any], places: dict[str, tuple[Place, ...]]
    ) -> None:
        """Mark many at once; halve a group that cannot be rendered until what breaks it stands alone."""
        groups = [list(items)] if items else []
        budget = GROUP_BUDGET
        while groups and budget:
            group = groups.pop()
            budget -= 1
            seen = await self._values(list(zip(group, range(len(group)), strict=True)))
            if seen is None:
                if len(group) > 1:
                    groups += [group[: len(group) // 2], group[len(group) // 2 :]]
                continue
            for path, value in seen.items():
                if value == values.get(path):
                    continue
                numbers = sorted(number for number in marks_in(value) if number < len(group))
                if numbers:
                    found = (group[number].place for number in numbers)
                    places[path] = tuple(dict.fromkeys((*places.get(path, ()), *found)))

    async def _one_by_one(
        self, items: Sequence[Scalar], values: dict[str, Any], places: dict[str, tuple[Place, ...]]
    ) -> None:
        """Try what tells things apart, and what is true or false, alone: only where a field is left that says so."""
        left = {path: value for path, value in values.items() if path not in places}
        for item in telling(items, left.values())[:SINGLE_BUDGET]:
            seen = await self._values([(item, 0)])
            for path in [path for path in left if path not in places] if seen is not None else ():
                value = seen.get(path) if seen is not None else None
                turned = item.boolean and isinstance(left[path], bool) and value is (not left[path])
                if turned or (not item.boolean and value != left[path] and 0 in marks_in(value)):
                    places[path] = (item.place,)

    def _by_position(
        self,
        origin: Origin | None,
        values: dict[str, Any],
        places: dict[str, tuple[Place, ...]],
        *,
        names_only: bool = False,
    ) -> None:
        """For what is left: the same value at the same path in the object's own file.

        `names_only`: of what tells things apart; an item's name is that of the item, wherever its values come from.
        """
        if origin is None or origin.root or origin.path not in self._texts:
            return
        own = by_key(scalars(origin.path, self._texts[origin.path]), origin.line or 1)
        for path, value in values.items():
            if path in places:
                continue
            item = at_field(own, self._file_key(path), value)
            if item is not None and (item.fixed or not names_only):
                places[path] = (item.place,)

    async def _values(self, marks: Sequence[tuple[Scalar, int]]) -> dict[str, Any] | None:
        """Render with these marks and give the object's fields; `None` where that cannot be rendered."""
        recipe = _marked_recipe(self._recipe, [item for item in marks if item[0].place.path == SPEC], self._texts)
        changed = {item.place.path for item, _ in marks if item.place.path != SPEC}
        try:
            for name in changed:
                mine = [(item, number) for item, number in marks if item.place.path == name]
                self._write(name, marked(self._texts[name], mine))
            result = await self._subject.render(self._taken, self._folder, recipe)
        except RenderError:
            return None
        finally:
            for name in changed:
                self._write(name, self._texts[name])
        body = self._again(result)
        return self._read(_plain(body)) if body is not None else None

    def _read(self, body: Body) -> dict[str, Any]:
        """Give what stands at each field: where the keys of a list's item do not lead to it, by its position."""
        found = {path: at_position(body, position) for path, position in self._positions.items()}
        by_key = self._fields.values(body)
        return {path: by_key.get(path, value) for path, value in found.items() if path in by_key or value is not None}

    def _file_key(self, path: str) -> str:
        return file_key(self._rendered, self._positions[path]) if path in self._positions else path

    def _write(self, name: str, text: str) -> None:
        (self._folder / name).write_text(text, encoding="utf-8", errors="surrogateescape")

    def _again(self, result: RenderResult) -> Body | None:
        """Find the object in another render: by its name or, where that has changed with its content, by its place."""
        position = _position(result, self._ref, self._subject.unit.target.namespace)
        if position is None and len(result.objects) == self._count:
            position = self._position
        return result.objects[position].body if position is not None else None


def _plain(body: Body) -> Body:
    """Give a Secret's `stringData` where the API server puts it; as text, in which marks can be seen."""
    if body.get("kind") != "Secret" or not isinstance(body.get("stringData"), dict):
        return body
    return {**body, "data": {**(body.get("data") or {}), **body["stringData"]}}


def _position(result: RenderResult, ref: ObjectRef, home: str) -> int | None:
    for position, item in enumerate(result.objects):
        own = ObjectRef.of(item.body)
        if own[:2] == ref[:2] and own.name == ref.name and own.namespace in (ref.namespace, "", home):
            return position
    return None


# --------------------------------------------------------------------------------- values in the unit's object


def _inline(recipe: Recipe) -> str:
    """Give Helm values that are written as YAML in the unit's own object."""
    chart = recipe.helm if isinstance(recipe, AutoRecipe) else recipe
    return chart.values if isinstance(chart, HelmRecipe) else ""


def _recipe_scalars(recipe: Recipe) -> list[Scalar]:
    """Give the values that the unit's own object puts in: parameters, image overrides, labels…"""
    found: list[Scalar] = []

    def visit(value: Any, key: str, name: str) -> None:
        if name in _NOT_VALUES or (name == "values" and isinstance(value, str)):
            return
        if isinstance(value, dict):
            for below, item in value.items():
                visit(item, f"{key}.{below}" if key else below, below)
        elif isinstance(value, list | tuple):
            for number, item in enumerate(value):
                visit(item, f"{key}[{number}]", name)
        elif isinstance(value, str) and value:
            found.append(Scalar(Place(SPEC, 0, key), 0, 0, value, "tag:yaml.org,2002:str", False))
        elif isinstance(value, int) and not isinstance(value, bool):
            found.append(Scalar(Place(SPEC, 0, key), 0, 0, str(value), "tag:yaml.org,2002:int", False))

    visit(msgspec.to_builtins(recipe), "", "")
    return found


def _marked_recipe(recipe: Recipe, marks: Iterable[tuple[Scalar, int]], texts: dict[str, str]) -> Recipe | None:
    """Give the recipe with marks in the place of its own values; `None` where none of the marks is in it."""
    chosen = list(marks)
    if not chosen:
        return None
    data = msgspec.to_builtins(recipe)
    inline = [item for item in chosen if item[0].place.line]
    if inline:
        chart = data["helm"] if isinstance(recipe, AutoRecipe) else data
        chart["values"] = marked(texts[SPEC], inline)
    words = {item.place.key: item.mark(number, "") for item, number in chosen if not item.place.line}

    def visit(value: Any, key: str) -> Any:
        if isinstance(value, dict):
            return {below: visit(item, f"{key}.{below}" if key else below) for below, item in value.items()}
        if isinstance(value, list | tuple):
            return [visit(item, f"{key}[{number}]") for number, item in enumerate(value)]
        if key in words:
            return int(words[key]) if isinstance(value, int) else words[key]
        return value

    return msgspec.convert(visit(data, ""), type(recipe))
