"""The values of Helm sources: a repository of charts, or one chart of it."""

from __future__ import annotations

from trueup.core.model.artifact import Revision, SourceSpec
from trueup.core.repository.oci import SCHEME

HELM = "helm"
"""The tag of Helm sources."""


class HelmSpec(SourceSpec, frozen=True, tag=HELM):
    """A repository by its URL (`https://…` with an `index.yaml`, or `oci://…`) and what is wanted of it.

    `chart`: a chart's name; empty for the index itself. `version`: a version, a range of them, or empty for the latest
    that is no pre-release. `unwrap`: the chart's files are given without the folder that they are packed in.
    `values_files`: files of the chart that take the place of its `values.yaml`, merged in their order; with
    `ignore_missing` those that are not there are passed over. `pass_credentials`: other hosts that the index names get
    the credentials as well. `insecure`: a registry may speak HTTP. `missing`: why the repository is not known.
    `timeout`: seconds for one exchange with the repository, a download included.
    """

    chart: str = ""
    version: str = ""
    unwrap: bool = False
    values_files: tuple[str, ...] = ()
    ignore_missing: bool = False
    pass_credentials: bool = False
    insecure: bool = False
    missing: str = ""
    timeout: float = 60.0

    @property
    def registry(self) -> bool:
        """Whether the charts lie in a registry."""
        return self.url.startswith(SCHEME)

    @property
    def origin(self) -> tuple[str, str]:
        """Name the chart that is followed, or the index."""
        return self.kind, f"{self.url}#{self.chart}"

    def remembered(self, text: str) -> Revision:
        """Read a revision as a status shows it: an index by its digest, a chart by its version alone."""
        try:
            return Revision.parse(text)
        except ValueError:
            if not self.chart or not text:
                raise
            return Revision(text, "")
