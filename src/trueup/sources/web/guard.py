"""Where a server may lead: redirects and token servers never to this machine or a cloud's metadata service.

The declared server's own addresses are free: whoever runs one on this machine may be led around on it.
"""

from __future__ import annotations

import ipaddress
import socket

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

_METADATA = frozenset(
    map(ipaddress.ip_address, ("169.254.169.254", "100.100.100.200", "192.0.0.192", "168.63.129.16", "fd00:ec2::254"))
)


class Forbidden(Exception):
    """A place leads to an address that nobody is led to. The message says which."""


def is_inside(text: str) -> bool:
    """Say whether an address is this machine's own, of its link, or of a metadata service."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0].strip("[]"))
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    return (
        address.is_loopback
        or address.is_link_local
        or address.is_unspecified
        or address.is_multicast
        or address in _METADATA
    )


class Guard(AbstractResolver):
    """Finds addresses of hosts. Those of the declared server (and of the proxy) are given as they are; of others only
    those that are allowed."""

    def __init__(self, free: frozenset[str]) -> None:
        """Take the names of hosts that were declared by users themselves."""
        self._free = free
        self._resolver = ThreadedResolver()
        self._own: set[str] = {host.strip("[]") for host in free}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Give a host's addresses. Raises OSError where none may be used."""
        found = await self._resolver.resolve(host, port, family)
        if host in self._free:
            self._own.update(item["host"] for item in found)
            return found
        allowed = [item for item in found if self._may(item["host"])]
        if not allowed:
            raise OSError(f"{host} leads to an address of this machine or of a metadata service")
        return allowed

    def check(self, host: str) -> None:
        """Check a host that is an address itself, which nobody resolves. Raises `Forbidden`."""
        if host not in self._free and not self._may(host):
            raise Forbidden(f"{host} is an address of this machine, its network link or a metadata service")

    def _may(self, address: str) -> bool:
        return address.strip("[]") in self._own or not is_inside(address)

    async def close(self) -> None:
        """Close what it resolves with."""
        await self._resolver.close()
