"""From `spec.source` to a recipe: which tool, and with what options.

As upstream has it, naming a tool's options picks the tool; naming none lets the folder's content decide; `$NAME` of the
build environment (`ARGOCD_APP_NAME`, …) is filled in where upstream does.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import msgspec

from trueup.core.model.recipe import (
    AutoRecipe,
    DirectoryRecipe,
    HelmFileParameter,
    HelmParameter,
    HelmRecipe,
    ImageOverride,
    JsonnetVariable,
    KustomizeRecipe,
    Patch,
    PatchTarget,
    Recipe,
    ReplicaOverride,
)
from trueup.core.plugins import NO_PLUGINS, KnownPlugins, PluginRecipe
from trueup.dialects.argo.application.sources.plugins import plugin_problem, plugin_recipe
from trueup.dialects.argo.application.types import Directory, Helm, Kustomize, Plugin, Source
from trueup.dialects.argo.application.types import JsonnetVariable as Variable
from trueup.dialects.sync_options import folder, leads_outside

PLACEHOLDER = DirectoryRecipe(path=".")
"""The recipe of a unit that has problems; it is never rendered."""

_VARIABLE = re.compile(r"\$(?:\{([^}]*)\}|(\$)|(\w+))", re.ASCII)
_REFERENCE = re.compile(r"\$([A-Za-z0-9_-]+)/")
OF_REVISION = frozenset({"ARGOCD_APP_REVISION", "ARGOCD_APP_REVISION_SHORT", "ARGOCD_APP_REVISION_SHORT_8"})
OF_CLUSTER = frozenset({"KUBE_VERSION", "KUBE_API_VERSIONS"})
"""Variables that are known only when a revision is rendered for a cluster."""


def environment_of(source: Source, app: str, project: str, namespace: str) -> dict[str, str]:
    """Give what the build environment of an Application's source holds whatever its revision."""
    return {
        "ARGOCD_APP_NAME": app,
        "ARGOCD_APP_NAMESPACE": namespace,
        "ARGOCD_APP_PROJECT_NAME": project,
        "ARGOCD_APP_SOURCE_PATH": source.path,
        "ARGOCD_APP_SOURCE_REPO_URL": source.repo_url,
        "ARGOCD_APP_SOURCE_TARGET_REVISION": source.target_revision,
    }


