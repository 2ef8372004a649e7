"""`Application` as users write it: every field that Argo CD 3.5 serves, under the names it has there.

A required field has a default all the same: what is absent is named, and the rest is read (see `reading`).
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import field

from trueup.dialects.decode import OPAQUE, REQUIRED, Text

GROUP = "argoproj.io"
KIND = "Application"
VERSION = "v1alpha1"

JsonObject = dict[str, Any]


class Part(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The base of all typed parts: names as in JSON, unset fields left out."""


class Named(Part, frozen=True):
    """A name and a value."""

    name: Text = ""
    value: Text = ""


class HelmParameter(Part, frozen=True):
    """One `--set`."""

    name: str = ""
    value: str = ""
    force_string: bool = False


class HelmFileParameter(Part, frozen=True):
    """One `--set-file`."""

    name: str = ""
    path: str = ""


class Helm(Part, frozen=True):
    """How a chart is templated."""

    api_versions: tuple[str, ...] = ()
    file_parameters: tuple[HelmFileParameter, ...] = ()
    ignore_missing_value_files: bool = False
    kube_version: str = ""
    namespace: str = ""
    parameters: tuple[HelmParameter, ...] = ()
    pass_credentials: bool = False
    release_name: str = ""
    skip_crds: bool = False
    skip_schema_validation: bool = False
    skip_tests: bool = False
    value_files: tuple[str, ...] = ()
    values: str = ""
    values_object: Annotated[JsonObject | None, OPAQUE] = None
    version: str = ""


class PatchTarget(Part, frozen=True):
    """Which objects a kustomize patch is for."""

    annotation_selector: str = ""
    group: str = ""
    kind: str = ""
    label_selector: str = ""
    name: str = ""
    namespace: str = ""
    version: str = ""


class Patch(Part, frozen=True):
    """A kustomize patch."""

    options: dict[str, bool] = {}
    patch: str = ""
    path: str = ""
    target: PatchTarget | None = None


class Replicas(Part, frozen=True):
    """The replicas of a workload."""

    count: Annotated[int | str, REQUIRED] = 0
    name: Text = ""


class Kustomize(Part, frozen=True):
    """What is laid over a kustomization."""

    api_versions: tuple[str, ...] = ()
    common_annotations: dict[str, str] = {}
    common_annotations_envsubst: bool = False
    common_labels: dict[str, str] = {}
    components: tuple[str, ...] = ()
    force_common_annotations: bool = False
    force_common_labels: bool = False
    ignore_missing_components: bool = False
    images: tuple[str, ...] = ()
    kube_version: str = ""
    label_include_templates: bool = False
    label_without_selector: bool = False
    name_prefix: str = ""
    name_suffix: str = ""
    namespace: str = ""
    patches: tuple[Patch, ...] = ()
    replicas: tuple[Replicas, ...] = ()
    version: str = ""


class JsonnetVariable(Part, frozen=True):
    """An external variable or top-level argument."""

    code: bool = False
    name: Text = ""
    value: Text = ""


class Jsonnet(Part, frozen=True):
    """How Jsonnet files are evaluated."""

    ext_vars: tuple[JsonnetVariable, ...] = ()
    libs: tuple[str, ...] = ()
    tlas: tuple[JsonnetVariable, ...] = ()


class Directory(Part, frozen=True):
    """A folder of plain files."""

    disable_extension_filter: bool = False
    exclude: str = ""
    include: str = ""
    jsonnet: Jsonnet = Jsonnet()
    recurse: bool = False


class PluginParameter(Part, frozen=True):
    """A parameter of a plugin."""

    array: tuple[str, ...] = ()
    map: dict[str, str] = {}
    name: str = ""
    string: str | None = None


class Plugin(Part, frozen=True):
    """A config management plugin."""

    env: tuple[Named, ...] = ()
    name: str = ""
    parameters: tuple[PluginParameter, ...] = ()


class Source(Part, frozen=True):
    """Where manifests come from, and how objects are made of them."""

    repo_url: Text = field(default="", name="repoURL")
    chart: str = ""
    directory: Directory | None = None
    helm: Helm | None = None
    kustomize: Kustomize | None = None
    name: str = ""
    path: str = ""
    plugin: Plugin | None = None
    ref: str = ""
    tag_prefix: str = ""
    target_revision: str = ""


