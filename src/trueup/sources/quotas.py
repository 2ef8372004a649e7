"""What tenants may take on disk: a bound for each repository, and one for all repositories that a tenant follows.

A tenant whose room is used up gives up what is theirs alone and was used longest ago: trees first, then mirrors, which
are fetched again when they are needed. Nothing of another tenant's is touched. A repository that several follow counts
for each of them, and stays as long as one of them has room for it.
"""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from trueup.core.model.artifact import Fault, SourceError, amount
from trueup.git.mirror import Mirror
from trueup.git.settings import Limits
from trueup.git.trees import Trees

REFUSED_KEPT = 1000


class Quotas:
    """Keeps the books of one cache: how large each mirror is, who follows it, and when it was last used."""

    def __init__(self, limits: Limits, trees: Trees, give_up: Callable[[str], None]) -> None:
        """Take the bounds, the trees that count as well, and what gives up the mirror of an address."""
        self._limits = limits
        self._trees = trees
        self._give_up = give_up
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self._addresses: dict[str, str] = {}
        self._followers: dict[str, frozenset[str]] = {}
        self._refused: OrderedDict[tuple[str, str, str], int] = OrderedDict()

    def followed(self, address: str, tenants: frozenset[str]) -> None:
        """Take note of who follows a repository now."""
        self._followers[address] = tenants

    def addresses(self) -> tuple[str, ...]:
        """Give the repositories that somebody follows."""
        return tuple(address for address, tenants in self._followers.items() if tenants)

    def forget(self, address: str) -> None:
        """Forget a repository that nobody follows."""
        self._followers.pop(address, None)
        self._sizes.pop(address, None)
        self._addresses = {folder: one for folder, one in self._addresses.items() if one != address}

    def used(self, folder: str) -> None:
        """Take note that the content of the mirror in this folder is used just now."""
        address = self._addresses.get(folder, "")
        if address in self._sizes:
            self._sizes.move_to_end(address)

    def usage(self, tenant: str) -> int:
        """Give the bytes that a tenant takes."""
        mirrors = sum(size for address, size in self._sizes.items() if tenant in self._of(address))
        return mirrors + self._trees.size(tenant)

    def admit(self, mirror: Mirror, tenant: str, commit: str, shown: str) -> None:
        """Refuse what has lately been found not to fit, before it is fetched once more. Raises `SourceError`."""
        size = self._refused.get((mirror.address, tenant, commit))
        if size is not None and self._rest(mirror.address, tenant, size) > self._limits.tenant:
            raise _beyond(shown, size, tenant, self._limits.tenant)

    async def measure(self, mirror: Mirror) -> int:
        """Find how large a mirror is now, and say so."""
        size = await asyncio.to_thread(_size, mirror.folder)
        self._sizes[mirror.address] = size
        self._addresses[str(mirror.folder)] = mirror.address
        self._sizes.move_to_end(mirror.address)
        return size

    def too_large(self, size: int) -> bool:
        """Say whether a mirror is larger than one repository may be."""
        return 0 < self._limits.repository < size

    def check(self, mirror: Mirror, tenant: str, commit: str, shown: str) -> None:
        """Make room for a repository that was just fetched. Raises `SourceError` where there is none for it."""
        address, size = mirror.address, self._sizes.get(mirror.address, 0)
        if tenant not in self._of(address):
            # What a chart depends on is fetched without being followed.
            self._followers[address] = self._of(address) | {tenant}
        if self.too_large(size):
            self._drop(address, tenant)
            text = (
                f"{shown}: it takes {amount(size)} on disk, and one repository may take "
                f"{amount(self._limits.repository)} (TRUEUP_GIT_REPOSITORY_QUOTA); make it smaller, or have that raised"
            )
            raise SourceError(Fault.TOO_LARGE, text)
        self.trim(tenant, address)
        if 0 < self._limits.tenant < self.usage(tenant):
            self._drop(address, tenant)
            self._refused[address, tenant, commit] = size
            while len(self._refused) > REFUSED_KEPT:
                self._refused.popitem(last=False)
            raise _beyond(shown, size, tenant, self._limits.tenant)

    def trim(self, tenant: str, but: str = "") -> None:
        """Give up what a tenant used longest ago, until the rest fits; never the repository `but`."""
        if self._limits.tenant <= 0:
            return
        while self.usage(tenant) > self._limits.tenant:
            if self._trees.give_up(tenant):
                continue
            own = (address for address in self._sizes if address != but and self._of(address) <= {tenant})
            address = next(own, None)
            if address is None:
                return
            self._give_up(address)
            self._sizes.pop(address, None)

    def _of(self, address: str) -> frozenset[str]:
        return self._followers.get(address, frozenset())

    def _rest(self, address: str, tenant: str, size: int) -> int:
        """Give what a tenant would take with a repository, once all that can be given up for it has been."""
        kept = (s for a, s in self._sizes.items() if a != address and tenant in self._of(a) and self._of(a) != {tenant})
        return sum(kept) + size

    def _drop(self, address: str, tenant: str) -> None:
        """Give up a mirror that does not fit, unless it is others' as well."""
        if self._of(address) <= {tenant}:
            self._give_up(address)
            self._sizes.pop(address, None)


def _beyond(shown: str, size: int, tenant: str, limit: int) -> SourceError:
    namespace, _, project = tenant.partition("/")
    whose = f"project {project}" if project else f"namespace {namespace}"
    text = (
        f"{shown}: it takes {amount(size)} on disk, and all repositories of {whose} may take {amount(limit)} "
        "(TRUEUP_GIT_TENANT_QUOTA); remove sources that are not needed, make it smaller, or have that raised"
    )
    return SourceError(Fault.TOO_LARGE, text)


def _size(folder: Path) -> int:
    """Give the bytes of all files in a folder (blocking)."""
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(path) / name).lstat().st_size
            except FileNotFoundError:
                continue
    return total