class Builder:
    """Collects problems and warnings while a source's recipe is made.

    `environment` is the build environment, `root` where the source stands in the object, `refs` the names under which
    files of other sources are referred to, `plugins` are those there are. `used` are the variables of the build
    environment that were filled in.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        root: str = "spec.source",
        refs: Collection[str] = (),
        plugins: KnownPlugins = NO_PLUGINS,
    ) -> None:
        """Start with nothing to complain of."""
        self.environment = environment
        self.root = root
        self.refs = refs
        self.plugins = plugins
        self.used: set[str] = set()
        self.problems: list[str] = []
        self.warnings: list[str] = []

    def filled(self, text: str) -> str:
        """Fill in the build environment; a variable that is not in it becomes nothing, `$$` a dollar sign."""
        if "$" not in text:
            return text

        def value(match: re.Match[str]) -> str:
            name = match[1] or match[3] or ""
            if match[2]:
                return "$"
            self.used.add(name)
            return self.environment.get(name, "")

        return _VARIABLE.sub(value, text)

    def recipe(self, source: Source, app: str, namespace: str) -> Recipe:
        """Give the recipe of a source."""
        root = self.root
        if source.chart:
            # The chart is the whole artifact, whatever a path says.
            source = msgspec.structs.replace(source, path=".", helm=source.helm or Helm())
        if source.path.startswith("/"):
            self.problems.append(f"{root}.path: {source.path!r} is absolute; write it relative to the repository")
        elif leads_outside(source.path):
            self.problems.append(f"{root}.path: {source.path!r} leads out of the repository")
        elif not source.path:
            self.problems.append(f"{root}.repoURL and one of {root}.path, {root}.chart are required")
        path = folder(source.path)
        helm = source.helm if source.helm != Helm() or source.chart else None
        kustomize = source.kustomize if source.kustomize != Kustomize() else None
        directory = source.directory if source.directory != Directory() else None
        named = [
            name
            for name, part in (
                ("Kustomize", kustomize),
                ("Helm", helm),
                ("Directory", directory),
                ("Plugin", source.plugin),
            )
            if part is not None
        ]
        if len(named) > 1:
            self.problems.append(f"multiple application sources defined: {','.join(named)}")
        if source.plugin is not None:
            return self._plugin(source.plugin, path)
        if helm is not None:
            if helm.pass_credentials and not source.chart:
                text = "has no effect: charts come with their dependencies"
                self.warnings.append(f"{root}.helm.passCredentials {text}")
            return self._helm(helm, path, app, namespace)
        if kustomize is not None:
            return self._kustomize(kustomize, path)
        if directory is not None:
            return self._directory(directory, path)
        return AutoRecipe(
            helm=HelmRecipe(path=path, release_name=app, namespace=namespace or "default"),
            kustomize=KustomizeRecipe(path=path),
            directory=DirectoryRecipe(path=path),
            plugin=self._plugin(Plugin(), path) if self.plugins.discovering else None,
        )

    def _plugin(self, plugin: Plugin, path: str) -> PluginRecipe:
        if problem := plugin_problem(plugin, self.plugins):
            self.problems.append(f"{self.root}.plugin: {problem}")
        # It may read any of them.
        self.used |= OF_REVISION | OF_CLUSTER
        return plugin_recipe(plugin, path, self.environment, self.filled, self.plugins)

    def _helm(self, helm: Helm, path: str, app: str, namespace: str) -> HelmRecipe:
        for file in helm.value_files:
            if "://" in file:
                self.problems.append(
                    f"{self.root}.helm.valueFiles: {file.partition('://')[0]}://… is remote, which is not supported; "
                    "keep the file in the repository"
                )
        return HelmRecipe(
            path=path,
            release_name=helm.release_name or app,
            namespace=helm.namespace or namespace or "default",
            value_files=tuple(self._file(file, "helm.valueFiles") for file in helm.value_files),
            ignore_missing_value_files=helm.ignore_missing_value_files,
            values=helm.values,
            values_object=helm.values_object,
            parameters=tuple(
                HelmParameter(item.name, self.filled(item.value), item.force_string) for item in helm.parameters
            ),
            file_parameters=tuple(
                HelmFileParameter(item.name, self._file(item.path, "helm.fileParameters"))
                for item in helm.file_parameters
            ),
            kube_version=helm.kube_version,
            api_versions=helm.api_versions,
            skip_crds=helm.skip_crds,
            skip_tests=helm.skip_tests,
            skip_schema_validation=helm.skip_schema_validation,
        )

    def _file(self, path: str, field: str) -> str:
        """Fill in the path of a file; `$name/…` is one of another source."""
        found = _REFERENCE.match(path)
        if found is None:
            return self.filled(path)
        name = found[1]
        if name in self.refs:
            return f"${name}/{self.filled(path[found.end() :])}"
        if name in self.environment or name in OF_REVISION | OF_CLUSTER:
            return self.filled(path)
        known = ", ".join(f"${each}" for each in self.refs) or "none has a ref"
        self.problems.append(
            f"{self.root}.{field}: {path!r} is of another source, and no source is called {name!r} ({known})"
        )
        return path

    def _kustomize(self, given: Kustomize, path: str) -> KustomizeRecipe:
        root = f"{self.root}.kustomize"
        for name, value in (
            ("version", given.version),
            ("kubeVersion", given.kube_version),
            ("apiVersions", given.api_versions),
        ):
            if value:
                self.warnings.append(f"{root}.{name} has no effect: Trueup builds with its own kustomize")
        images = []
        for text in given.images:
            try:
                images.append(ImageOverride.parse(self.filled(text)))
            except ValueError as error:
                self.problems.append(f"{root}.images: {error}")
        replicas = []
        for item in given.replicas:
            try:
                replicas.append(ReplicaOverride(item.name, int(item.count)))
            except ValueError:
                self.problems.append(f"{root}.replicas: {item.count!r} is no whole number for {item.name}")
        annotations = given.common_annotations
        if given.common_annotations_envsubst:
            annotations = {name: self.filled(value) for name, value in annotations.items()}
        return KustomizeRecipe(
            path=path,
            namespace=given.namespace,
            name_prefix=given.name_prefix,
            name_suffix=given.name_suffix,
            images=tuple(images),
            replicas=tuple(replicas),
            patches=tuple(
                Patch(
                    item.patch,
                    item.path,
                    None
                    if item.target is None
                    else PatchTarget(
                        item.target.group,
                        item.target.version,
                        item.target.kind,
                        item.target.name,
                        item.target.namespace,
                        item.target.label_selector,
                        item.target.annotation_selector,
                    ),
                    item.options,
                )
                for item in given.patches
            ),
            components=given.components,
            ignore_missing_components=given.ignore_missing_components,
            common_labels=given.common_labels,
            common_annotations=annotations,
            force_common_labels=given.force_common_labels,
            force_common_annotations=given.force_common_annotations,
            label_without_selector=given.label_without_selector,
            label_include_templates=given.label_include_templates,
        )

    def _directory(self, given: Directory, path: str) -> DirectoryRecipe:
        def variables(items: tuple[Variable, ...]) -> tuple[JsonnetVariable, ...]:
            return tuple(JsonnetVariable(item.name, self.filled(item.value), item.code) for item in items)

        return DirectoryRecipe(
            path=path,
            recurse=given.recurse,
            include=given.include,
            exclude=given.exclude,
            disable_extension_filter=given.disable_extension_filter,
            ext_vars=variables(given.jsonnet.ext_vars),
            tlas=variables(given.jsonnet.tlas),
            libs=tuple(folder(item) for item in given.jsonnet.libs),
        )
