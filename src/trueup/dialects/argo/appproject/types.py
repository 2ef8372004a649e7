"""`AppProject`: the walls that an Application stands within.

What a project forbids and Trueup cannot enforce yet makes its Applications stall: a wall is never silently ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Annotated, Any

import msgspec

from trueup.core.model.objects import Body
from trueup.dialects.argo.application.types import Part
from trueup.dialects.decode import OPAQUE, Text, mapping_of, read

KIND = "AppProject"
DEFAULT = "default"


class GroupKind(Part, frozen=True):
    """A kind, with globs."""

    group: Text = ""
    kind: Text = ""
    name: str = ""


class ProjectDestination(Part, frozen=True):
    """A cluster and namespace that Applications may deliver to, with globs."""

    name: str = ""
    namespace: str = ""
    server: str = ""


class ProjectSpec(Part, frozen=True):
    """What a project allows. Parts that concern the API or that nothing here reads are opaque."""

    cluster_resource_blacklist: tuple[GroupKind, ...] = ()
    cluster_resource_whitelist: tuple[GroupKind, ...] = ()
    description: str = ""
    destination_service_accounts: Annotated[list[Any], OPAQUE] = []
    destinations: tuple[ProjectDestination, ...] = ()
    namespace_resource_blacklist: tuple[GroupKind, ...] = ()
    namespace_resource_whitelist: tuple[GroupKind, ...] = ()
    orphaned_resources: Annotated[dict[str, Any] | None, OPAQUE] = None
    permit_only_project_scoped_clusters: bool = False
    roles: Annotated[list[Any], OPAQUE] = []
    signature_keys: Annotated[list[Any], OPAQUE] = []
    source_integrity: Annotated[dict[str, Any] | None, OPAQUE] = None
    source_namespaces: tuple[str, ...] = ()
    source_repos: tuple[str, ...] = ()
    sync_windows: Annotated[list[Any], OPAQUE] = []


_EVERYTHING = (GroupKind("*", "*"),)
BUILT_IN = ProjectSpec(
    cluster_resource_whitelist=_EVERYTHING, destinations=(ProjectDestination("", "*", "*"),), source_repos=("*",)
)
"""The project `default` as Argo CD makes it: everything is allowed."""


class Wish(msgspec.Struct, frozen=True):
    """What an Application asks of its project: it lives in `namespace`, takes from `repo`, and delivers to the
    namespace `target` on the cluster of this server and name."""

    namespace: str
    repo: str
    server: str
    cluster: str
    target: str


def project_problems(name: str, projects: Mapping[tuple[str, str], Body], home: str, wish: Wish) -> list[str]:
    """Say what a project forbids an Application."""
    namespace, repo, server, cluster, target = msgspec.structs.astuple(wish)
    body = projects.get((home, name))
    if body is None:
        if name != DEFAULT:
            return [f"Application referencing project {name} which does not exist"]
        spec, problems = BUILT_IN, []
    else:
        found = read(mapping_of(body, "spec"), ProjectSpec)
        spec, problems = found.value, [f"project {name}: {text}" for text in found.problems]
    if namespace != home and not any(_matches(namespace, glob) for glob in spec.source_namespaces):
        problems.append(
            f"application in namespace {namespace} is not permitted to use project {name}; "
            f"create it in {home}, or add {namespace} to sourceNamespaces of the project"
        )
    if repo and not _permitted(spec.source_repos, lambda glob: _matches(_plain(repo), _plain(glob))):
        problems.append(f"application repo {repo} is not permitted in project {name}")
    if not _goes(spec, server, cluster, target):
        problems.append(
            f"application destination server {server!r} and namespace {target!r} do not match any of the allowed "
            f"destinations in project {name}"
        )
    return problems + [f"project {name}: {text}" for text in _unenforced(spec)]


def _goes(spec: ProjectSpec, server: str, cluster: str, target: str) -> bool:
    allowed = False
    for item in spec.destinations:
        denied = any(text.startswith("!") for text in (item.server, item.name, item.namespace))
        where = (
            (bool(item.server) and _matches(server, item.server.lstrip("!")))
            or (bool(item.name) and _matches(cluster, item.name.lstrip("!")))
            or (denied and not item.server and not item.name)
        )
        fits = where and _matches(target, item.namespace.lstrip("!") or "*" * denied)
        if fits and denied:
            return False
        allowed = allowed or (fits and not denied)
    return allowed


def _unenforced(spec: ProjectSpec) -> list[str]:
    """Name the walls that cannot be held up yet."""
    found = []
    if spec.cluster_resource_blacklist or not any(
        (item.group, item.kind, item.name or "*") == ("*", "*", "*") for item in spec.cluster_resource_whitelist
    ):
        found.append("clusterResourceWhitelist and clusterResourceBlacklist")
    if spec.namespace_resource_blacklist or (
        spec.namespace_resource_whitelist
        and not any((item.group, item.kind) == ("*", "*") for item in spec.namespace_resource_whitelist)
    ):
        found.append("namespaceResourceWhitelist and namespaceResourceBlacklist")
    if spec.signature_keys or spec.source_integrity:
        found.append("sourceIntegrity and signatureKeys")
    if spec.sync_windows:
        found.append("syncWindows")
    if spec.destination_service_accounts:
        found.append("destinationServiceAccounts")
    return [f"{names} cannot be enforced yet, so nothing is delivered under them" for names in found]


def _permitted(globs: tuple[str, ...], fits: Any) -> bool:
    allowed = False
    for glob in globs:
        if glob.startswith("!"):
            if fits(glob[1:]):
                return False
        elif fits(glob):
            allowed = True
    return allowed


def _matches(text: str, glob: str) -> bool:
    return glob == "*" or fnmatchcase(text, glob)


def _plain(url: str) -> str:
    return url.removesuffix("/").removesuffix(".git")
