"""The cluster a command talks to, and the users' objects in it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from trueup.cli.problems import BAD_USE, Problem
from trueup.core.dialect import Role
from trueup.core.objects import Body, ObjectRef
from trueup.core.state import EMPTY_STATE, UnitState, state_name
from trueup.dialects import DIALECTS
from trueup.kube.client import KubeClient
from trueup.kube.connect import default_connection
from trueup.kube.discovery import Mapper
from trueup.kube.errors import KubeError
from trueup.kube.resource import Resource
from trueup.store.states import RESOURCE

_REVIEW = Resource("authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview", False)
_WORDS = {"app": "application", "apps": "application", "ks": "kustomization", "gitrepo": "gitrepository"}


class Access:
    """A connected client and what it knows of the dialects' kinds."""

    def __init__(self, client: KubeClient, mapper: Mapper) -> None:
        """Take both."""
        self.client = client
        self.mapper = mapper

    async def objects(self, role: Role, namespace: str = "") -> list[Body]:
        """Give all users' objects of a role, ordered by kind, namespace and name."""
        found: list[Body] = []
        for dialect in DIALECTS:
            for kind in dialect.kinds:
                resource = self.mapper.known(kind.group, kind.kind) if kind.role is role else None
                if resource is not None:
                    found.extend((await self.client.list_all(resource, namespace)).items)
        return sorted(found, key=lambda body: ObjectRef.of(body))

    async def unit(self, word: str, namespace: str = "") -> Body:
        """Find the unit that `word` means: `name`, `kind/name` or `kind/namespace/name`. Raises `Problem`."""
        parts = word.split("/")
        name = parts[-1]
        kind = _WORDS.get(parts[0].lower(), parts[0].lower().removesuffix("s")) if len(parts) > 1 else ""
        where = parts[1] if len(parts) == 3 else namespace
        found = [
            body
            for body in await self.objects(Role.UNIT, where)
            if ObjectRef.of(body).name == name and (not kind or str(body["kind"]).lower() == kind)
        ]
        if not found:
            place = f" in namespace {where}" if where else ""
            raise Problem(f"there is no unit {word!r}{place}", "`trueup get` lists all units", BAD_USE)
        if len(found) > 1:
            names = ", ".join(written(ObjectRef.of(body)) for body in found)
            raise Problem(f"{word!r} may be any of: {names}", "name it as kind/namespace/name", BAD_USE)
        return found[0]

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
        return EMPTY_STATE if reply is None else msgspec.convert(reply.body.get("state") or {}, UnitState)


def written(ref: ObjectRef) -> str:
    """Write a unit as commands take it."""
    return f"{ref.kind.lower()}/{ref.namespace}/{ref.name}"


@asynccontextmanager
async def access(kubeconfig: str, context: str) -> AsyncIterator[Access]:
    """Connect. Raises `Problem` where that fails."""
    try:
        async with KubeClient(default_connection(kubeconfig, context)) as client:
            mapper = Mapper(client)
            await mapper.refresh()
            yield Access(client, mapper)
    except KubeError as error:
        raise Problem(str(error), "check --kubeconfig, --context, and what your user may do") from error
