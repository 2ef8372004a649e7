"""OCI registries: tags are polled for their digests, layers fetched once and kept as Git trees beside those of Git."""

from trueup.sources.oci.provider import OciProvider
from trueup.sources.oci.repositories import OciSource

__all__ = ["OciProvider", "OciSource"]
