"""`Kustomization` as users write it: every field of v1, and those that older served versions had beside them."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from trueup.dialects.decode import OPAQUE, REQUIRED, Text

GROUP = "kustomize.toolkit.fluxcd.io"
KIND = "Kustomization"
VERSIONS = ("v1", "v1beta2", "v1beta1")


class Part(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The base of all typed parts: names as in JSON, unset fields left out."""


class LocalRef(Part, frozen=True):
    """An object in the same namespace."""

    name: Text = ""


class KeyRef(Part, frozen=True):
    """A key of a Secret in the same namespace."""

    name: Text = ""
    key: str = ""


class CommonMetadata(Part, frozen=True):
    """Labels and annotations set on every object."""

    annotations: dict[str, str] = {}
    labels: dict[str, str] = {}


class Decryption(Part, frozen=True):
    """How encrypted manifests are decrypted."""

    provider: Text = ""
    secret_ref: LocalRef | None = None
    service_account_name: str = ""


class DependsOn(Part, frozen=True):
    """A Kustomization that must be ready first."""

    name: Text = ""
    namespace: str = ""
    ready_expr: str = ""


class HealthCheckExpr(Part, frozen=True):
    """CEL rules for the health of a kind."""

    api_version: Text = ""
    current: Text = ""
    failed: str = ""
    in_progress: str = ""
    kind: str = ""


class HealthCheck(Part, frozen=True):
    """An object whose health counts."""

    api_version: str = ""
    kind: Text = ""
    name: Text = ""
    namespace: str = ""


class Selector(Part, frozen=True):
    """Which objects a patch or rule is for."""

    annotation_selector: str = ""
    group: str = ""
    kind: str = ""
    label_selector: str = ""
    name: str = ""
    namespace: str = ""
    version: str = ""


class IgnoreRule(Part, frozen=True):
    """Fields whose drift does not count."""

    paths: Annotated[tuple[str, ...], REQUIRED] = ()
    target: Selector | None = None


class Image(Part, frozen=True):
    """An image that is replaced."""

    digest: str = ""
    name: Text = ""
    new_name: str = ""
    new_tag: str = ""


class KubeConfig(Part, frozen=True):
    """Another cluster."""

    config_map_ref: LocalRef | None = None
    secret_ref: KeyRef | None = None


class Patch(Part, frozen=True):
    """A kustomize patch."""

    patch: Text = ""
    target: Selector | None = None


class SubstituteFrom(Part, frozen=True):
    """A Secret or ConfigMap that gives variables."""

    kind: Text = ""
    name: Text = ""
    optional: bool = False


class PostBuild(Part, frozen=True):
    """Variables that are substituted in what was built."""

    substitute: dict[str, str] = {}
    substitute_from: tuple[SubstituteFrom, ...] = ()
    substitute_strategy: str = ""


class SourceRef(Part, frozen=True):
    """The source."""

    api_version: str = ""
    kind: Text = ""
    name: Text = ""
    namespace: str = ""


class Spec(Part, frozen=True):
    """What a Kustomization asks for. The last three fields were dropped with v1."""

    interval: Text = ""
    prune: Annotated[bool, REQUIRED] = False
    source_ref: Annotated[SourceRef, REQUIRED] = SourceRef()
    build_metadata: tuple[str, ...] = ()
    common_metadata: CommonMetadata | None = None
    components: tuple[str, ...] = ()
    decryption: Decryption | None = None
    deletion_policy: str = ""
    depends_on: tuple[DependsOn, ...] = ()
    force: bool = False
    health_check_exprs: tuple[HealthCheckExpr, ...] = ()
    health_checks: tuple[HealthCheck, ...] = ()
    ignore: tuple[IgnoreRule, ...] = ()
    ignore_missing_components: bool = False
    images: tuple[Image, ...] = ()
    kube_config: KubeConfig | None = None
    name_prefix: str = ""
    name_suffix: str = ""
    patches: tuple[Patch, ...] = ()
    path: str = ""
    post_build: PostBuild | None = None
    retry_interval: str = ""
    service_account_name: str = ""
    suspend: bool = False
    target_namespace: str = ""
    timeout: str = ""
    wait: bool = False
    validation: str = ""
    patches_strategic_merge: Annotated[tuple[Any, ...], OPAQUE] = ()
    patches_json6902: Annotated[tuple[Any, ...], OPAQUE] = msgspec.field(default=(), name="patchesJson6902")
