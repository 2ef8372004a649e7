"""Where an artifact lies: the registry and the repository of an `oci://` URL."""

from __future__ import annotations

import re

import msgspec

from trueup.core import redaction
from trueup.core.model.artifact import Fault, SourceError
from trueup.core.repository.oci import SCHEME
from trueup.git.urls import GitUrl
from trueup.sources.web.credentials import DOCKER_HUB

_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_NAME = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_LONGEST = 255
_DOCKER_HUB = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})


class OciAddress(msgspec.Struct, frozen=True):
    """A registry (`host` with its port) and a repository in it (`name`); `shown` is the declared URL, for messages.

    `apart` names who keeps what is fetched apart from others that follow the same repository."""

    host: str
    name: str
    shown: str
    apart: str = ""

    @property
    def address(self) -> str:
        """The one form of the URL: what is kept is found by it."""
        return f"{SCHEME}{self.host}/{self.name}"

    @property
    def kept(self) -> GitUrl:
        """What is kept of it on disk, as the mirrors name it."""
        return GitUrl("oci", self.host, f"{self.apart}{self.address}", self.shown)


def read_address(url: str) -> OciAddress:
    """Read a declared URL. Raises `SourceError` (URL) that says what is wrong with it."""
    shown = redaction.hide_user(url)

    def refuse(why: str) -> SourceError:
        return SourceError(Fault.URL, f"OCI URL {shown!r} {why}")

    text = url.strip()
    if not text.startswith(SCHEME):
        raise refuse(f"does not begin with {SCHEME}")
    host, slash, name = text.removeprefix(SCHEME).rstrip("/").partition("/")
    if "@" in host:
        raise refuse("holds a user: give the credentials by a Secret")
    if not _HOST.fullmatch(host):
        raise refuse("has no valid host name")
    if not slash or not name:
        raise refuse("names no repository after the registry's host")
    if "@" in name or ":" in name:
        raise refuse("holds a tag or digest: write these as the wanted revision, and not in the URL")
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise refuse(f"names the repository {name!r}, which has signs that registries do not allow (lower case only)")
    host = host.lower()
    if host in _DOCKER_HUB:
        host = DOCKER_HUB
        name = name if "/" in name else f"library/{name}"
    return OciAddress(host, name, shown)
