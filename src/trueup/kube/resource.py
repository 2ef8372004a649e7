"""The values that requests are made of: resources (what the API serves) and the part of an object that all share."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import msgspec

from trueup.core.fields.ownership import ManagedEntry
from trueup.core.model.objects import Body, ObjectRef, join_api_version


class Resource(msgspec.Struct, frozen=True, omit_defaults=True):
    """One resource of one API version: `deployments` of `apps/v1`."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool
    singular: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: frozenset[str] = frozenset()
    subresources: frozenset[str] = frozenset()

    @property
    def api_version(self) -> str:
        """As manifests write it: `apps/v1`."""
        return join_api_version(self.group, self.version)

    @property
    def watchable(self) -> bool:
        """Whether it can be listed and watched."""
        return {"list", "watch"} <= self.verbs

    def ref(self, name: str, namespace: str = "") -> ObjectRef:
        """The identity of one of its objects."""
        return ObjectRef(self.group, self.kind, namespace if self.namespaced else "", name)

    def path(self, name: str = "", namespace: str = "", subresource: str = "") -> str:
        """Give the URL path of one object, or of all (in one namespace, or in the cluster)."""
        parts = [f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"]
        if self.namespaced and namespace:
            parts.append(f"namespaces/{quote(namespace, safe='')}")
        parts.append(self.plural)
        if name:
            parts.append(quote(name, safe=""))
            if subresource:
                parts.append(subresource)
        return "/".join(parts)

    def __str__(self) -> str:
        """As kubectl writes it: `deployments.v1.apps`."""
        return ".".join(part for part in (self.plural, self.version, self.group) if part)


def version_number(resource_version: str) -> int:
    """Give a resourceVersion as a number to compare with others of the same kind; 0 where it is none.

    https://github.com/kubernetes/enhancements/tree/master/keps/sig-api-machinery/5504-comparable-resource-version
    """
    return int(resource_version) if resource_version.isdecimal() else 0


class OwnerReference(msgspec.Struct, frozen=True, rename="camel"):
    """Who an object belongs to."""

    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool = False


class ObjectMeta(msgspec.Struct, frozen=True, rename="camel"):
    """`metadata`, as far as the engine needs it."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owner_references: tuple[OwnerReference, ...] | None = None
    finalizers: tuple[str, ...] | None = None
    managed_fields: tuple[ManagedEntry, ...] | None = None


class PartialObject(msgspec.Struct, frozen=True, rename="camel"):
    """What all objects have in common."""

    api_version: str = ""
    kind: str = ""
    metadata: ObjectMeta = ObjectMeta()


_PARTIAL = msgspec.json.Decoder(PartialObject)
_BODY = msgspec.json.Decoder(dict[str, Any])


def read_partial(raw: bytes | msgspec.Raw) -> PartialObject:
    """Decode what all objects have in common. Raises `msgspec.MsgspecError`."""
    return _PARTIAL.decode(raw)


def read_body(raw: bytes | msgspec.Raw) -> Body:
    """Decode a whole object. Raises `msgspec.MsgspecError`."""
    return _BODY.decode(raw)


class Reply(msgspec.Struct, frozen=True):
    """An object as the API server answered: its bytes, decoded only as far as asked for."""

    raw: bytes
    created: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def body(self) -> Body:
        """The whole object, decoded anew each time."""
        return read_body(self.raw)

    @property
    def partial(self) -> PartialObject:
        """Kind and metadata, decoded anew each time."""
        return read_partial(self.raw)

    @property
    def meta(self) -> ObjectMeta:
        """Metadata, decoded anew each time."""
        return read_partial(self.raw).metadata


class Page(msgspec.Struct, frozen=True):
    """One page of a list: undecoded items, the list's resourceVersion, and the token of the next page."""

    items: tuple[msgspec.Raw, ...]
    resource_version: str
    next_token: str = ""
    remaining: int = 0


class Listing(msgspec.Struct, frozen=True):
    """A whole list, decoded; every item has its apiVersion and kind."""

    items: tuple[Body, ...]
    resource_version: str


class _ListMeta(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")
    remaining_item_count: int | None = None


class _List(msgspec.Struct):
    metadata: _ListMeta = msgspec.field(default_factory=_ListMeta)
    items: tuple[msgspec.Raw, ...] | None = None


_LIST = msgspec.json.Decoder(_List)


def read_page(raw: bytes) -> Page:
    """Decode a list without decoding its items. Raises `ValueError` where it is none."""
    listed = _LIST.decode(raw)
    if not listed.metadata.resource_version and listed.items is None:
        raise ValueError("it has neither items nor a resourceVersion")
    return Page(
        listed.items or (),
        listed.metadata.resource_version,
        listed.metadata.continue_,
        listed.metadata.remaining_item_count or 0,
    )


class Preconditions(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What must still hold for a delete to happen."""

    uid: str = ""
    resource_version: str = ""


def unserved(shown: str, group: str, kind: str, resources: Iterable[Resource]) -> str:
    """Say that a kind, written as `shown`, is not served, and what to write or do.

    The same kind in another version or group beats one with a like name; where there is neither, its definition may be
    missing.
    """
    listed = [each for each in resources if "/" not in each.plural]
    same = [each for each in listed if each.kind == kind]
    here = [each for each in same if each.group == group]
    if others := dict.fromkeys(each.api_version for each in here or same):
        return f"the cluster serves no {shown}; it serves it as {', '.join(others)}: write that apiVersion"
    near = difflib.get_close_matches(kind, {each.kind for each in listed if each.group == group}, 1, 0.75)
    near = near or difflib.get_close_matches(kind, {each.kind for each in listed}, 1, 0.85)
    if near:
        found = next(each for each in listed if each.kind == near[0] and (each.group == group or not here))
        return f"the cluster serves no {shown}; did you mean {found.kind} of {found.api_version}? Check the spelling"
    return f"the cluster serves no {shown}: is its CustomResourceDefinition applied?"
