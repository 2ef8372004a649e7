"""Reads an `index.yaml` as it streams by, into a database of its charts; run as a script (see `trueup.scripts`).

`indexing.py INDEX DATABASE ENTRIES`: the index, the SQLite file that is made, and how many versions it may hold. YAML
is read event by event: neither the text nor what it says is held in memory. Prints `{"charts": N, "versions": N}`, or
`{"refused": WORDS, "too_large": BOOL}`.
"""

from __future__ import annotations

import json
import os
import resource
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)

MEMORY = 512 * 1024 * 1024
"""Bytes of memory that reading may take."""

LONGEST = 2048
"""Signs of a name, version, digest or URL."""

URLS = 10
BATCH = 1000
NICENESS = 5
_TABLE = "CREATE TABLE charts (name TEXT, version TEXT, digest TEXT, urls TEXT, created TEXT)"
_FIELDS = frozenset({"version", "digest", "created"})

Row = tuple[str, str, str, str, str]


class Refused(Exception):
    """An index is not taken; the words say why."""

    def __init__(self, words: str, too_large: bool = False) -> None:
        super().__init__(words)
        self.too_large = too_large


def main() -> dict[str, Any]:
    """Read an index, and say what came of it."""
    os.nice(NICENESS)
    index, database, most = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute(_TABLE)
    names: set[str] = set()
    count = 0
    batch: list[Row] = []
    with Path(index).open("rb") as file:
        for row in rows(yaml.parse(file, Loader=yaml.CSafeLoader)):
            names.add(row[0])
            count += 1
            if count > int(most):
                raise Refused(f"it holds more than {most} versions of charts", True)
            batch.append(row)
            if len(batch) == BATCH:
                _store(connection, batch)
                batch.clear()
    _store(connection, batch)
    connection.execute("CREATE INDEX by_name ON charts (name)")
    connection.close()
    return {"charts": len(names), "versions": count}


def _store(connection: sqlite3.Connection, batch: list[Row]) -> None:
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO charts VALUES (?, ?, ?, ?, ?)", batch)
    connection.execute("COMMIT")


def rows(events: Iterator[Event]) -> Iterator[Row]:
    """Give name, version, digest, URLs and time of every version. Raises `Refused` for what is no index."""
    first = next((event for event in events if not isinstance(event, StreamStartEvent | DocumentStartEvent)), None)
    if not isinstance(first, MappingStartEvent):
        raise Refused("it is no mapping")
    versioned = seen = False
    for event in events:
        if isinstance(event, MappingEndEvent):
            break
        value = next(events)
        key = event.value if isinstance(event, ScalarEvent) else ""
        if not isinstance(event, ScalarEvent):
            raise Refused("it has a key that is no text")
        if key == "apiVersion":
            versioned = isinstance(value, ScalarEvent) and bool(value.value)
            _skip(events, value)
        elif key == "entries" and isinstance(value, MappingStartEvent):
            seen = True
            yield from _charts(events)
        elif key == "entries" and isinstance(value, ScalarEvent) and value.value in ("", "null", "~"):
            seen = True
        else:
            _skip(events, value)
    if not versioned:
        raise Refused("it has no apiVersion")
    if not seen:
        raise Refused("it has no entries")
    for event in events:
        if not isinstance(event, DocumentEndEvent | StreamEndEvent):
            raise Refused("it holds several documents")


def _charts(events: Iterator[Event]) -> Iterator[Row]:
    for event in events:
        if isinstance(event, MappingEndEvent):
            return
        name = _text(event)
        value = next(events)
        if not isinstance(value, SequenceStartEvent):
            _skip(events, value)
            continue
        for version in events:
            if isinstance(version, SequenceEndEvent):
                break
            if not isinstance(version, MappingStartEvent):
                _skip(events, version)
                continue
            if (row := _version(events, name)) is not None:
                yield row


def _version(events: Iterator[Event], name: str) -> Row | None:
    """Read one version; `None` where it says too little to be fetched."""
    found = dict.fromkeys(_FIELDS, "")
    urls: list[str] = []
    for event in events:
        if isinstance(event, MappingEndEvent):
            break
        key = event.value if isinstance(event, ScalarEvent) else ""
        if not isinstance(event, ScalarEvent):
            _skip(events, event)
        value = next(events)
        if key in _FIELDS and isinstance(value, ScalarEvent):
            found[key] = _text(value)
        elif key == "urls" and isinstance(value, SequenceStartEvent):
            for url in events:
                if isinstance(url, SequenceEndEvent):
                    break
                if isinstance(url, ScalarEvent) and len(urls) < URLS:
                    urls.append(_text(url))
                else:
                    _skip(events, url)
        elif isinstance(value, AliasEvent) and (key in _FIELDS or key == "urls"):
            raise Refused("it has aliases, which are not read; write the values out")
        else:
            _skip(events, value)
    if not name or not found["version"] or not urls:
        return None
    return name, found["version"], found["digest"], json.dumps(urls), found["created"]


def _text(event: Event) -> str:
    if not isinstance(event, ScalarEvent):
        raise Refused("it has a name that is no text")
    text = str(event.value)
    if len(text) > LONGEST:
        raise Refused(f"it has a text of more than {LONGEST} signs where a name, version or URL is expected", True)
    return text


def _skip(events: Iterator[Event], first: Event) -> None:
    """Pass over what begins with an event."""
    if not isinstance(first, CollectionStartEvent):
        return
    depth = 1
    for event in events:
        if isinstance(event, CollectionStartEvent):
            depth += 1
        elif isinstance(event, CollectionEndEvent):
            depth -= 1
            if not depth:
                return


if __name__ == "__main__":
    try:
        said = main()
    except Refused as refused:
        said = {"refused": str(refused), "too_large": refused.too_large}
    except MemoryError:
        said = {"refused": "reading it takes too much memory", "too_large": True}
    except (yaml.YAMLError, UnicodeDecodeError) as broken:
        said = {"refused": f"it is no YAML: {' '.join(str(broken).split())[:300]}", "too_large": False}
    except (StopIteration, RuntimeError):
        said = {"refused": "it ends in the middle", "too_large": False}
    except sqlite3.Error as error:
        said = {"errno": 28 if "full" in str(error) else 5, "words": str(error)}
    except OSError as error:
        said = {"errno": error.errno or 0, "words": error.strerror or str(error)}
    sys.stdout.write(json.dumps(said))
