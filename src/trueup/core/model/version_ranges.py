"""Version ranges as Helm, Flux and Argo CD read them (`^1.2`, `~2.3.0`, `>=1.0 <2.0 || 3.x`, `1 - 2`).

A range that names no pre-release takes none. Loose versions (`v1`, `1.2`) count as completed with zeros.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable

from semver import Version

_LOOSE = re.compile(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-([0-9A-Za-z.-]+))?(?:\+([0-9A-Za-z.-]+))?")
_PART = r"v?(?:\d+|[xX*])(?:\.(?:\d+|[xX*])){0,2}(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?"
_TERM = re.compile(rf"\s*(=|==|!=|>=|=>|<=|=<|>|<|~>|~|\^)?\s*({_PART})\s*,?")
_HYPHEN = re.compile(rf"\s*({_PART})\s+-\s+({_PART})\s*")
_LONGEST = 256


def loose_version(text: str) -> Version | None:
    """Read a version as people tag it: a leading `v`, and one or two numbers, are allowed. None if it is none."""
    found = _LOOSE.fullmatch(text.strip())
    if not found or len(text) > _LONGEST:
        return None
    major, minor, patch, prerelease, build = found.groups()
    try:
        return Version(int(major), int(minor or 0), int(patch or 0), prerelease, build)
    except ValueError:
        return None


def newest(texts: Iterable[str], count: int = 5) -> tuple[str, ...]:
    """Give the texts with the highest versions, the highest first; what is no version is left out."""
    found = [(_sortable(version), text) for text in texts if (version := loose_version(text.replace("_", "+")))]
    return tuple(text for _, text in heapq.nlargest(count, found))


class VersionRange:
    """A parsed range. Raises ValueError where the text is none."""

    def __init__(self, text: str) -> None:
        self.text = text
        if len(text) > _LONGEST:
            raise ValueError(f"a version range of {len(text)} characters is too long")
        self._any_of = [_alternative(part, text) for part in text.split("||")]

    def __contains__(self, version: Version) -> bool:
        """Whether the version lies in the range."""
        return any(all(term(version) for term in terms) for terms in self._any_of)

    def best(self, tags: Iterable[str], *, prefix: str = "") -> str | None:
        """The tag with the highest version in the range, None where there is none; `prefix` is cut off first.

        Versions that differ by build metadata alone are equal; of these the tag's own letters decide (see `equals`).
        """
        return max(self.equals(tags, prefix=prefix), default=None)

    def equals(self, tags: Iterable[str], *, prefix: str = "") -> tuple[str, ...]:
        """Give all tags of the highest version in the range: several where these differ by build metadata alone."""
        found: list[tuple[Version, str]] = []
        for tag in tags:
            if tag.startswith(prefix) and (version := loose_version(tag[len(prefix) :])) and version in self:
                found.append((version, tag))
        highest = max((_sortable(version) for version, _ in found), default=None)
        return tuple(tag for version, tag in found if _sortable(version) == highest)


class _Term:
    """One comparison: `low <= version < high`, or its negation."""

    def __init__(
        self, low: Version | None, high: Version | None, *, closed: bool = False, open_low: bool = False,
        negated: bool = False, prerelease: bool = False,
    ) -> None:  # fmt: skip
        self._low, self._high, self._closed, self._open_low = low, high, closed, open_low
        self._negated, self._prerelease = negated, prerelease

    def __call__(self, version: Version) -> bool:
        if version.prerelease and not self._prerelease:
            return False
        inside = True
        if self._low is not None:
            order = version.compare(self._low)
            inside = order > 0 if self._open_low else order >= 0
        if inside and self._high is not None:
            order = version.compare(self._high)
            inside = order <= 0 if self._closed else order < 0
        return inside != self._negated


def _alternative(text: str, whole: str) -> list[_Term]:
    if hyphen := _HYPHEN.fullmatch(text):
        return [_term(">=", hyphen[1]), _term("<=", hyphen[2])]
    terms, at = [], 0
    text = text.rstrip().rstrip(",")
    while at < len(text):
        found = _TERM.match(text, at)
        if not found:
            raise ValueError(f"{whole!r} is no version range")
        terms.append(_term(found[1] or "=", found[2]))
        at = found.end()
    if not terms:
        raise ValueError(f"{whole!r} is no version range")
    return terms


def _term(operator: str, text: str) -> _Term:
    core = text.lstrip("v").partition("+")[0]
    core, dash, prerelease = core.partition("-")
    numbers: list[int] = []
    for part in core.split("."):
        if part in "xX*":
            break
        numbers.append(int(part))
    partial = len(numbers) < 3
    low = _padded(numbers).replace(prerelease=prerelease if dash and not partial else None)
    pre = bool(dash)
    after = _after(numbers) if partial else None
    match operator:
        case "=" | "==":
            return _Term(low, after, prerelease=pre) if partial else _Term(low, low, closed=True, prerelease=pre)
        case "!=":
            return _Term(low, after or low, closed=not partial, negated=True, prerelease=pre)
        case ">":
            return _Term(after, None, prerelease=pre) if partial else _Term(low, None, open_low=True, prerelease=pre)
        case ">=" | "=>":
            return _Term(low, None, prerelease=pre)
        case "<":
            return _Term(None, low, prerelease=pre)
        case "<=" | "=<":
            return _Term(None, after, prerelease=pre) if partial else _Term(None, low, closed=True, prerelease=pre)
        case "^":
            return _Term(low, _caret(numbers), prerelease=pre)
        case _:  # ~ and ~>
            return _Term(low, _after(numbers[:2]), prerelease=pre)


def _after(numbers: list[int]) -> Version | None:
    """The first version behind all that begin with these numbers; None: there is no end."""
    if not numbers:
        return None
    return _padded([*numbers[:-1], numbers[-1] + 1])


def _padded(numbers: list[int]) -> Version:
    major, minor, patch = [*numbers, 0, 0, 0][:3]
    return Version(major, minor, patch)


def _caret(numbers: list[int]) -> Version | None:
    """The first version that the leftmost number which is not zero rules out."""
    for index, number in enumerate(numbers):
        if number:
            return _after(numbers[: index + 1])
    return _after(numbers)


def _sortable(version: Version) -> Version:
    return Version(version.major, version.minor, version.patch, version.prerelease)
