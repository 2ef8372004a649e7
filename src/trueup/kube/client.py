"""Requests about objects: get, list, create, apply, patch, delete and watch, each typed in its failures.

`KubeClient` is a light view on one cluster's `Transport`: `impersonate` and `fenced` give further views on the same
connections. Objects go in as decoded bodies or as JSON bytes, and come back as `Reply`, decoded only as far as asked.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec

from trueup.core.model.objects import Body
from trueup.kube.config.connect import Connection
from trueup.kube.errors import BadAnswer, Gone, NotFound
from trueup.kube.resource import Listing, Page, Preconditions, Reply, Resource, read_body, read_page
from trueup.kube.transport import Answer, Call, Fence, Limits, Observer, Transport
from trueup.kube.writes import PLAIN_WRITE, PatchType, Propagation, Write

CHUNK = 500

_JSON = "application/json"
_ACCEPT_METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
_ACCEPT_METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
_ENCODER = msgspec.json.Encoder()


class _Request(msgspec.Struct, frozen=True):
    """One request about a resource. `what` says in words what is asked, `repeatable` that it may be sent twice."""

    method: str
    verb: str
    resource: Resource
    name: str
    namespace: str
    body: Any = None
    subresource: str = ""
    query: Mapping[str, str] = {}
    what: str = ""
    accept: str = _JSON
    content_type: str = ""
    repeatable: bool = False


class KubeClient:
    """A client of one cluster. Use it as an async context manager, or `close` it; views share its connections."""

    __slots__ = ("_fence", "_headers", "transport")

    def __init__(self, connection: Connection, limits: Limits = Limits(), observer: Observer | None = None) -> None:
        """Take where to connect, the bounds, and who is told of every request (for metrics)."""
        self.transport = Transport(connection, limits, observer)
        self._headers: tuple[tuple[str, str], ...] = ()
        self._fence: Fence | None = None

    async def __aenter__(self) -> KubeClient:
        """Give itself."""
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Close the connections."""
        await self.close()

    async def close(self) -> None:
        """Close the connections, those of every view too."""
        await self.transport.close()

    def _view(self, headers: tuple[tuple[str, str], ...], fence: Fence | None) -> KubeClient:
        view = object.__new__(KubeClient)
        view.transport = self.transport
        view._headers = headers
        view._fence = fence
        return view

    def impersonate(self, user: str, groups: Iterable[str] = (), uid: str = "") -> KubeClient:
        """Give a view that acts as `user` (`system:serviceaccount:<namespace>:<name>` for a service account).

        The API server adds a service account's own groups only if none are given: then they are filled in here.
        """
        listed = list(groups)
        parts = user.split(":")
        if not listed and user.startswith("system:serviceaccount:") and len(parts) == 4:
            listed = ["system:serviceaccounts", f"system:serviceaccounts:{parts[2]}", "system:authenticated"]
        headers: list[tuple[str, str]] = [("Impersonate-User", user)]
        headers += [("Impersonate-Group", group) for group in listed]
        if uid:
            headers.append(("Impersonate-Uid", uid))
        return self._view(tuple(headers), self._fence)

    def fenced(self, fence: Fence) -> KubeClient:
        """Give a view whose writes call `fence` right before every sending; what it raises is the write's outcome."""
        return self._view(self._headers, fence)

    # ------------------------------------------------------------------------------------------------- reading

    async def get(
        self, resource: Resource, name: str, namespace: str = "", *, subresource: str = "", metadata_only: bool = False
    ) -> Reply:
        """Read one object. Raises `NotFound` only where the server knows the kind and says the object is not there."""
        accept = _ACCEPT_METADATA if metadata_only else _JSON
        answer = await self._send(
            _Request("GET", "get", resource, name, namespace, subresource=subresource, accept=accept)
        )
        return _reply(answer, f"get {resource.ref(name, namespace)}")

    async def find(self, resource: Resource, name: str, namespace: str = "") -> Reply | None:
        """Read one object, `None` where the server says that it is not there. Raises `KubeError` otherwise."""
        try:
            return await self.get(resource, name, namespace)
        except NotFound:
            return None

    async def page(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        selectors: Mapping[str, str] = {},
        token: str = "",
        limit: int = CHUNK,
        metadata_only: bool = False,
    ) -> Page:
        """Read one page of a list. `selectors` are `labelSelector` and `fieldSelector`.

        Raises `Gone` for an old token.
        """
        query = dict(selectors)
        if limit:
            query["limit"] = str(limit)
        if token:
            query["continue"] = token
        what = f"list {resource}" + (f" in {namespace}" if namespace else "")
        accept = _ACCEPT_METADATA_LIST if metadata_only else _JSON
        answer = await self._send(
            _Request("GET", "list", resource, "", namespace, query=query, accept=accept, what=what)
        )
        try:
            return read_page(answer.raw)
        except (msgspec.MsgspecError, ValueError) as error:
            raise BadAnswer(f"the answer is no list: {error}", what=what, code=answer.code) from error

    async def pages(
        self, resource: Resource, namespace: str = "", *, selectors: Mapping[str, str] = {}, metadata_only: bool = False
    ) -> AsyncIterator[Page]:
        """Read a list page by page. Raises `Gone` where it took too long: begin again, without pages."""
        token = ""
        while True:
            page = await self.page(resource, namespace, selectors=selectors, token=token, metadata_only=metadata_only)
            yield page
            token = page.next_token
            if not token:
                return

    async def list_all(self, resource: Resource, namespace: str = "", *, selectors: Mapping[str, str] = {}) -> Listing:
        """Read a whole list, decoded. Raises `KubeError`; never gives a part."""
        pages: list[Page] = []
        try:
            async for page in self.pages(resource, namespace, selectors=selectors):
                pages.append(page)
        except Gone:
            pages = [await self.page(resource, namespace, selectors=selectors, limit=0)]
        items: list[Body] = []
        for page in pages:
            for raw in page.items:
                body = read_body(raw)
                body.setdefault("apiVersion", resource.api_version)
                body.setdefault("kind", resource.kind)
                items.append(body)
        return Listing(tuple(items), pages[-1].resource_version)

    def watch(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        query: Mapping[str, str] = {},
        metadata_only: bool = False,
        idle_seconds: float = 0.0,
    ) -> AsyncGenerator[list[bytes], None]:
        """Give a watch's events as undecoded lines, as many at once as have come. Raises `KubeError`.

        The first list is empty: the watch is established.
        """
        call = Call(
            "GET",
            "watch",
            resource.path("", namespace),
            _resource_name(resource),
            f"watch {resource}" + (f" in {namespace}" if namespace else ""),
            urlencode({"watch": "1", **query}),
            headers=(*self._headers, ("Accept", _ACCEPT_METADATA if metadata_only else _JSON)),
        )
        return self.transport.lines(call, idle_seconds)

    async def raw(self, path: str, *, accept: str = _JSON, what: str = "", timeout: float = 0.0) -> Answer:
        """Read any path (`/version`, `/apis`, `/readyz`). Raises `KubeError`."""
        call = Call(
            "GET",
            "get",
            path,
            what=what or f"get {path}",
            headers=(*self._headers, ("Accept", accept)),
            repeatable=True,
            timeout=timeout,
        )
        return await self.transport.send(call)

    # ------------------------------------------------------------------------------------------------- writing

    async def create(
        self, resource: Resource, body: Body | bytes, namespace: str = "", write: Write = PLAIN_WRITE
    ) -> Reply:
        """Create an object; the namespace is the body's where none is given. Raises `AlreadyExists`, `Invalid`…"""
        name = ""
        if not isinstance(body, bytes):
            metadata = body.get("metadata") or {}
            name, namespace = metadata.get("name") or "", namespace or metadata.get("namespace") or ""
        what = f"create {resource.ref(name, namespace)}"
        answer = await self._send(
            _Request("POST", "create", resource, "", namespace, body=body, what=what, content_type=_JSON), write
        )
        return _reply(answer, what)

    async def server_side_apply(
        self,
        resource: Resource,
        body: Body | bytes,
        write: Write,
        *,
        force: bool = True,
        name: str = "",
        namespace: str = "",
    ) -> Reply:
        """Apply an object as `write.manager`; with `force`, fields that others own are taken.

        `name` and `namespace` are the body's where not given; JSON bytes need them. Raises `FieldConflict` without
        force, `Invalid`, `Forbidden`…
        """
        repeatable = True
        if not isinstance(body, bytes):
            metadata = body.get("metadata") or {}
            name = name or metadata.get("name") or ""
            namespace = namespace or metadata.get("namespace") or ""
            # With a resourceVersion, a second sending would conflict with the first.
            repeatable = not metadata.get("resourceVersion")
        if not name:
            raise ValueError("server-side apply needs the object's name")
        what = f"{'dry run of ' if write.dry_run else ''}apply {resource.ref(name, namespace)}"
        query = {"force": "true"} if force else {}
        request = _Request(
            "PATCH",
            "apply",
            resource,
            name,
            namespace,
            body=body,
            query=query,
            what=what,
            content_type=PatchType.APPLY,
            repeatable=repeatable,
        )
        answer = await self._send(request, write)
        return _reply(answer, what)

    async def patch(
        self,
        resource: Resource,
        name: str,
        namespace: str,
        patch: Any,
        kind: PatchType = PatchType.MERGE,
        write: Write = PLAIN_WRITE,
    ) -> Reply:
        """Patch an object (`patch` is JSON to encode, or bytes). Raises `Conflict` where a tested value has changed."""
        what = f"patch {resource.ref(name, namespace)}"
        answer = await self._send(
            _Request("PATCH", "patch", resource, name, namespace, body=patch, what=what, content_type=kind), write
        )
        return _reply(answer, what)

    async def replace(self, resource: Resource, body: Body, write: Write = PLAIN_WRITE) -> Reply:
        """Replace an object; with a `metadata.resourceVersion` only if that is still the live one, else `Conflict`."""
        metadata = body.get("metadata") or {}
        name, namespace = metadata.get("name") or "", metadata.get("namespace") or ""
        what = f"update {resource.ref(name, namespace)}"
        answer = await self._send(
            _Request("PUT", "update", resource, name, namespace, body=body, what=what, content_type=_JSON), write
        )
        return _reply(answer, what)

    async def delete(
        self,
        resource: Resource,
        name: str,
        namespace: str = "",
        *,
        propagation: Propagation = "Background",
        preconditions: Preconditions | None = None,
        write: Write = PLAIN_WRITE,
    ) -> bool:
        """Delete an object; `False` where it is not there. Raises `Conflict` where a precondition does not hold."""
        options: dict[str, Any] = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": propagation}
        if preconditions is not None:
            options["preconditions"] = preconditions
        if write.dry_run:
            options["dryRun"] = ["All"]
        try:
            request = _Request(
                "DELETE",
                "delete",
                resource,
                name,
                namespace,
                body=options,
                what=f"delete {resource.ref(name, namespace)}",
                content_type=_JSON,
                repeatable=preconditions is not None and bool(preconditions.uid),
            )
            await self._send(request, Write(timeout=write.timeout))
        except NotFound:
            return False
        return True

    async def post(self, path: str, body: Any, *, what: str = "") -> Answer:
        """Post to any path (access reviews, token requests). Raises `KubeError`."""
        headers = (*self._headers, ("Accept", _JSON), ("Content-Type", _JSON))
        raw = body if isinstance(body, bytes) else _ENCODER.encode(body)
        return await self.transport.send(
            Call("POST", "create", path, what=what or f"post {path}", body=raw, headers=headers, fence=self._fence)
        )

    async def _send(self, request: _Request, write: Write = PLAIN_WRITE) -> Answer:
        writes = request.method != "GET"
        resource, name, namespace, body = request.resource, request.name, request.namespace, request.body
        headers = (*self._headers, ("Accept", request.accept))
        if request.content_type:
            headers = (*headers, ("Content-Type", request.content_type))
        parameters = {**request.query, **write.query()} if writes else request.query
        return await self.transport.send(
            Call(
                request.method,
                request.verb,
                resource.path(name, namespace, request.subresource or write.subresource),
                _resource_name(resource),
                request.what or f"{request.verb} {resource.ref(name, namespace)}",
                urlencode(parameters) if parameters else "",
                None if body is None else body if isinstance(body, bytes) else _ENCODER.encode(body),
                headers,
                request.repeatable or not writes,
                self._fence if writes and not write.dry_run else None,
                write.timeout,
            )
        )


def _resource_name(resource: Resource) -> str:
    return f"{resource.plural}.{resource.group}" if resource.group else resource.plural


def _reply(answer: Answer, what: str) -> Reply:
    if not answer.raw.lstrip()[:1] == b"{":
        raise BadAnswer("the answer is no object", what=what, code=answer.code)
    return Reply(answer.raw, answer.code == 201, _warnings(answer.headers))


def _warnings(headers: Mapping[str, str]) -> tuple[str, ...]:
    found = getattr(headers, "getall", None)
    values = found("Warning", ()) if found else ()
    return tuple(_unquote(value) for value in values)


def _unquote(warning: str) -> str:
    """Give the text of `299 - "text"`."""
    _, quote, text = warning.partition('"')
    return text.removesuffix('"').replace('\\"', '"') if quote else warning
