"""Reads a Chart.yaml and merges files of values; run as a script (see `trueup.scripts`).

Standard input is `{"chart": TEXT, "metadata": TEXT, "values": [[PATH, TEXT], …]}`, texts in YAML. Prints the chart's
`name` and `version` (with `metadata` behind a plus sign where there is any), the `chart` as it is then, and `values`,
the files merged: what a later one says wins, mapping by mapping. Or `{"refused": WORDS, "file": PATH}`.
"""

from __future__ import annotations

import json
import resource
import sys
from typing import Any

import yaml

MEMORY = 512 * 1024 * 1024
SECONDS = 20
DEEPEST = 100


class Refused(Exception):
    """A file cannot be read; the words say why."""

    def __init__(self, file: str, words: str) -> None:
        super().__init__(words)
        self.file = file


class Loader(yaml.CSafeLoader):
    """Reads what YAML's schema for JSON has, so that a date stays the text that it was written as."""


Loader.yaml_implicit_resolvers = {
    sign: [(tag, pattern) for tag, pattern in known if not tag.endswith(("timestamp", "value"))]
    for sign, known in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def main() -> dict[str, Any]:
    """Do it, and say what came of it."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    asked = json.loads(sys.stdin.buffer.read())
    said: dict[str, Any] = {}
    if asked.get("chart"):
        about = read("Chart.yaml", asked["chart"])
        name, version = about.get("name"), about.get("version")
        if not isinstance(name, str) or not isinstance(version, str) or not name or not version:
            raise Refused("Chart.yaml", "it has no name, or no version that is a text")
        if metadata := asked.get("metadata"):
            version = f"{version.partition('+')[0]}+{metadata}"
        said = {"name": name, "version": version, "chart": dump({**about, "version": version})}
    merged: dict[str, Any] = {}
    for path, text in asked.get("values", ()):
        merged = together(merged, read(path, text))
    return {**said, "values": dump(merged)}


def read(path: str, text: str) -> dict[str, Any]:
    """Read a file that holds one mapping, or nothing. Raises `Refused`."""
    try:
        depth = aliases = 0
        for event in yaml.parse(text, Loader=Loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            aliases += isinstance(event, yaml.AliasEvent)
            if depth > DEEPEST or aliases > DEEPEST:
                raise Refused(path, "it is nested too deeply, or has too many aliases")
        found = yaml.load(text, Loader=Loader)
    except yaml.YAMLError as error:
        raise Refused(path, f"it is no YAML: {' '.join(str(error).split())[:300]}") from None
    except ValueError as error:
        raise Refused(path, f"it cannot be read: {error}") from None
    if not isinstance(found, dict | None):
        raise Refused(path, "it is no mapping")
    return found or {}


def together(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Merge two mappings; what the second says wins."""
    merged = dict(first)
    for key, value in second.items():
        known = merged.get(key)
        merged[key] = together(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return merged


def dump(content: dict[str, Any]) -> str:
    """Write a mapping as YAML."""
    return yaml.dump(content, Dumper=yaml.CSafeDumper, sort_keys=True, allow_unicode=True, width=1000)


if __name__ == "__main__":
    try:
        answer = main()
    except Refused as refused:
        answer = {"refused": str(refused), "file": refused.file}
    except (MemoryError, RecursionError):
        answer = {"refused": "reading it takes too much memory", "file": "values"}
    except OSError as error:
        answer = {"errno": error.errno or 0, "words": error.strerror or str(error)}
    sys.stdout.write(json.dumps(answer))
