"""What a project lets its Applications do: where they live, take from and deliver to, and which objects.

What a project forbids and Trueup cannot enforce yet makes its Applications stall: a wall is never silently ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec

from trueup.core.globs import check_glob, matches
from trueup.core.model.objects import Body
from trueup.core.model.permissions import KindPattern, NamespacePattern, Permissions
from trueup.core.redaction import hide_user
from trueup.dialects.argo.appproject.types import BUILT_IN, DEFAULT, GroupKind, ProjectDestination, ProjectSpec
from trueup.dialects.decode import mapping_of, read


class Wish(msgspec.Struct, frozen=True):
    """What an Application asks of its project: it lives in `namespace`, takes from `repos`, and delivers to the
    namespace `target` on the cluster of this server and name."""

    namespace: str
    repos: tuple[str, ...]
    server: str
    cluster: str
    target: str


def bounds(
    name: str, projects: Mapping[tuple[str, str], Body], home: str, wish: Wish
) -> tuple[Permissions | None, list[str]]:
    """Give what a project lets an Application deliver (`None`: everything), and what it forbids the Application."""
    body = projects.get((home, name))
    spec, problems = BUILT_IN, list[str]()
    if body is not None:
        found = read(mapping_of(body, "spec"), ProjectSpec)
        spec, problems = found.value, [f"project {name}: {text}" for text in found.problems]
    elif name != DEFAULT:
        text = f"Application referencing project {name} which does not exist"
        return Permissions(name), [f"{text}; create an AppProject {name} in {home}, or name another in spec.project"]
    permissions = _permissions(name, spec, wish)
    if wish.namespace != home and not any(matches(wish.namespace, glob) for glob in spec.source_namespaces):
        problems.append(
            f"application in namespace {wish.namespace} is not permitted to use project {name}; "
            f"create it in {home}, or add {wish.namespace} to sourceNamespaces of the project"
        )
    for url in dict.fromkeys(filter(None, wish.repos)):
        if not _repo_permitted(spec, url):
            text = f"application repo {hide_user(url)} is not permitted in project {name}"
            problems.append(f"{text}; add it to spec.sourceRepos of the AppProject, or name another project")
    if not permissions.reaches(wish.target):
        problems.append(
            f"application destination server {wish.server!r} and namespace {wish.target!r} do not match any of the "
            f"allowed destinations in project {name}; add it to spec.destinations of the AppProject, or name another "
            "project"
        )
    problems += [f"project {name}: {text}" for text in (*_unenforced(spec), *_unreadable(spec))]
    return (None if spec == BUILT_IN else permissions), problems


def signers(name: str, projects: Mapping[tuple[str, str], Body], home: str) -> tuple[str, ...]:
    """Give the ids of the keys that commits must be signed by in a project; none where it asks for no signatures."""
    body = projects.get((home, name))
    if body is None:
        return ()
    spec = read(mapping_of(body, "spec"), ProjectSpec).value
    return tuple(dict.fromkeys(key.key_id for key in spec.signature_keys))


def _permissions(name: str, spec: ProjectSpec, wish: Wish) -> Permissions:
    return Permissions(
        project=name,
        namespaces=tuple(_namespaces(spec.destinations, wish.server, wish.cluster)),
        cluster_kinds=_kinds(spec.cluster_resource_whitelist),
        denied_cluster_kinds=_kinds(spec.cluster_resource_blacklist),
        # Argo CD reads an empty list as none.
        kinds=_kinds(spec.namespace_resource_whitelist) or None,
        denied_kinds=_kinds(spec.namespace_resource_blacklist),
    )


def _kinds(items: Iterable[GroupKind]) -> tuple[KindPattern, ...]:
    return tuple(KindPattern(item.group, item.kind, item.name) for item in items)


def _namespaces(items: Iterable[ProjectDestination], server: str, cluster: str) -> Iterator[NamespacePattern]:
    """Give the namespaces of one cluster that destinations allow, and those that they deny by a `!` in any field."""
    for item in items:
        denied = any(text.startswith("!") for text in (item.server, item.name, item.namespace))
        where = (
            (bool(item.server) and matches(server, item.server.removeprefix("!")))
            or (bool(item.name) and matches(cluster, item.name.removeprefix("!")))
            or (denied and not item.server and not item.name)
        )
        if where:
            yield NamespacePattern(item.namespace.removeprefix("!") or "*" * denied, denied)


def _unenforced(spec: ProjectSpec) -> list[str]:
    """Name the walls that cannot be held up yet."""
    found = []
    if spec.source_integrity:
        found.append("sourceIntegrity")
    if spec.sync_windows:
        found.append("syncWindows")
    if spec.destination_service_accounts:
        found.append("destinationServiceAccounts")
    if spec.permit_only_project_scoped_clusters:
        found.append("permitOnlyProjectScopedClusters")
    return [f"{names} cannot be enforced yet, so nothing is delivered under them" for names in found]


def _unreadable(spec: ProjectSpec) -> Iterator[str]:
    """Name the patterns that cannot be read: one that denies would silently deny nothing."""
    kinds = (
        *spec.cluster_resource_whitelist,
        *spec.cluster_resource_blacklist,
        *spec.namespace_resource_whitelist,
        *spec.namespace_resource_blacklist,
    )
    texts = (
        *(text for item in kinds for text in (item.group, item.kind, item.name)),
        *(text for item in spec.destinations for text in (item.server, item.name, item.namespace)),
        *spec.source_repos,
        *spec.source_namespaces,
    )
    for text in dict.fromkeys(texts):
        try:
            check_glob(text.removeprefix("!"))
        except ValueError as error:
            yield str(error)


def _repo_permitted(spec: ProjectSpec, url: str) -> bool:
    repo = _plain(url)
    return _permitted(spec.source_repos, lambda glob: glob == "*" or matches(repo, _plain(glob), "/"))


def _permitted(globs: tuple[str, ...], fits: Callable[[str], bool]) -> bool:
    denied = any(fits(glob.removeprefix("!")) for glob in globs if glob.startswith("!"))
    return not denied and any(fits(glob) for glob in globs if not glob.startswith("!"))


def _plain(url: str) -> str:
    return url.removesuffix("/").removesuffix(".git")
