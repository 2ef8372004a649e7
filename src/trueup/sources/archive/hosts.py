"""From which hosts archives are fetched: those of services in the cluster, unless an operator names others."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

import msgspec

VARIABLE = "TRUEUP_ARTIFACT_HOSTS"
IN_CLUSTER = ("*.svc", "*.svc.cluster.local")
_PATTERN = re.compile(r"(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?|\[[0-9A-Fa-f:]+\]")


class AllowedHosts(msgspec.Struct, frozen=True):
    """Names of hosts, without ports; one that begins with `*.` stands for all below it."""

    patterns: tuple[str, ...] = IN_CLUSTER

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> AllowedHosts:
        """Read the variable. Raises ValueError that names it."""
        text = environ.get(VARIABLE, "").strip()
        if not text:
            return cls()
        found = tuple(text.replace(",", " ").lower().split())
        for pattern in found:
            if not _PATTERN.fullmatch(pattern):
                raise ValueError(f"{VARIABLE}: {pattern!r} is no host: write artifacts.example.com or *.example.com")
        return cls(found)

    @property
    def by_name(self) -> frozenset[str]:
        """The hosts that are named one by one: their addresses are free."""
        return frozenset(pattern.strip("[]") for pattern in self.patterns if not pattern.startswith("*."))

    def allows(self, host: str) -> bool:
        """Say whether archives are fetched from a host."""
        name = host.lower().strip("[]").removesuffix(".")
        return name in self.by_name or any(
            name.endswith(pattern[1:]) and name != pattern[2:] for pattern in self.patterns if pattern.startswith("*.")
        )
