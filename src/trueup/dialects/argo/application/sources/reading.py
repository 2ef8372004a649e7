"""How one source of an Application is read, also where its revision has a say in it.

The repository may change the source's parameters (`overrides`), and parameters may hold the revision's id and what the
cluster serves; all of that is known only when the revision is.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from trueup.core.model.recipe import Capabilities, Origin, Recipe, RenderError, RenderProblem
from trueup.core.model.unit import CompleteRecipe, RevisionFacts
from trueup.core.plugins import NO_PLUGINS, KnownPlugins
from trueup.dialects.argo.application.recipe import OF_CLUSTER, OF_REVISION, Builder, environment_of
from trueup.dialects.argo.application.sources.overrides import overridden, override_files
from trueup.dialects.argo.application.types import Source


class Reader(msgspec.Struct, frozen=True):
    """Whose source it is: the Application's name, that with its namespace where it needs one, its project, the
    namespace it delivers to, the names under which its sources refer to each other, and the plugins there are."""

    name: str
    instance: str
    project: str
    namespace: str
    refs: tuple[str, ...] = ()
    plugins: KnownPlugins = NO_PLUGINS


class SourceReading(msgspec.Struct, frozen=True):
    """One source, as the Application gives it at `root` of its object. Implements `LateRecipe`."""

    source: Source
    reader: Reader
    root: str
    by_revision: bool = False
    by_cluster: bool = False

    @property
    def files(self) -> tuple[str, ...]:
        """Give the files that may change the source's parameters."""
        return override_files(self.source.path, self.reader.instance)

    def complete(self, facts: RevisionFacts) -> CompleteRecipe:
        """Give the recipe at one revision. Raises `RenderError` that names the file which is wrong."""
        present = [(path, facts.files[path]) for path in self.files if path in facts.files]
        source, warnings = overridden(self.source, present)
        builder, recipe = _built(source, self.reader, self.root, _late_environment(facts))
        if builder.problems:
            # The Application itself was read without problems.
            names = ", ".join(path for path, _ in present)
            why = "; ".join(text.removeprefix(f"{self.root}.") for text in builder.problems)
            raise RenderError(RenderProblem("override", why, Origin(names)))
        lasting = (self.by_revision or builder.used.isdisjoint(OF_REVISION)) and (
            self.by_cluster or builder.used.isdisjoint(OF_CLUSTER)
        )
        return CompleteRecipe(recipe, warnings, lasting)


class Reading(msgspec.Struct, frozen=True):
    """How a source is read: its recipe so far, what completes it, and what is wrong with it or asked for in vain."""

    recipe: Recipe
    late: SourceReading
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def reading_of(source: Source, reader: Reader, root: str) -> Reading:
    """Read one source that delivers something."""
    builder, recipe = _built(source, reader, root, {})
    late = SourceReading(
        source,
        reader,
        root,
        by_revision=not builder.used.isdisjoint(OF_REVISION),
        by_cluster=not builder.used.isdisjoint(OF_CLUSTER),
    )
    return Reading(recipe, late, tuple(builder.problems), tuple(builder.warnings))


def _built(source: Source, reader: Reader, root: str, late: Mapping[str, str]) -> tuple[Builder, Recipe]:
    own = environment_of(source, reader.name, reader.project, reader.namespace)
    builder = Builder({**own, **late}, root, reader.refs, reader.plugins)
    return builder, builder.recipe(source, reader.name, reader.namespace)


def _late_environment(facts: RevisionFacts) -> dict[str, str]:
    return {
        "ARGOCD_APP_REVISION": facts.revision,
        "ARGOCD_APP_REVISION_SHORT": facts.revision[:7],
        "ARGOCD_APP_REVISION_SHORT_8": facts.revision[:8],
        "KUBE_VERSION": _version(facts.capabilities),
        "KUBE_API_VERSIONS": ",".join(facts.capabilities.api_versions),
    }


def _version(capabilities: Capabilities) -> str:
    """Give the cluster's version without what its maker has added after a plus sign."""
    return capabilities.kube_version.partition("+")[0]
