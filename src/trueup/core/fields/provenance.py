"""Which place of which file gave a field its value, proven by changing the place and looking what changes with it.

Every scalar of a YAML or JSON file can be replaced, in the file's own text, by a *mark* that is found again in what is
rendered. A field whose rendered value then holds the mark came from there, whatever renderer lies in between: an
overlay's patch, a chart's values, an image override. Pure: texts in, places and marked texts out.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import yaml

FIXED = frozenset(
    {
        *("apiVersion", "kind", "name", "namespace", "group", "version", "$patch", "op", "path", "from", "key", "type"),
        *("namePrefix", "nameSuffix", "releaseName", "containerPort", "port", "protocol", "mountPath", "generateName"),
        *("resources", "bases", "components", "crds", "generators", "transformers", "validators", "configurations"),
        *("files", "envs", "env", "target", "valueFiles", "valuesFile", "helmCharts", "labelSelector"),
    }
)
"""Keys whose values tell things apart or name files: changing one changes more than a value, so they go alone."""

FILE_LIMIT = 1024 * 1024
SCALARS_LIMIT = 60_000
_NUMBERS = 700_000
"""Marks of whole numbers begin here, and stay below a million: Helm writes larger ones as `1e+06`."""

_NUMBERS_LIMIT = 200_000
_MARK = re.compile(r"tq(\d{6})qt|(?<![\d.])([78]\d{5})(?![\d.])")
_INT, _BOOL, _STR = (f"tag:yaml.org,2002:{name}" for name in ("int", "bool", "str"))
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Place(msgspec.Struct, frozen=True):
    """A value in a file: its path, line (from 1), and the keys that lead to it, such as `image.tag`."""

    path: str
    line: int
    key: str


class Scalar(msgspec.Struct, frozen=True):
    """A scalar in a text: where, from which character to which, what it says, and of which type it is.

    `fixed`: it tells things apart (a name, a path), so that changing it may change more than values.
    """

    place: Place
    start: int
    end: int
    value: str
    tag: str
    fixed: bool

    @property
    def boolean(self) -> bool:
        """Whether it is true or false, which cannot hold a mark and is turned over instead."""
        return self.tag == _BOOL

    def mark(self, number: int, text: str) -> str:
        """Give what to write in its place so that it is known again by `number`."""
        if self.boolean:
            return "false" if self.value.lower() in ("true", "yes", "on") else "true"
        raw = text[self.start : self.end]
        if self.tag == _INT:
            return str(_NUMBERS + number)
        word = f"tq{number:06d}qt"
        if "=" in self.value and self.place.key.rpartition("[")[0].endswith("literals"):
            word = f"{self.value.partition('=')[0]}={word}"
        quoted = f'"{word}"' if raw.startswith('"') else word
        return quoted + "\n" if raw.endswith("\n") else quoted


def scalars(path: str, text: str) -> tuple[Scalar, ...]:
    """Give every scalar of a YAML or JSON text that can be replaced; none where it is no YAML (a template, say)."""
    if len(text) > FILE_LIMIT:
        return ()
    try:
        documents = list(yaml.compose_all(text, Loader=_LOADER))
    except (yaml.YAMLError, RecursionError, ValueError):
        return ()
    found: list[Scalar] = []
    try:
        for document in documents:
            if document is not None:
                found.extend(_scalars(document, _Reading(path, text), _Below()))
    except RecursionError:
        return ()
    return tuple(found[:SCALARS_LIMIT])


def marked(text: str, marks: Iterable[tuple[Scalar, int]]) -> str:
    """Give the text with a mark in the place of each of these scalars of it."""
    parts: list[str] = []
    at = 0
    for scalar, number in sorted(marks, key=lambda item: item[0].start):
        parts += [text[at : scalar.start], scalar.mark(number, text)]
        at = scalar.end
    return "".join([*parts, text[at:]])


def marks_in(value: Any) -> frozenset[int]:
    """Give the numbers of all marks that stand in a rendered value."""
    text = msgspec.json.encode(value).decode()
    return frozenset(int(word) if word else int(number) - _NUMBERS for word, number in _MARK.findall(text))


def telling(scalars: Sequence[Scalar], values: Iterable[Any]) -> tuple[Scalar, ...]:
    """Give those scalars that may have given one of these values: their text stands in it."""
    texts = frozenset(_texts(values))
    joined = "\0".join(text for text in texts if len(text) > 1)
    return tuple(
        item
        for item in scalars
        if item.value and (item.value.strip() in joined or item.value in texts or _json_of(item) in texts)
    )


def by_key(scalars: Iterable[Scalar], first_line: int = 1) -> dict[str, Scalar]:
    """Index the scalars of an object's own file by the keys that lead to them; the first of a key wins.

    `first_line` is where the object's document begins in the file.
    """
    found: dict[str, Scalar] = {}
    for item in scalars:
        if item.place.line >= first_line:
            found.setdefault(item.place.key, item)
    return found


def at_field(found: Mapping[str, Scalar], key: str, value: Any) -> Scalar | None:
    """Give the scalar to which these keys lead (`positions.file_key`) and which says the very value."""
    item = found.get(key)
    if item is None:
        return None
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return item if item.value.strip() == text.strip() else None


def _json_of(item: Scalar) -> str:
    return item.value.lower() if item.boolean else item.value


def _texts(values: Iterable[Any]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            yield from _texts(value.values())
        elif isinstance(value, list):
            yield from _texts(value)
        else:
            yield msgspec.json.encode(value).decode()


class _Reading(msgspec.Struct, frozen=True):
    """A file that is read: its path and text, and the nodes that were seen (an alias leads to one again)."""

    path: str
    text: str
    seen: set[int] = msgspec.field(default_factory=set)


class _Below(msgspec.Struct, frozen=True):
    """Where in a document: the whole key, its last name, and whether that is one that no experiment may change."""

    key: str = ""
    name: str = ""
    fixed: bool = False


def _scalars(node: yaml.Node, reading: _Reading, place: _Below) -> Iterator[Scalar]:
    if id(node) in reading.seen:
        return
    reading.seen.add(id(node))
    path, text, key, name, fixed = reading.path, reading.text, place.key, place.name, place.fixed
    if isinstance(node, yaml.MappingNode):
        for key_node, value in node.value:
            word = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else ""
            below = f"{key}.{word}" if key else word
            yield from _scalars(value, reading, _Below(below, word, word in FIXED))
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            below = f"{key}[{_item_key(item, number)}]"
            yield from _scalars(item, reading, _Below(below, name, fixed))
    elif isinstance(node, yaml.ScalarNode):
        start, end = node.start_mark.index, node.end_mark.index
        raw = text[start:end]
        if not raw or raw[0] in "&!*" or node.tag not in (_INT, _BOOL, _STR):
            return
        if node.style == "|" and (name in ("patch", "patchesStrategicMerge", "patchesJson6902")):
            yield from _within(node, path, text, key)
            return
        if node.style in ("|", ">") and not raw.endswith("\n"):
            raw_end = text.rfind("\n", start, end)
            end = raw_end + 1 if raw_end > start else end
        yield Scalar(Place(path, node.start_mark.line + 1, key), start, end, str(node.value), str(node.tag), fixed)


def _item_key(item: yaml.Node, number: int) -> str:
    """Name a list's item as fields' paths do: by its name where it has one."""
    if isinstance(item, yaml.MappingNode):
        for key_node, value in item.value:
            if key_node.value == "name" and isinstance(value, yaml.ScalarNode):
                return f"name={value.value}"
    return str(number)


def _within(node: yaml.ScalarNode, path: str, text: str, key: str) -> Iterator[Scalar]:
    """Give the scalars of a patch that is written as a block of text inside a kustomization."""
    first = text.find("\n", node.start_mark.index) + 1
    lines = text[first : node.end_mark.index].splitlines(keepends=True)
    indent = next((len(line) - len(line.lstrip(" ")) for line in lines if line.strip()), 0)
    starts = [first]
    for line in lines:
        starts.append(starts[-1] + len(line))
    inner = str(node.value)
    inner_starts = [0]
    for line in inner.splitlines(keepends=True):
        inner_starts.append(inner_starts[-1] + len(line))

    def outer(position: int) -> int | None:
        line = bisect_right(inner_starts, position) - 1
        return starts[line] + indent + position - inner_starts[line] if line < len(starts) - 1 else None

    for item in scalars(path, inner):
        start, last = outer(item.start), outer(item.end - 1)
        if start is None or last is None or "\n" in inner[item.start : item.end]:
            continue
        place = Place(path, node.start_mark.line + 1 + item.place.line, f"{key}: {item.place.key}")
        yield msgspec.structs.replace(item, place=place, start=start, end=last + 1)
