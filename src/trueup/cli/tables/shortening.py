"""Texts made shorter: messages after a word, names in their middle and never so that two of them look the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial

ELLIPSIS = "…"
_HEAD = 0.6
"""What part of a shortened name is its beginning, where that tells it from others."""


def cells(text: str) -> int:
    """Give how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def clipped(text: str, width: int) -> str:
    """Shorten a text to at most `width` columns: after a word where it has several."""
    if cells(text) <= width:
        return text
    kept = _beginning(text, width - 1)
    if text[len(kept)] != " " and " " in kept.strip():
        kept = kept[: kept.rindex(" ")]
    return kept.rstrip(" ,;:.") + ELLIPSIS


def middled(text: str, width: int) -> str:
    """Shorten a name to at most `width` columns: its beginning and its end stay."""
    return text if cells(text) <= width else _cut(text, width, round(_HEAD * (width - 1)))


def distinct(names: Iterable[str], width: int) -> dict[str, str] | None:
    """Shorten each name to at most `width` columns so that all differ; `None` where they cannot at this width."""
    found = {name: name for name in names}
    long = [name for name in found if cells(name) > width]
    left = set(long)
    # Each name is cut where that tells it from all others: in a fixed place at first, elsewhere where that does not.
    for cutter in _cutters(width):
        if not left:
            break
        cut = {name: cutter(name) for name in long}
        times = Counter(cut.values())
        told = [name for name in left if cut[name] and times[cut[name]] == 1]
        found.update((name, cut[name]) for name in told)
        left.difference_update(told)
    return None if left or len(set(found.values())) < len(found) else found


def narrowest(names: Iterable[str], least: int) -> int:
    """Give the fewest columns, at least `least`, in which all these names can be told from each other."""
    names = set(names)
    low, high = least, max(map(cells, names), default=0)
    while low < high:
        middle = (low + high) // 2
        # What tells names apart in few columns does so in more.
        if distinct(names, middle) is None:
            low = middle + 1
        else:
            high = middle
    return high


def _cutters(width: int) -> Iterator[Callable[[str], str]]:
    """Give ways to shorten a name to this width, the most readable first; one that cannot gives nothing."""
    heads = sorted(range(width), key=lambda at: abs(at - round(_HEAD * (width - 1))))
    yield partial(_less_namespace, width=width)
    for head in heads:
        yield partial(_less_of_an_object, width=width, head=head)
    for head in heads:
        yield partial(_cut, width=width, head=head)


def _less_namespace(name: str, width: int) -> str:
    """Shorten `Kind/namespace/name` in its namespace alone."""
    kind, first, rest = name.partition("/")
    namespace, last, name = rest.rpartition("/")
    room = width - cells(kind) - cells(name) - 2
    return kind + first + middled(namespace, room) + last + name if first and last and room > 0 else ""


def _less_of_an_object(name: str, width: int, head: int) -> str:
    """Shorten `Kind/namespace/name` in its name too, and leave out the namespace."""
    kind, first, rest = name.partition("/")
    _, last, name = rest.rpartition("/")
    room = width - cells(kind) - 3
    if not (first and last and room > 2):
        return ""
    return f"{kind}/{ELLIPSIS}/{name if cells(name) <= room else _cut(name, room, head * (room - 1) // (width - 1))}"


def _cut(text: str, width: int, head: int) -> str:
    if text.isascii():
        tail = width - 1 - head
        return text[:head] + ELLIPSIS + (text[-tail:] if tail else "")
    start = _beginning(text, head)
    end = _beginning(text[::-1], width - 1 - cells(start))[::-1]
    return start + ELLIPSIS + end


def _beginning(text: str, width: int) -> str:
    """Give as much of a text as `width` columns hold."""
    if text.isascii():
        return text[: max(width, 0)]
    used = 0
    for at, character in enumerate(text):
        used += cells(character)
        if used > width:
            return text[:at]
    return text
