"""`.argocd-source.yaml` and `.argocd-source-<application>.yaml`: parameters of a source, written in its repository.

As upstream has it, each is a JSON merge patch on the source as the Application gives it, the one that names the
Application last; where the source comes from is not theirs to say.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import yaml

from trueup.core.model.recipe import Origin, RenderError, RenderProblem
from trueup.dialects.argo.application.types import Source
from trueup.dialects.decode import read, without_nulls
from trueup.dialects.sync_options import folder

DEEPEST = 50
FIXED = ("chart", "path", "repoURL", "targetRevision", "ref", "name", "tagPrefix")
"""Fields that say where a source comes from, under the names they have in JSON: what a file says of them is ignored."""


def override_files(path: str, instance: str) -> tuple[str, ...]:
    """Give the files that change the parameters of a source with this folder, in the order in which they count.

    `instance` is the Application's name as it stands in marks: with its namespace in front outside the home namespace.
    """
    names = (".argocd-source.yaml", f".argocd-source-{instance}.yaml")
    return tuple(f"{folder(path)}/{each}".removeprefix("./") for each in names)


def overridden(source: Source, files: Iterable[tuple[str, bytes]]) -> tuple[Source, tuple[str, ...]]:
    """Give a source with the parameters that files add, and what is asked for in vain.

    Raises `RenderError` that names the file which cannot be read.
    """
    warnings: list[str] = []
    for name, content in files:
        patch = _patch(name, content)
        given = msgspec.to_builtins(source)
        kept = {field: given[field] for field in FIXED if field in given}
        wanted = {field: value for field, value in patch.items() if field not in FIXED}
        merged = {**without_nulls(_merged(given, wanted)), **kept}
        found = read(merged, Source, name)
        if wrong := [text for text in found.problems if not text.endswith(".repoURL is required")]:
            raise _broken(name, "; ".join(wrong))
        warnings += [f"unknown field {field}: it has no effect" for field in found.unknown]
        vain = [field for field in patch if field in FIXED and patch[field] != given.get(field)]
        warnings += [f"{name}: {field} has no effect there; set it in the Application" for field in vain]
        source = found.value
    return source, tuple(warnings)


def _patch(name: str, content: bytes) -> Mapping[str, Any]:
    try:
        text = content.decode()
        depth = 0
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            if isinstance(event, yaml.AliasEvent):
                raise _broken(name, "aliases are not supported here; write the value out")
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST:
                raise _broken(name, "it is nested too deeply")
        # Only what JSON can say is read: a date is the text that it was written as.
        found = json.loads(json.dumps(yaml.load(text, Loader=yaml.CSafeLoader), default=str))
    except (yaml.YAMLError, ValueError, TypeError) as error:
        raise _broken(name, f"it is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(found, dict):
        raise _broken(name, "it is empty, or no mapping; give it parameters of the source, or remove it")
    return found


def _merged(target: Any, patch: Any) -> Any:
    """Apply a JSON merge patch (RFC 7396)."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for field, value in patch.items():
        if value is None:
            merged.pop(field, None)
        else:
            merged[field] = _merged(merged.get(field), value)
    return merged


def _broken(name: str, why: str) -> RenderError:
    return RenderError(RenderProblem("override", why, Origin(name)))
