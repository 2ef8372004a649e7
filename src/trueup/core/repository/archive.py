"""The values of archive sources: a tarball behind a URL, whose digest is known."""

from __future__ import annotations

from trueup.core.model.artifact import Revision, SourceSpec

HTTP = "http"
"""The tag of archive sources."""

DIGESTS = {"sha256": 64, "sha384": 96, "sha512": 128}
"""The algorithms that are known, and how many hex digits they give."""


class ArchiveSpec(SourceSpec, frozen=True, tag=HTTP):
    """A tarball, gzipped or not, that somebody else makes and stores.

    `name` says whose it is; all its tarballs are versions of one thing, wherever they lie. `digest` is that of the
    tarball (`sha256:…`), `revision` what its maker calls this version. `timeout`: seconds for fetching it.
    """

    name: str = ""
    digest: str = ""
    revision: Revision = Revision("", "")
    timeout: float = 60.0

    @property
    def origin(self) -> tuple[str, str]:
        """Name what is followed: its URL may be another with each version."""
        return self.kind, self.name
