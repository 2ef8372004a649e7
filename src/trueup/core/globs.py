"""Globs as Argo CD reads them: `*`, `**`, `?`, `[abc]`, `[!a-z]`, `{one,two}`, and a backslash before a plain letter.

With a `separator`, `*` and `?` do not reach across it, and `**` does. Whoever writes the text cannot make a match
expensive: it takes time proportional to both lengths.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import msgspec

LONGEST = 1000
"""Letters of a glob; a longer one fits nothing."""

ALTERNATIVES = 256
"""Globs that one with alternatives may stand for."""


class _Token(msgspec.Struct, frozen=True):
    """One letter out of `letters` (`negated`: none of them), or any; `repeated`: any number of them."""

    letters: str = ""
    negated: bool = False
    repeated: bool = False

    def takes(self, letter: str) -> bool:
        return (letter in self.letters) != self.negated


def matches(text: str, glob: str, separator: str = "") -> bool:
    """Say whether a text fits a glob, from beginning to end. A glob that cannot be read fits nothing."""
    if glob == "*" and not separator:
        return True
    try:
        return any(_fits(text, tokens) for tokens in _read(glob, separator))
    except ValueError:
        return False


def check_glob(glob: str) -> None:
    """Raise `ValueError` where a glob cannot be read, in words that say what is wrong with it."""
    _read(glob, "")


def _fits(text: str, tokens: tuple[_Token, ...]) -> bool:
    places = set(_onward(tokens, 0))
    for letter in text:
        reached: set[int] = set()
        for place in places:
            if place < len(tokens) and tokens[place].takes(letter):
                reached.update(_onward(tokens, place if tokens[place].repeated else place + 1))
        if not reached:
            return False
        places = reached
    return len(tokens) in places


def _onward(tokens: tuple[_Token, ...], place: int) -> Iterator[int]:
    """Give a place and those that are reached from it without any letter."""
    yield place
    while place < len(tokens) and tokens[place].repeated:
        place += 1
        yield place


@lru_cache(maxsize=4096)
def _read(glob: str, separator: str) -> tuple[tuple[_Token, ...], ...]:
    if len(glob) > LONGEST:
        raise ValueError(f"the pattern is longer than {LONGEST} letters")
    return tuple(tuple(_tokens(each, separator)) for each in _alternatives(glob))


def _alternatives(glob: str) -> list[str]:
    """Write a glob with `{one,two}` as several without."""
    found: list[str] = [glob]
    plain: list[str] = []
    while found:
        if len(found) + len(plain) > ALTERNATIVES:
            raise ValueError(f"the pattern {glob!r} stands for more than {ALTERNATIVES} others")
        each = found.pop()
        begin = _place_of(each, "{")
        if begin < 0:
            plain.append(each)
            continue
        parts, end = _parts(each, begin)
        found += [each[:begin] + part + each[end:] for part in parts]
    return plain


def _parts(glob: str, begin: int) -> tuple[list[str], int]:
    """Give the alternatives of the brace at a place, and the place behind it."""
    parts, depth, since, place = [], 1, begin + 1, begin + 1
    while place < len(glob):
        letter = glob[place]
        if letter == "\\":
            place += 1
        elif letter == "{":
            depth += 1
        elif letter in ",}" and depth == 1:
            parts.append(glob[since:place])
            since = place + 1
            if letter == "}":
                return parts, place + 1
        elif letter == "}":
            depth -= 1
        place += 1
    raise ValueError(f"the pattern {glob!r} has a {{ that is not closed")


def _place_of(glob: str, wanted: str) -> int:
    place = 0
    while place < len(glob):
        if glob[place] == wanted:
            return place
        place += 2 if glob[place] == "\\" else 1
    return -1


def _tokens(glob: str, separator: str) -> Iterator[_Token]:
    place = 0
    while place < len(glob):
        letter = glob[place]
        place += 1
        if letter == "*":
            twice = glob[place : place + 1] == "*"
            while glob[place : place + 1] == "*":
                place += 1
            yield _Token("" if twice else separator, negated=True, repeated=True)
        elif letter == "?":
            yield _Token(separator, negated=True)
        elif letter == "[":
            end = glob.find("]", place + 1)
            if end < 0:
                raise ValueError(f"the pattern {glob!r} has a [ that is not closed")
            yield _class(glob[place:end])
            place = end + 1
        elif letter == "\\" and place < len(glob):
            yield _Token(glob[place])
            place += 1
        else:
            yield _Token(letter)


def _class(inner: str) -> _Token:
    negated = inner[:1] in ("!", "^")
    letters, place, found = inner[1:] if negated else inner, 0, ""
    while place < len(letters):
        if letters[place + 1 : place + 2] == "-" and place + 2 < len(letters):
            first, last = ord(letters[place]), ord(letters[place + 2])
            if last < first:
                raise ValueError(f"the pattern [{inner}] cannot be read: its range goes backwards")
            found += "".join(map(chr, range(first, last + 1)))
            place += 3
        else:
            found += letters[place]
            place += 1
    return _Token(found, negated)
