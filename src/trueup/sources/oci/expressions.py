"""Which tags a regular expression of users leaves, by Google's RE2: no expression takes long."""

from __future__ import annotations

import re2

from trueup.core.model.artifact import Fault, SourceError


def fitting(tags: list[str], pattern: str, shown: str) -> list[str]:
    """Give the tags in which a pattern is found; all where there is none. Raises `SourceError` for a wrong one."""
    if not pattern:
        return tags
    try:
        compiled = re2.compile(pattern)
    except re2.error as error:
        words = f"{shown}: semverFilter {pattern!r} is no regular expression: {error}"
        raise SourceError(Fault.URL, words) from error
    return [tag for tag in tags if compiled.search(tag)]
