"""`OCIRepository` as users write it: every field of v1, which v1beta2 has as well."""

from __future__ import annotations

import msgspec

from trueup.dialects.decode import Text
from trueup.dialects.flux.kustomization.types import LocalRef, Part

GROUP = "source.toolkit.fluxcd.io"
KIND = "OCIRepository"
VERSIONS = ("v1", "v1beta2")
SOURCE, REVISION = "org.opencontainers.image.source", "org.opencontainers.image.revision"
"""Annotations of an artifact: where its files come from."""


class Ref(Part, frozen=True):
    """Which artifact is wanted."""

    digest: str = ""
    semver: str = ""
    semver_filter: str = ""
    tag: str = ""


class LayerSelector(Part, frozen=True):
    """Which layer of the artifact is taken, and how."""

    media_type: str = ""
    operation: str = ""


class Identity(Part, frozen=True):
    """Who may have signed, without a key."""

    issuer: Text = ""
    subject: Text = ""


COSIGN = "cosign"


class Verify(Part, frozen=True):
    """Whose signature the artifact must bear."""

    provider: Text = ""
    secret_ref: LocalRef | None = None
    match_oidc_identity: tuple[Identity, ...] = msgspec.field(default=(), name="matchOIDCIdentity")
    trusted_root_secret_ref: LocalRef | None = None


def verification_problems(verify: Verify) -> list[str]:
    """Name the ways to verify that are not there; a source that asks for one is not fetched at all."""
    problems = []
    if verify.provider not in ("", COSIGN):
        problems.append(f"spec.verify.provider: {verify.provider!r} is not supported yet; sign with {COSIGN}")
    elif verify.secret_ref is None:
        problems.append(
            "spec.verify without secretRef asks for signatures without a key (Fulcio and Rekor), which cannot be "
            "verified yet; sign with a key, and name the Secret with its public half"
        )
    if verify.match_oidc_identity:
        problems.append("spec.verify.matchOIDCIdentity is not supported yet; use spec.verify.secretRef")
    if verify.trusted_root_secret_ref is not None:
        problems.append("spec.verify.trustedRootSecretRef is not supported yet; use spec.verify.secretRef")
    return problems


class Spec(Part, frozen=True):
    """What an OCIRepository asks for."""

    interval: Text = ""
    url: Text = ""
    cert_secret_ref: LocalRef | None = None
    ignore: str | None = None
    insecure: bool = False
    layer_selector: LayerSelector | None = None
    provider: str = ""
    proxy_secret_ref: LocalRef | None = None
    ref: Ref | None = None
    secret_ref: LocalRef | None = None
    service_account_name: str = ""
    suspend: bool = False
    timeout: str = ""
    verify: Verify | None = None