class Destination(Part, frozen=True):
    """The cluster and namespace that objects go to."""

    name: str = ""
    namespace: str = ""
    server: str = ""


class IgnoreDifference(Part, frozen=True):
    """Fields whose difference does not count."""

    group: str = ""
    jq_path_expressions: tuple[str, ...] = ()
    json_pointers: tuple[str, ...] = ()
    kind: Text = ""
    managed_fields_managers: tuple[str, ...] = ()
    name: str = ""
    namespace: str = ""


class Automated(Part, frozen=True):
    """What is done without being asked for."""

    allow_empty: bool = False
    enabled: bool | None = None
    prune: bool = False
    self_heal: bool = False


class ManagedNamespaceMetadata(Part, frozen=True):
    """Labels and annotations of a namespace that is created."""

    annotations: dict[str, str] = {}
    labels: dict[str, str] = {}


class Backoff(Part, frozen=True):
    """The pauses between tries."""

    duration: str = ""
    factor: int | None = None
    max_duration: str = ""


class RetryPolicy(Part, frozen=True):
    """How often a failed sync is tried again."""

    backoff: Backoff | None = None
    limit: int | None = None
    refresh: bool = False


class SyncPolicy(Part, frozen=True):
    """When and how to sync."""

    automated: Automated | None = None
    managed_namespace_metadata: ManagedNamespaceMetadata | None = None
    retry: RetryPolicy | None = None
    sync_options: tuple[str, ...] = ()


class DrySource(Part, frozen=True):
    """The source of a hydrator."""

    repo_url: Text = field(default="", name="repoURL")
    target_revision: Text = ""
    path: Text = ""
    directory: Directory | None = None
    helm: Helm | None = None
    kustomize: Kustomize | None = None
    plugin: Plugin | None = None


class HydrateTo(Part, frozen=True):
    """The branch that hydrated manifests are pushed to."""

    target_branch: Text = ""


class SyncSource(Part, frozen=True):
    """The branch that hydrated manifests are synced from."""

    path: Text = ""
    repo_url: str = field(default="", name="repoURL")
    target_branch: Text = ""


class SourceHydrator(Part, frozen=True):
    """Rendering into a branch before syncing from it."""

    dry_source: Annotated[DrySource | None, REQUIRED] = None
    hydrate_to: HydrateTo | None = None
    sync_source: Annotated[SyncSource | None, REQUIRED] = None


class Spec(Part, frozen=True):
    """What an Application asks for."""

    destination: Annotated[Destination, REQUIRED] = Destination()
    project: Text = ""
    ignore_differences: tuple[IgnoreDifference, ...] = ()
    info: tuple[Named, ...] = ()
    revision_history_limit: int | None = None
    source: Source | None = None
    source_hydrator: SourceHydrator | None = None
    sources: tuple[Source, ...] = ()
    sync_policy: SyncPolicy | None = None


class Initiator(Part, frozen=True):
    """Who started an operation."""

    automated: bool = False
    username: str = ""


class SyncStrategyApply(Part, frozen=True):
    """Apply without hooks."""

    force: bool = False


class SyncStrategy(Part, frozen=True):
    """How a sync is carried out."""

    apply: SyncStrategyApply | None = None
    hook: SyncStrategyApply | None = None


class SyncResource(Part, frozen=True):
    """One object of a partial sync."""

    group: str = ""
    kind: Text = ""
    name: Text = ""
    namespace: str = ""


class SyncOperation(Part, frozen=True):
    """A sync as asked for by hand."""

    auto_heal_attempts_count: int = 0
    dry_run: bool = False
    manifests: tuple[str, ...] = ()
    prune: bool = False
    resources: tuple[SyncResource, ...] = ()
    revision: str = ""
    revisions: tuple[str, ...] = ()
    source: Source | None = None
    sources: tuple[Source, ...] = ()
    sync_options: tuple[str, ...] = ()
    sync_strategy: SyncStrategy | None = None


class Operation(Part, frozen=True):
    """The top-level `operation` of an Application."""

    info: tuple[Named, ...] = ()
    initiated_by: Initiator = Initiator()
    retry: RetryPolicy | None = None
    sync: SyncOperation | None = None


def instance_name(name: str, namespace: str, home: str) -> str:
    """Name an Application in marks: with its namespace in front unless it lives in the home namespace."""
    return name if namespace == home else f"{namespace}_{name}"
