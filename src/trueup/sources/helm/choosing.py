"""Which version of a chart an index has for what is wanted, by Helm's rules."""

from __future__ import annotations

import difflib
import hashlib
import sqlite3
from collections.abc import Iterable
from pathlib import Path

import msgspec

from trueup.core.model.artifact import CHART, Fault, Revision, SourceError
from trueup.core.model.version_ranges import VersionRange, loose_version, newest

LATEST = "*"
_NAMES_READ = 10_000


class Entry(msgspec.Struct, frozen=True):
    """One version of a chart in an index: its archive's digest by SHA-256, empty where none is told, and its URLs."""

    version: str
    digest: str
    urls: tuple[str, ...]
    created: str = ""

    @property
    def revision(self) -> Revision:
        """The revision. Where the index tells no digest, version and URL stand for the content."""
        said = "\0".join((self.version, self.created, *self.urls))
        return Revision(self.version, f"{CHART}:{self.digest or hashlib.sha256(said.encode()).hexdigest()}")


def choose(database: Path, chart: str, version: str, shown: str) -> Entry:
    """Give the version of a chart that is wanted (blocking). Raises `SourceError` that names what there is.

    A version that is there by the letter is that one; else the text is a range, and the highest version in it is taken.
    Of versions that differ by build metadata alone, the one that was made last.
    """
    # SQLite's own words name the file, which helps nobody.
    try:
        connection = sqlite3.connect(f"{database.as_uri()}?mode=ro&immutable=1", uri=True)
        try:
            query = "SELECT version, digest, urls, created FROM charts WHERE name = ?"
            found = [_entry(row) for row in connection.execute(query, (chart,))]
            if not found:
                names = [
                    row[0] for row in connection.execute("SELECT DISTINCT name FROM charts LIMIT ?", (_NAMES_READ,))
                ]
                raise SourceError(Fault.REF, f"{shown}: the repository has no chart {chart!r}{_like(chart, names)}")
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise SourceError(
            Fault.CACHE, f"{shown}: the index cannot be read in the cache; it is fetched again"
        ) from error
    return chosen(found, chart, version, shown)


def chosen(found: list[Entry], chart: str, version: str, shown: str) -> Entry:
    """Choose among the versions of a chart."""
    wanted = version.strip() or LATEST
    exact = [entry for entry in found if entry.version == wanted]
    if exact:
        return exact[0]
    try:
        span = VersionRange(wanted)
    except ValueError as error:
        words = f"{shown}: chart {chart!r}: {error}; write a version such as 1.2.3, or a range such as 1.x"
        raise SourceError(Fault.URL, words) from error
    fitting = set(span.equals(entry.version for entry in found))
    best = max((entry for entry in found if entry.version in fitting), key=lambda one: one.created, default=None)
    if best is None:
        raise _nothing(found, chart, wanted, shown)
    return best


def _nothing(found: Iterable[Entry], chart: str, wanted: str, shown: str) -> SourceError:
    versions = [entry.version for entry in found]
    there = ", ".join(newest(versions)) or "none that can be read as one"
    words = f"{shown}: chart {chart!r} has no version that fits {wanted!r}; the newest are {there}"
    read = [one for text in versions if (one := loose_version(text)) is not None]
    if read and all(one.prerelease for one in read):
        words += "; all are pre-releases: name one, or write a range that does, such as >=0-0"
    return SourceError(Fault.REF, words)


def _entry(row: tuple[str, str, str, str]) -> Entry:
    digest = row[1].removeprefix("sha256:").lower()
    whole = len(digest) == 64 and not set(digest) - set("0123456789abcdef")
    return Entry(row[0], digest if whole else "", tuple(msgspec.json.decode(row[2], type=list[str])), row[3])


def _like(chart: str, names: list[str]) -> str:
    close = difflib.get_close_matches(chart, names, 3)
    return f"; did you mean {' or '.join(map(repr, close))}?" if close else f"; it has {len(names)} charts"
