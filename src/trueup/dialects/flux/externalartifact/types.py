"""`ExternalArtifact` as it stands in the cluster: the fields of v1, and what its status says of the artifact."""

from __future__ import annotations

import msgspec

from trueup.dialects.decode import Text
from trueup.dialects.flux.kustomization.types import Part

GROUP = "source.toolkit.fluxcd.io"
KIND = "ExternalArtifact"
VERSIONS = ("v1",)


class SourceRef(Part, frozen=True):
    """The object that the artifact is made of."""

    api_version: str = ""
    kind: Text = ""
    name: Text = ""
    namespace: str = ""


class Spec(Part, frozen=True):
    """What an ExternalArtifact says of itself."""

    source_ref: SourceRef | None = None


class StoredArtifact(Part, frozen=True):
    """A tarball that another controller has stored."""

    url: Text = ""
    digest: Text = ""
    revision: Text = ""
    path: str = ""
    size: int | None = None
    last_update_time: str = ""
    metadata: dict[str, str] = msgspec.field(default_factory=dict)
