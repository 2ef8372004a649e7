"""The values of Helm sources: a repository of charts, or one chart of it."""

from __future__ import annotations

from trueup.core.model.artifact import IgnoreRules, Revision, SourceSpec
from trueup.core.repository.oci import SCHEME

HELM = "helm"
"""The tag of Helm sources."""

PACKAGED = "packaged-chart"
"""The tag of charts that lie in a folder of another source."""

CHART_NAME, VALUES_FILES = "chart", "valuesFiles"
"""Keys of a chart's metadata: its name, and the files that its values were merged of, one a line."""


class HelmSpec(SourceSpec, frozen=True, tag=HELM):
    """A repository by its URL (`https://…` with an `index.yaml`, or `oci://…`) and what is wanted of it.

    `chart`: a chart's name; empty for the index itself. `version`: a version, a range of them, or empty for the latest
    that is no pre-release. `unwrap`: the chart's files are given without the folder that they are packed in.
    `values_files`: files of the chart that take the place of its `values.yaml`, merged in their order; with
    `ignore_missing` those that are not there are passed over. `pass_credentials`: other hosts that the index names get
    the credentials as well. `insecure`: a registry may speak HTTP. `missing`: why the repository is not known.
    `signed`: a chart in a registry must bear a signature by one of the source's keys. `timeout`: seconds for one
    exchange with the repository, a download included.
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
    signed: bool = False

    @property
    def registry(self) -> bool:
        """Whether the charts lie in a registry."""
        return self.url.startswith(SCHEME)

    @property
    def origin(self) -> tuple[str, str]:
        """Name what is followed: a repository, as one index tells of all its charts, or a chart in a registry."""
        return self.kind, f"{self.url}#{self.chart}" if self.registry else self.url

    def remembered(self, text: str) -> Revision:
        """Read a revision as a status shows it: an index by its digest, a chart by its version alone."""
        return _by_version(text) if self.chart else Revision.parse(text)


class PackagedSpec(SourceSpec, frozen=True, tag=PACKAGED):
    """A chart in the folder `path` of another source, packed as a repository would give it.

    `source` is what the folder is in, without what `ignore` leaves out; `url` is its URL. `values_files` are files of
    that source. `by_revision`: each revision of the source is one of the chart; else each version that its Chart.yaml
    names is, whatever changes under the same version.
    """

    source: SourceSpec | None = None
    ignore: IgnoreRules = IgnoreRules()
    path: str = "."
    by_revision: bool = False
    values_files: tuple[str, ...] = ()
    ignore_missing: bool = False

    @property
    def origin(self) -> tuple[str, str]:
        """Name what the source follows: its charts move with it."""
        return self.source.origin if self.source is not None else (self.kind, self.url)

    def remembered(self, text: str) -> Revision:
        """Read a revision as a status shows it: by its version alone."""
        return _by_version(text)


def _by_version(text: str) -> Revision:
    try:
        return Revision.parse(text)
    except ValueError:
        if not text:
            raise
        return Revision(text, "")
