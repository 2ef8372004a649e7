"""Users' objects, found as people name them: units and sources of every dialect, and any object by its kind."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Callable, Iterable

from trueup.core.model.dialect import Role, WatchedKind
from trueup.core.model.objects import Body, ObjectRef
from trueup.core.model.state import EMPTY_STATE, UnitState, state_name
from trueup.core.problem import Kind, Problem
from trueup.dialects import adapters, dialects
from trueup.dialects.upstream_controllers import SELECTOR, claimed, managed_by
from trueup.kube.client import KubeClient
from trueup.kube.discovery import Mapper
from trueup.kube.errors import KubeError
from trueup.kube.resource import Resource
from trueup.queries.problems import decode_state
from trueup.storage.unit_states import RESOURCE

_REVIEW = Resource("authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview", False)


class Objects:
    """The users' objects of one cluster, found as people name them."""

    def __init__(self, client: KubeClient, mapper: Mapper) -> None:
        """Take both."""
        self.client = client
        self.mapper = mapper

    def kinds(self, role: Role | None) -> list[WatchedKind]:
        """Give the dialects' kinds of a role, those too that the cluster does not serve."""
        return [kind for dialect in dialects() for kind in dialect.kinds if kind.role is role]

    async def objects(self, role: Role, namespace: str = "", only: str = "") -> list[Body]:
        """Give all users' objects of a role (of one kind `only`), ordered by kind, namespace and name."""
        found: list[Body] = []
        for kind in self.kinds(role):
            if only and kind.kind != only:
                continue
            resource = self.mapper.known(kind.group, kind.kind)
            if resource is not None:
                found.extend((await self.client.list_all(resource, namespace)).items)
        return sorted(found, key=lambda body: ObjectRef.of(body))

    async def unit(self, word: str, namespace: str = "") -> Body:
        """Find the unit that `word` means: `name`, `kind/name` or `kind/namespace/name`. Raises `Problem`."""
        return await self.named(word, namespace, (Role.UNIT,))

    async def named(self, word: str, namespace: str, roles: tuple[Role, ...]) -> Body:
        """Find the object of these roles that `word` means, as `unit` does. Raises `Problem`; it names the nearest."""
        parts = word.split("/")
        if len(parts) > 3 or not all(parts):
            raise Problem(f"{word!r} names nothing", "write name, kind/name or kind/namespace/name", Kind.BAD_USE)
        kind = _kind(parts[0], [kind.kind for role in roles for kind in self.kinds(role)]) if len(parts) > 1 else ""
        where = parts[1] if len(parts) == 3 else namespace
        if kind and where and (body := await self._exactly(kind, where, parts[-1], roles)) is not None:
            # Who names it whole needs no right to list.
            return body
        there = [body for role in roles for body in await self.objects(role, where, kind)]
        found = [body for body in there if ObjectRef.of(body).name == parts[-1]]
        if not found:
            raise await self._unknown(word, parts[-1], where, there, roles)
        if len(found) > 1:
            names = ", ".join(written(ObjectRef.of(body)) for body in found)
            raise Problem(f"{word!r} may be any of: {names}", "name it as kind/namespace/name", Kind.BAD_USE)
        return found[0]

    async def _exactly(self, kind: str, namespace: str, name: str, roles: tuple[Role, ...]) -> Body | None:
        for one in (one for role in roles for one in self.kinds(role) if one.kind == kind):
            resource = self.mapper.known(one.group, one.kind)
            reply = await self.client.find(resource, name, namespace) if resource is not None else None
            if reply is not None:
                return reply.body
        return None

    async def _unknown(self, word: str, name: str, where: str, there: list[Body], roles: tuple[Role, ...]) -> Problem:
        place = f" in namespace {where}" if where else ""
        noun = "unit" if roles == (Role.UNIT,) else "unit or source"
        near = nearest(name, [ObjectRef.of(body) for body in there])
        if not near:
            # The name may be right, and the kind or the namespace another.
            with contextlib.suppress(KubeError):
                every = [ObjectRef.of(body) for role in roles for body in await self.objects(role)]
                near = [ref for ref in every if ref.name == name]
        hint = f"did you mean {' or '.join(map(written, near))}?" if near else "`trueup get` lists all units"
        return Problem(f"there is no {noun} {word!r}{place}", hint, Kind.NOT_FOUND)

    async def user(self) -> str:
        """Name the user that the API server takes this command's for; empty where it does not say."""
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        try:
            reply = await self.client.create(_REVIEW, body)
        except KubeError:
            return ""
        return str(((reply.body.get("status") or {}).get("userInfo") or {}).get("username") or "")

    async def state(self, ref: ObjectRef) -> UnitState:
        """Give what Trueup remembers of a unit; the empty state where that is nothing."""
        if self.mapper.known(RESOURCE.group, RESOURCE.kind) is None:
            return EMPTY_STATE
        reply = await self.client.find(RESOURCE, state_name(ref), ref.namespace)
        return decode_state(ref, reply.body if reply is not None else None)

    async def left_to(self) -> Callable[[Body], str]:
        """Ask which upstream controllers run; gives who works on a user's object, empty where that is Trueup."""
        workloads: list[Body] = []
        for kind in ("Deployment", "StatefulSet"):
            resource = self.mapper.known("apps", kind)
            try:
                selectors = {"labelSelector": SELECTOR}
                found = (await self.client.list_all(resource, selectors=selectors)).items if resource else []
            except KubeError:
                # Who may not see workloads is told the rest all the same.
                found = []
            workloads.extend({"kind": kind, **body} for body in found)

        def owner(body: Body) -> str:
            return "" if claimed(body) else managed_by(ObjectRef.of(body).group, workloads)

        return owner


