"""`AppProject`: its fields, in the words of Argo CD."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from trueup.dialects.argo.application.types import Part
from trueup.dialects.decode import OPAQUE, Text

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


class SignatureKey(Part, frozen=True):
    """A key of OpenPGP whose signatures count."""

    key_id: Text = msgspec.field(default="", name="keyID")


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
    signature_keys: tuple[SignatureKey, ...] = ()
    source_integrity: Annotated[dict[str, Any] | None, OPAQUE] = None
    source_namespaces: tuple[str, ...] = ()
    source_repos: tuple[str, ...] = ()
    sync_windows: Annotated[list[Any], OPAQUE] = []


_EVERYTHING = (GroupKind("*", "*"),)
BUILT_IN = ProjectSpec(
    cluster_resource_whitelist=_EVERYTHING, destinations=(ProjectDestination("", "*", "*"),), source_repos=("*",)
)
"""The project `default` as Argo CD makes it: everything is allowed."""
