"""A client of the distribution API: tags, manifests and blobs of one repository, let in by basic auth or by a token.

Every answer is read up to a bound. Redirects are followed by hand: credentials stay with the host they are for, and
nobody is led to places that `trueup.sources.transport.guard` refuses.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode, urljoin

import aiohttp
import msgspec
from yarl import URL

from trueup.core import redaction
from trueup.core.model.artifact import Fault, SourceError, amount
from trueup.sources.oci.address import OciAddress
from trueup.sources.oci.credentials import OciCredentials
from trueup.sources.oci.manifests import ACCEPT, is_digest, read_json
from trueup.sources.transport.guard import Forbidden, Guard
from trueup.sources.transport.tls import tls_context

MANIFEST_LIMIT = 4 * 1024 * 1024
"""Bytes of a manifest, of a page of tags, and of what a token server answers."""

TAGS_LIMIT = 100_000
REDIRECTS = 5
TOKEN_SECONDS = 60.0
"""Seconds for which a token is used that does not say how long it holds."""

_CHUNK = 256 * 1024
_WORDS = 300
_PARAMETER = re.compile(r'([A-Za-z_]+)="((?:[^"\\]|\\.)*)"')
_NEXT = re.compile(r'<([^>]+)>\s*;\s*rel="?next"?')
_LED = frozenset({301, 302, 303, 307, 308})

Tokens = dict[str, tuple[float, str]]
"""Tokens by who asks and for what, and until when they hold."""


class Registry:
    """One repository of a registry. Use it as an async context manager. Every failure is a `SourceError`."""

    def __init__(self, address: OciAddress, creds: OciCredentials, plain: bool, tokens: Tokens) -> None:
        """Take whom it asks as whom; `plain`: HTTP is spoken where HTTPS is not. `tokens` outlive it."""
        self._address = address
        self._creds = creds
        self._shown = address.shown
        self._schemes = ["http"] if creds.plain else ["https", "http"] if plain else ["https"]
        self._may_http = creds.plain or plain
        self._tokens = tokens
        self._session: aiohttp.ClientSession | None = None
        proxy = URL(creds.proxy) if creds.proxy else None
        if proxy is not None and proxy.scheme not in ("http", "https"):
            words = f"{self._shown}: the proxy must be an http:// or https:// URL, and is none"
            raise SourceError(Fault.CREDENTIALS, words)
        own = URL(f"https://{address.host}").host or address.host
        self._own = own
        self._guard = Guard(frozenset({own, (proxy.host or "") if proxy is not None else own}))

    async def __aenter__(self) -> Self:
        """Open connections when they are needed. Raises `SourceError` for certificates that cannot be read."""
        tls = await asyncio.to_thread(tls_context, self._creds, self._shown)
        connector = aiohttp.TCPConnector(limit=4, ssl=tls, resolver=self._guard)
        # Time is bounded by whoever asks.
        timeout = aiohttp.ClientTimeout(total=None)
        self._session = aiohttp.ClientSession(
            connector=connector, timeout=timeout, trust_env=False, auto_decompress=False
        )
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Close them."""
        if self._session is not None:
            await self._session.close()

    async def digest(self, reference: str) -> str:
        """Ask which digest a tag names (or whether a digest is there), by HEAD."""
        path = f"manifests/{reference}"
        async with self._asked("HEAD", path) as answer:
            told = answer.headers.get("Docker-Content-Digest", "")
            if answer.status == 200 and is_digest(told):
                return told
        # A refusal has its words in a body alone, and some registries tell no digest.
        return (await self.manifest(reference))[0]

    async def manifest(self, reference: str) -> tuple[str, dict[str, Any]]:
        """Give a manifest or index and its digest, which is checked."""
        async with self._asked("GET", f"manifests/{reference}") as answer:
            await self._refuse(answer, Fault.REF)
            raw = await self._bounded(answer, "a manifest")
        found = f"sha256:{hashlib.sha256(raw).hexdigest()}"
        if is_digest(reference) and not reference.startswith("sha256:"):
            found = f"sha512:{hashlib.sha512(raw).hexdigest()}"
        if is_digest(reference) and found != reference:
            words = f"{self._shown}: the registry gave another manifest than {reference}; it is not taken"
            raise SourceError(Fault.PROTOCOL, words)
        return found, read_json(raw, self._shown)

    async def tags(self) -> list[str]:
        """Give all tags."""
        tags: list[str] = []
        path = "tags/list?n=1000"
        while path:
            async with self._asked("GET", path) as answer:
                await self._refuse(answer, Fault.NOT_FOUND)
                found = read_json(await self._bounded(answer, "a page of tags"), self._shown).get("tags") or []
                more = _NEXT.search(answer.headers.get("Link", ""))
            tags += [tag for tag in found if isinstance(tag, str)]
            if len(tags) > TAGS_LIMIT or (more and not found):
                words = f"{self._shown}: the repository has more than {TAGS_LIMIT} tags, which are not read; name a tag"
                raise SourceError(Fault.TOO_LARGE, words)
            path = _page(more[1]) if more else ""
        return tags

    async def blob(self, digest: str, size: int, target: Path) -> None:
        """Write a blob to a file; its size and digest are checked."""
        algorithm = digest.partition(":")[0]
        hashing, written = hashlib.new(algorithm), 0
        async with self._asked("GET", f"blobs/{digest}") as answer:
            await self._refuse(answer, Fault.NOT_FOUND)
            with target.open("xb") as file:
                async for chunk in answer.content.iter_chunked(_CHUNK):
                    written += len(chunk)
                    if written > size:
                        break
                    await asyncio.to_thread(_taken, file, hashing, chunk)
        if written != size or f"{algorithm}:{hashing.hexdigest()}" != digest:
            words = (
                f"{self._shown}: the layer {digest} did not come as its manifest says ({amount(size)}); "
                "it is tried again; what was fetched before stays in use"
            )
            raise SourceError(Fault.PROTOCOL, words)

    async def content(self, digest: str, size: int) -> bytes:
        """Give a small blob (`MANIFEST_LIMIT`); its size and digest are checked."""
        async with self._asked("GET", f"blobs/{digest}") as answer:
            await self._refuse(answer, Fault.NOT_FOUND)
            raw = await self._bounded(answer, "a blob")
        algorithm = digest.partition(":")[0]
        if len(raw) != size or f"{algorithm}:{hashlib.new(algorithm, raw).hexdigest()}" != digest:
            raise SourceError(Fault.PROTOCOL, f"{self._shown}: the blob {digest} is another than its manifest says")
        return raw

    async def referrers(self, digest: str, kind: str) -> list[str]:
        """Give the digests of the artifacts of a kind that say they belong to a digest (distribution-spec 1.1).

        A registry that does not know the question has them in an index at a tag named after the digest.
        """
        async with self._asked("GET", f"referrers/{digest}?{urlencode({'artifactType': kind})}") as answer:
            known = answer.status == 200
            raw = await self._bounded(answer, "a list of referrers") if known else b""
        if not known:
            try:
                raw = msgspec.json.encode((await self.manifest(digest.replace(":", "-")))[1])
            except SourceError as error:
                if error.fault is Fault.REF:
                    return []
                raise
        listed = read_json(raw, self._shown).get("manifests")
        items = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
        found = [str(item.get("digest")) for item in items if item.get("artifactType") == kind]
        return [each for each in found if is_digest(each)]

    # ---------------------------------------------------------------------------------------------- requests

    @asynccontextmanager
    async def _asked(self, method: str, path: str) -> AsyncIterator[aiohttp.ClientResponse]:
        """Ask for a path of the repository, and be let in where that is asked for."""
        try:
            answer = await self._sent(method, path, self._known_header(method))
            if answer.status == 401:
                challenge = answer.headers.get("WWW-Authenticate", "")
                answer.release()
                answer = await self._sent(method, path, await self._let_in(challenge))
            async with answer:
                yield answer
        except Forbidden as error:
            words = f"{self._shown}: the registry leads to a place that is not followed: {error}"
            raise SourceError(Fault.HOSTILE, words) from error
        except aiohttp.ClientSSLError as error:
            words = f"{self._shown}: its certificate is not trusted, or it speaks no TLS: {self._safe(error)}; "
            raise SourceError(Fault.UNREACHABLE, words + "give the CA's certificate by a Secret") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            words = f"{self._shown}: {self._safe(error)}; it is tried again; what was fetched before stays in use"
            raise SourceError(Fault.UNREACHABLE, words) from error

    async def _sent(self, method: str, path: str, authorization: str) -> aiohttp.ClientResponse:
        for number, scheme in enumerate(self._schemes):
            url = f"{scheme}://{self._address.host}/v2/{self._address.name}/{path}"
            try:
                answer = await self._followed(method, url, authorization)
            except (aiohttp.ClientConnectorError, aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
                if number + 1 == len(self._schemes):
                    raise
            else:
                self._schemes = [scheme]
                return answer
        raise AssertionError

    async def _followed(self, method: str, url: str, authorization: str) -> aiohttp.ClientResponse:
        """Send a request, and follow where it is led to: credentials go along to the same host and port alone."""
        first = URL(url)
        for _ in range(REDIRECTS + 1):
            place = URL(url)
            same = (place.scheme, place.host, place.port) == (first.scheme, first.host, first.port)
            answer = await self._request(method, place, authorization if same else "")
            if answer.status not in _LED:
                return answer
            target = answer.headers.get("Location", "")
            answer.release()
            url = urljoin(url, target)
        raise ValueError(f"it was led on more than {REDIRECTS} times")

    async def _request(self, method: str, url: URL, authorization: str) -> aiohttp.ClientResponse:
        assert self._session is not None
        if url.scheme != "https" and not (url.scheme == "http" and self._may_http):
            raise Forbidden(f"{url.scheme}://{url.host} is not encrypted")
        self._guard.check(url.host or "")
        headers = {"Accept": ACCEPT, "User-Agent": "trueup", "Accept-Encoding": "identity"}
        if authorization:
            headers["Authorization"] = authorization
        user = self._creds.proxy_username
        proxy = aiohttp.encode_basic_auth(user, self._creds.proxy_password) if user else ""
        return await self._session.request(
            method,
            url,
            headers=headers,
            allow_redirects=False,
            proxy=self._creds.proxy or None,
            proxy_headers={"Proxy-Authorization": proxy} if proxy else None,
        )

    # ----------------------------------------------------------------------------------------------- let in

    @property
    def _scope(self) -> str:
        return f"repository:{self._address.name}:pull"

    @property
    def _key(self) -> str:
        return f"{self._address.host} {self._scope} {self._creds.who}"

    def _known_header(self, method: str) -> str:
        if self._creds.token:
            return f"Bearer {self._creds.token}"
        until, token = self._tokens.get(self._key, (0.0, ""))
        return token if time.monotonic() < until else ""

    async def _let_in(self, challenge: str) -> str:
        """Do what a challenge asks for, and give the header that lets in."""
        scheme, _, rest = challenge.strip().partition(" ")
        basic = self._basic()
        if scheme.lower() == "basic" and basic:
            self._tokens[self._key] = (time.monotonic() + TOKEN_SECONDS, basic)
            return basic
        if scheme.lower() != "bearer":
            known = "the credentials were refused" if basic or self._creds.token else "it lets nobody in without any"
            raise SourceError(Fault.CREDENTIALS, f"{self._shown}: authentication required: {known}")
        asked = dict(_PARAMETER.findall(rest))
        query = {"service": asked.get("service", ""), "scope": asked.get("scope") or self._scope}
        url = urljoin(f"{self._schemes[0]}://{self._address.host}/", asked.get("realm", ""))
        url += ("&" if "?" in url else "?") + urlencode({key: value for key, value in query.items() if value})
        async with await self._followed("GET", url, basic) as answer:
            await self._refuse(answer, Fault.CREDENTIALS)
            told = read_json(await self._bounded(answer, "a token"), self._shown)
        token = told.get("token") or told.get("access_token")
        if not isinstance(token, str) or not token or any(sign in token for sign in "\r\n\0"):
            raise SourceError(Fault.PROTOCOL, f"{self._shown}: the registry's token server gave no token")
        seconds = told.get("expires_in")
        lasting = float(seconds) if isinstance(seconds, int) and seconds > 0 else TOKEN_SECONDS
        if len(self._tokens) > 10_000:
            self._tokens.clear()
        self._tokens[self._key] = (time.monotonic() + min(lasting, 3600.0) * 0.8, f"Bearer {token}")
        return f"Bearer {token}"

    def _basic(self) -> str:
        if not self._creds.username and not self._creds.password:
            return ""
        return aiohttp.encode_basic_auth(self._creds.username, self._creds.password)

    # ---------------------------------------------------------------------------------------------- answers

    async def _bounded(self, answer: aiohttp.ClientResponse, what: str) -> bytes:
        content = bytearray()
        async for chunk in answer.content.iter_chunked(_CHUNK):
            content += chunk
            if len(content) > MANIFEST_LIMIT:
                words = f"{self._shown}: {what} of more than {amount(MANIFEST_LIMIT)} is not read"
                raise SourceError(Fault.TOO_LARGE, words)
        return bytes(content)

    async def _refuse(self, answer: aiohttp.ClientResponse, missing: Fault) -> None:
        """Raise what a registry's refusal means; `missing` is what a 404 says."""
        if answer.status == 200:
            return
        raw = (await answer.content.read(64 * 1024)).decode(errors="replace")
        told = _told(raw)
        said = f"{self._shown}: HTTP {answer.status}" + (f": {self._safe(told)}" if told else "")
        if answer.status in (401, 403):
            self._tokens.pop(self._key, None)
            raise SourceError(Fault.CREDENTIALS, f"{said}; check the credentials of this source")
        if answer.status == 404:
            if "NAME_UNKNOWN" in told:
                raise SourceError(Fault.NOT_FOUND, f"{said}; check the spelling of the URL")
            raise SourceError(missing, f"{said}; check the wanted tag or digest, and the URL")
        if answer.status == 429 or answer.status >= 500:
            raise SourceError(Fault.UNREACHABLE, f"{said}; it is tried again; what was fetched before stays in use")
        raise SourceError(Fault.PROTOCOL, f"{said}; what answers there may be no registry; it is tried again")

    def _safe(self, said: object) -> str:
        words = redaction.redact(str(said) or type(said).__name__, self._creds.secrets)
        return " ".join(words.split())[:_WORDS]


def _page(link: str) -> str:
    """Give the next page's path below the repository, whatever host a link names."""
    _, found, rest = link.partition("/tags/list")
    return f"tags/list{rest}" if found else ""


def _told(raw: str) -> str:
    """Give a registry's own words for a refusal: `CODE: message`."""
    try:
        errors = read_json(raw.encode(), "").get("errors")
    except SourceError:
        return ""
    if not isinstance(errors, list):
        return ""
    each = [item for item in errors[:3] if isinstance(item, dict)]
    return "; ".join(f"{item.get('code', '')}: {item.get('message', '')}".strip(": ") for item in each)


def _taken(file: Any, hashing: Any, chunk: bytes) -> None:
    file.write(chunk)
    hashing.update(chunk)