def nearest(name: str, among: Iterable[ObjectRef], most: int = 3) -> list[ObjectRef]:
    """Give those whose names are like `name`, the most alike first."""
    refs = sorted(among)
    close = difflib.get_close_matches(name, {ref.name for ref in refs}, most)
    return [ref for each in close for ref in refs if ref.name == each][:most]


def _kind(word: str, among: list[str]) -> str:
    lower = word.lower()
    short = {word: one.kind.kind.lower() for one in adapters() for word in one.short}
    full = short.get(lower, lower)
    for kind in among:
        if full in (kind.lower(), f"{kind.lower()}s", f"{kind.lower()[:-1]}ies"):
            return kind
    hint = _meant(lower, [*short, *among]) or f"known are {', '.join(sorted(among))}"
    raise Problem(f"{word!r} is no kind that can be named here", hint, Kind.BAD_USE)


def _meant(word: str, among: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, sorted({each.lower() for each in among}), 1)
    return f"did you mean {near[0]}?" if near else ""


async def any_object(cluster: Objects, what: str, namespace: str) -> Body:
    """Find an object by KIND/NAME or KIND/NAMESPACE/NAME, as kubectl names kinds. Raises `Problem`."""
    kind, *rest = what.split("/")
    if len(rest) not in (1, 2) or not rest[-1]:
        raise Problem(f"{what!r} names no object", "write KIND/NAME with -n, or KIND/NAMESPACE/NAME", Kind.BAD_USE)
    resources = cluster.mapper.lookup(kind)
    if not resources:
        hint = _meant(kind.lower(), [each.kind for each in cluster.mapper.preferred()])
        hint = hint or "`kubectl api-resources` lists the kinds"
        raise Problem(f"the cluster serves no kind {kind!r}", hint, Kind.BAD_USE)
    name = rest[-1]
    where = rest[0] if len(rest) == 2 else namespace or "default"
    for resource in resources:
        reply = await cluster.client.find(resource, name, where if resource.namespaced else "")
        if reply is not None:
            return reply.body
    place = f" in namespace {where}" if resources[0].namespaced else ""
    raise Problem(f"there is no {kind} {name!r}{place}", "name its namespace with -n", Kind.NOT_FOUND)


def written(ref: ObjectRef) -> str:
    """Write a unit as commands take it."""
    return f"{ref.kind.lower()}/{ref.namespace}/{ref.name}"
