"""`Bucket` as users write it: every field of v1, and the one that older served versions had beside them."""

from __future__ import annotations

from typing import Annotated, Any

from trueup.dialects.decode import OPAQUE, Text
from trueup.dialects.flux.kustomization.types import LocalRef, Part

GROUP = "source.toolkit.fluxcd.io"
KIND = "Bucket"
VERSIONS = ("v1", "v1beta2", "v1beta1")


class TokenService(Part, frozen=True):
    """Where temporary keys come from."""

    provider: Text = ""
    endpoint: Text = ""
    secret_ref: LocalRef | None = None
    cert_secret_ref: LocalRef | None = None


class Spec(Part, frozen=True):
    """What a Bucket asks for. The last field was dropped with v1."""

    interval: Text = ""
    bucket_name: Text = ""
    endpoint: Text = ""
    cert_secret_ref: LocalRef | None = None
    ignore: str | None = None
    insecure: bool = False
    prefix: str = ""
    provider: str = ""
    proxy_secret_ref: LocalRef | None = None
    region: str = ""
    secret_ref: LocalRef | None = None
    service_account_name: str = ""
    sts: TokenService | None = None
    suspend: bool = False
    timeout: str = ""
    access_from: Annotated[dict[str, Any] | None, OPAQUE] = None
