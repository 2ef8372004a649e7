"""`GitRepository` as users write it: every field of v1, and those that older served versions had beside them."""

from __future__ import annotations

from typing import Annotated, Any

from trueup.dialects.decode import OPAQUE, REQUIRED, Text
from trueup.dialects.flux.kustomization.types import LocalRef, Part

GROUP = "source.toolkit.fluxcd.io"
KIND = "GitRepository"
VERSIONS = ("v1", "v1beta2", "v1beta1")


class Include(Part, frozen=True):
    """Another GitRepository whose artifact is laid into this one's."""

    from_path: str = ""
    repository: Annotated[LocalRef, REQUIRED] = LocalRef()
    to_path: str = ""


class Ref(Part, frozen=True):
    """Which commit is wanted."""

    branch: str = ""
    commit: str = ""
    name: str = ""
    semver: str = ""
    tag: str = ""


class Verify(Part, frozen=True):
    """Whose signature the commit must bear."""

    mode: str = ""
    secret_ref: Annotated[LocalRef, REQUIRED] = LocalRef()


class Spec(Part, frozen=True):
    """What a GitRepository asks for. The last two fields were dropped with v1."""

    interval: Text = ""
    url: Text = ""
    ignore: str | None = None
    include: tuple[Include, ...] = ()
    provider: str = ""
    proxy_secret_ref: LocalRef | None = None
    recurse_submodules: bool = False
    ref: Ref | None = None
    secret_ref: LocalRef | None = None
    service_account_name: str = ""
    sparse_checkout: tuple[str, ...] = ()
    suspend: bool = False
    timeout: str = ""
    verify: Verify | None = None
    access_from: Annotated[dict[str, Any] | None, OPAQUE] = None
    git_implementation: str = ""
