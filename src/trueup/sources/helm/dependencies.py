"""Charts that other charts depend on: fetched from repositories that are declared for the tenant, or allowed to all."""

from __future__ import annotations

import os
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress

from trueup.core.model.artifact import Fault, IgnoreRules, Resolved, Revision, SourceCredentials, SourceError
from trueup.core.model.recipe import MissingDependency
from trueup.core.model.unit import Unit
from trueup.core.redaction import hide_user
from trueup.core.repository.helm import HelmSpec
from trueup.sources.registry import SourceProvider

ALLOWED = "TRUEUP_CHART_REPOSITORIES"
"""Repositories that every unit's charts may depend on: URLs, separated by commas or white space."""

RANGE_SECONDS = 300.0
"""Seconds for which a range of versions is not looked up again."""

KEPT = 2000
LONGEST = 20
"""Dependencies of one chart that are fetched at a time."""

_EXACT = re.compile(r"v?\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?")

Declared = Callable[[str, str], Awaitable[tuple[str, SourceCredentials | None] | None]]
"""Gives URL and credentials of a repository that is declared for a project, `None` where it is not."""


def allowed_repositories(environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Read which repositories every unit's charts may depend on."""
    return tuple(_normal(url) for url in environ.get(ALLOWED, "").replace(",", " ").split())


class FetchedCharts:
    """Implements the port `ChartDependencies` by the provider of Helm sources."""

    def __init__(self, charts: SourceProvider, declared: Declared, allowed: Sequence[str] = ()) -> None:
        """Take the provider, who knows declared repositories, and the URLs that all may use."""
        self._charts = charts
        self._declared = declared
        self._allowed = frozenset(allowed)
        self._ranges: OrderedDict[tuple[str, HelmSpec], tuple[float, Revision]] = OrderedDict()

    async def fetch(self, unit: Unit, missing: Sequence[MissingDependency]) -> tuple[Resolved, ...]:
        """Give each dependency, in their order."""
        if len(missing) > LONGEST:
            words = (
                f"the chart lacks {len(missing)} dependencies, and at most {LONGEST} are fetched; commit its charts/"
            )
            raise SourceError(Fault.TOO_LARGE, words)
        return tuple([await self._one(unit, one) for one in missing])

    async def _one(self, unit: Unit, one: MissingDependency) -> Resolved:
        called = f"dependency {' '.join(filter(None, (one.name, one.version)))}"
        shown = hide_user(one.repository)
        if not one.repository:
            words = f"{called} names no repository; commit it into the chart's charts/ folder"
            raise SourceError(Fault.URL, words)
        url, credentials = await self._repository(unit, one, called, shown)
        spec = HelmSpec(url, one.name, one.version, unwrap=True)
        try:
            return await self._fetched(unit, spec, credentials)
        except SourceError as error:
            raise SourceError(error.fault, f"{called} from {shown}: {error}") from error

    async def _repository(
        self, unit: Unit, one: MissingDependency, called: str, shown: str
    ) -> tuple[str, SourceCredentials | None]:
        found = await self._declared(one.repository, unit.project)
        if found is not None:
            return found
        if _normal(one.repository) in self._allowed:
            return one.repository, None
        whose = f" of project {unit.project}" if unit.project else ""
        way = (
            "declare it by a Secret of type helm with that name (key name)"
            if one.repository.startswith(("@", "alias:"))
            else "declare it by a Secret with the label argocd.argoproj.io/secret-type: repository, type: helm and "
            f"url: {shown}, have it allowed by {ALLOWED}"
        )
        words = f"{called} lies in {shown}, which is not declared for units{whose}: {way}"
        raise SourceError(Fault.CREDENTIALS, words)

    async def _fetched(self, unit: Unit, spec: HelmSpec, credentials: SourceCredentials | None) -> Resolved:
        if _EXACT.fullmatch(spec.version):
            known = await self._charts.recall(spec, Revision(spec.version, ""), credentials, IgnoreRules())
            if known is not None:
                return known
        key = (unit.tenant, spec)
        since, revision = self._ranges.get(key, (0.0, None))
        if revision is not None and time.monotonic() - since < RANGE_SECONDS:
            with suppress(SourceError):
                known = await self._charts.recall(spec, revision, credentials, IgnoreRules())
                if known is not None:
                    return known
        revision = await self._charts.resolve(spec, credentials)
        found = await self._charts.fetch(spec, revision, credentials, IgnoreRules())
        self._ranges[key] = (time.monotonic(), revision)
        while len(self._ranges) > KEPT:
            self._ranges.popitem(last=False)
        return found


def _normal(url: str) -> str:
    return url.strip().rstrip("/").lower()
