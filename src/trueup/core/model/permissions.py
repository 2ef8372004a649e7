"""What a unit may deliver: the namespaces, kinds and names that whoever owns the installation allows it.

The rules and their words are those of Argo CD's projects (AppProject: `destinations`, `clusterResourceWhitelist` and
`Blacklist`, `namespaceResourceWhitelist` and `Blacklist`). A unit without permissions of its own may deliver whatever
the account that it acts as may.
"""

from __future__ import annotations

import msgspec

from trueup.core.globs import matches
from trueup.core.model.objects import ObjectRef


class KindPattern(msgspec.Struct, frozen=True):
    """Globs for an object's group, kind and name; an empty name fits every name."""

    group: str
    kind: str
    name: str = ""

    def fits(self, ref: ObjectRef) -> bool:
        """Say whether an object is one of these."""
        named = not self.name or matches(ref.name, self.name)
        return named and matches(ref.group, self.group) and matches(ref.kind, self.kind)


class NamespacePattern(msgspec.Struct, frozen=True):
    """A glob for namespaces of the unit's cluster: allowed, or `denied` whatever else allows it."""

    glob: str
    denied: bool = False


class Permissions(msgspec.Struct, frozen=True):
    """What the project of this name lets its units deliver to one cluster.

    `cluster_kinds` must name a kind that has no namespace; `kinds` (`None`: all) one that has. What a `denied` list
    names is forbidden whatever else allows it.
    """

    project: str
    namespaces: tuple[NamespacePattern, ...] = ()
    cluster_kinds: tuple[KindPattern, ...] = ()
    denied_cluster_kinds: tuple[KindPattern, ...] = ()
    kinds: tuple[KindPattern, ...] | None = None
    denied_kinds: tuple[KindPattern, ...] = ()

    def refusal(self, ref: ObjectRef) -> str:
        """Say why an object must not be delivered, in the words of Argo CD; empty where it may be."""
        if ref.namespace:
            allowed = self.kinds is None or any(item.fits(ref) for item in self.kinds)
            denied = any(item.fits(ref) for item in self.denied_kinds)
        else:
            allowed = any(item.fits(ref) for item in self.cluster_kinds)
            denied = any(item.fits(ref) for item in self.denied_cluster_kinds)
        if denied or not allowed:
            text = f"resource {ref.group}:{ref.kind} is not permitted in project {self.project}"
            scope = "namespace" if ref.namespace else "cluster"
            change = f"take it out of {scope}ResourceBlacklist" if denied else f"add it to {scope}ResourceWhitelist"
            return f"{text}; {change} of the project, or leave the object out of Git"
        if ref.namespace and not self.reaches(ref.namespace):
            text = f"namespace {ref.namespace} is not permitted in project '{self.project}'"
            return f"{text}; add it to the project's destinations, or take the object out"
        return ""

    def reaches(self, namespace: str) -> bool:
        """Say whether anything at all may be delivered into a namespace."""
        fitting = [item for item in self.namespaces if matches(namespace, item.glob)]
        return bool(fitting) and not any(item.denied for item in fitting)
