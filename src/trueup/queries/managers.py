"""Fields of a live object that no unit gave: whose they are by the object's managed fields, or why nobody's.

The API server takes down who owns a field, with one gap: a replica count that is set through the `scale` subresource
counts as nobody's unless somebody had applied it before. An autoscaler is therefore looked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from trueup.core.fields.fieldsv1 import merged_trie
from trueup.core.fields.ownership import FieldSet, ManagedEntry, field_path, item_path, managed_entries
from trueup.core.model.artifact import Provenance, PullRequest
from trueup.core.model.objects import Body, ObjectRef
from trueup.kube.client import KubeClient
from trueup.kube.discovery import Mapper
from trueup.kube.errors import KubeError

SCALED = "scaled by "
VALUE_SHOWN = 120
HIDDEN = "(hidden)"


class FieldBlame(msgspec.Struct, frozen=True, omit_defaults=True):
    """One field of a live object and who gave it its value.

    `value` is JSON, cut and, in a Secret, hidden. `manager` is the field manager, `since` when it last wrote (RFC
    3339), `others` further managers that own the field too. For a unit's field: `file` and `line` (0: only the file is
    known), `key` leads to the value in that file; with an empty `file` the value stands in the unit's own object, or
    is set by Trueup (`key` says which). Where several places have a part in it (an image's name and its tag), this is
    the one that changed last, and `more` has the others as `file:line`. `commit` is the one that last changed it,
    `pull_request` that by which it came.
    """

    path: str
    value: str
    manager: str
    operation: str = ""
    subresource: str = ""
    since: str = ""
    others: tuple[str, ...] = ()
    unit: str = ""
    file: str = ""
    line: int = 0
    key: str = ""
    more: tuple[str, ...] = ()
    commit: Provenance | None = None
    pull_request: PullRequest | None = None

    @property
    def scaled(self) -> bool:
        """Whether an autoscaler has set it, of which the API server keeps no record."""
        return self.key.startswith(SCALED)


def entries_of(body: Body) -> list[ManagedEntry]:
    """Give the managed fields of an object without its status.

    Who applied a Secret's `stringData` owns it under that name, though it stands in `data`.
    """
    entries = [entry for entry in managed_entries(body) if entry.subresource != "status"]
    return [_in_data(entry) for entry in entries] if body.get("kind") == "Secret" else entries


def _in_data(entry: ManagedEntry) -> ManagedEntry:
    trie = msgspec.json.decode(bytes(entry.fields_v1), type=dict[str, Any])
    texts = trie.pop("f:stringData", None)
    if texts is None:
        return entry
    merged = merged_trie([trie, {"f:data": texts}])
    return msgspec.structs.replace(entry, fields_v1=msgspec.Raw(msgspec.json.encode(merged)))


def others(body: Body, entries: Sequence[ManagedEntry], mine: ManagedEntry | None, field: str) -> list[FieldBlame]:
    """Tell the fields of all managers but `mine`, unless that one owns them as well."""
    own = mine.fields if mine is not None else None
    found = []
    for entry in entries:
        if entry is mine:
            continue
        for path, value in entry.fields.values(body).items():
            if not within(path, field) or path.startswith("status") or (own is not None and own.owns(path)):
                continue
            found.append(
                FieldBlame(
                    path, shown(body, path, value), entry.manager, entry.operation, entry.subresource, entry.time
                )
            )
    return found


def also(entries: Sequence[ManagedEntry], mine: ManagedEntry, path: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(entry.manager for entry in entries if entry is not mine and entry.fields.owns(path)))


def within(path: str, field: str) -> bool:
    return not field or path == field or (path.startswith(field) and path[len(field)] in ".[")


def shown(body: Body, path: str, value: Any) -> str:
    if body.get("kind") == "Secret" and path.partition(".")[0].partition("[")[0] in ("data", "stringData"):
        return HIDDEN
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= VALUE_SHOWN else text[: VALUE_SHOWN - 1] + "…"


# ------------------------------------------------------------------------------------------ nobody's fields

_UNTOLD = frozenset({"apiVersion", "kind", "status"})
_COUNTED = frozenset(
    {"name", "namespace", "managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "finalizers"}
)


async def unowned(
    client: KubeClient, mapper: Mapper, body: Body, entries: Sequence[ManagedEntry], field: str
) -> list[FieldBlame]:
    """Tell the fields that no manager owns: defaults of the API server, and a replica count set by an autoscaler."""
    sets = [entry.fields for entry in entries]
    found = []
    for path, value in _leaves(body):
        if within(path, field) and not any(each.owns(path) or _holds(each, path) for each in sets):
            scaler = await _autoscaler(client, mapper, body) if path == "spec.replicas" else ""
            key = scaler or "no manager on record: a default, or set through a subresource"
            found.append(FieldBlame(path, shown(body, path, value), "", key=key))
    return found


def _holds(fields: FieldSet, path: str) -> bool:
    """Say whether something below a path is owned: then the path itself is no leaf of its own."""
    return any(each.startswith(path) and len(each) > len(path) and each[len(path)] in ".[" for each in fields.paths)


def _leaves(body: Body) -> Iterator[tuple[str, Any]]:
    for name, value in body.items():
        if name == "metadata":
            for key in value.keys() - _COUNTED:
                yield from _below(field_path(name, key), value[key])
        elif name not in _UNTOLD:
            yield from _below(field_path(name), value)


def _below(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for name, item in value.items():
            step = field_path(name)
            yield from _below(path + (step if step.startswith("[") else f".{step}"), item)
    elif isinstance(value, list) and value and all(isinstance(item, dict) and "name" in item for item in value):
        for item in value:
            yield from _below(path + item_path("name", item["name"]), item)
    else:
        yield path, value


async def _autoscaler(client: KubeClient, mapper: Mapper, body: Body) -> str:
    """Name the autoscaler that scales an object; empty where there is none, or none may be read."""
    ref = ObjectRef.of(body)
    resource = mapper.known("autoscaling", "HorizontalPodAutoscaler")
    if resource is None:
        return ""
    try:
        listed = await client.list_all(resource, ref.namespace)
    except KubeError:
        return ""
    for item in listed.items:
        target = (item.get("spec") or {}).get("scaleTargetRef") or {}
        if (target.get("kind"), target.get("name")) == (ref.kind, ref.name):
            return f"{SCALED}{ObjectRef.of(item)}"
    return ""
