"""A HelmChart's status in Flux's shape: which chart it is, and which files its values are made of."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from trueup.core.model.objects import Body
from trueup.core.model.reports import SourceReport, StatusWrite
from trueup.core.repository.helm import CHART_NAME, VALUES_FILES
from trueup.dialects.decode import mapping_of
from trueup.dialects.flux.source_status import source_status


def chart_status(body: Body, report: SourceReport, now: datetime) -> StatusWrite | None:
    """Write the status; `None`: there is nothing to change."""
    return source_status(body, report, now, _observed)


def _observed(status: dict[str, Any], spec: Mapping[str, Any]) -> None:
    """Show of what the artifact was made; upstream shows no metadata of it."""
    artifact = dict(mapping_of(status, "artifact"))
    metadata = artifact.pop("metadata", {})
    status["artifact"] = artifact
    status["observedChartName"] = metadata.get(CHART_NAME, "")
    status.pop("observedValuesFiles", None)
    if (spec.get("valuesFiles") or spec.get("valuesFile")) and metadata.get(VALUES_FILES):
        status["observedValuesFiles"] = metadata[VALUES_FILES].split("\n")
