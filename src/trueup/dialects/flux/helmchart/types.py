"""`HelmChart` as users and Flux' own controllers write it: every field of v1, and those of older served versions."""

from __future__ import annotations

from typing import Annotated, Any

from trueup.dialects.decode import OPAQUE, REQUIRED, Text
from trueup.dialects.flux.kustomization.types import LocalRef, Part
from trueup.dialects.flux.ocirepository.types import Verify

GROUP = "source.toolkit.fluxcd.io"
KIND = "HelmChart"
VERSIONS = ("v1", "v1beta2", "v1beta1")
BY_VERSION, BY_REVISION = "ChartVersion", "Revision"


class SourceRef(Part, frozen=True):
    """Where the chart lies."""

    kind: Text = ""
    name: Text = ""
    api_version: str = ""


class Spec(Part, frozen=True):
    """What a HelmChart asks for."""

    chart: Text = ""
    interval: Text = ""
    source_ref: Annotated[SourceRef, REQUIRED] = SourceRef()
    access_from: Annotated[Any, OPAQUE] = None
    ignore_missing_values_files: bool = False
    reconcile_strategy: str = ""
    suspend: bool = False
    values_file: str = ""
    values_files: tuple[str, ...] = ()
    verify: Verify | None = None
    version: str = ""

    @property
    def files(self) -> tuple[str, ...]:
        """The files of values, with that of the older field first."""
        return (*((self.values_file,) if self.values_file else ()), *self.values_files)

    @property
    def timeout(self) -> str:
        """That of its source counts."""
        return ""

    @property
    def ignore(self) -> str | None:
        """Nothing is left out of a chart."""
        return None

    @property
    def provider(self) -> str:
        """That of its source counts."""
        return ""

    @property
    def service_account_name(self) -> str:
        """It has no such field."""
        return ""

    @property
    def secret_ref(self) -> LocalRef | None:
        """That of its source counts."""
        return None

    @property
    def proxy_secret_ref(self) -> LocalRef | None:
        """That of its source counts."""
        return None
