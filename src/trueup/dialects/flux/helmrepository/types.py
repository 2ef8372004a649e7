"""`HelmRepository` as users write it: every field of v1, and those that older served versions had beside them."""

from __future__ import annotations

from typing import Annotated, Any

from trueup.dialects.decode import OPAQUE, Text
from trueup.dialects.flux.kustomization.types import LocalRef, Part

GROUP = "source.toolkit.fluxcd.io"
KIND = "HelmRepository"
VERSIONS = ("v1", "v1beta2", "v1beta1")
DEFAULT, OCI = "default", "oci"


class Spec(Part, frozen=True):
    """What a HelmRepository asks for."""

    url: Text = ""
    access_from: Annotated[Any, OPAQUE] = None
    cert_secret_ref: LocalRef | None = None
    insecure: bool = False
    interval: str = ""
    pass_credentials: bool = False
    provider: str = ""
    secret_ref: LocalRef | None = None
    suspend: bool = False
    timeout: str = ""
    type: str = ""

    @property
    def ignore(self) -> str | None:
        """Nothing is left out of an index."""
        return None

    @property
    def service_account_name(self) -> str:
        """It has no such field."""
        return ""

    @property
    def proxy_secret_ref(self) -> LocalRef | None:
        """It has no such field."""
        return None
