"""How an artifact becomes objects: the recipes, and what rendering one gives.

A dialect translates the user's manifest into a `Recipe`; a renderer turns (recipe, artifact folder) into a
`RenderResult` or raises `RenderError`. Paths are POSIX paths relative to the artifact's root; "." is the root itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Literal, Protocol, TypeAlias

import msgspec

from trueup.core.decryption import Keys
from trueup.core.plugins import PluginRecipe

JsonObject: TypeAlias = dict[str, Any]
# ---------------------------------------------------------------------------------------------- kustomize


class ImageOverride(msgspec.Struct, frozen=True, omit_defaults=True):
    """Replaces the image `name` wherever it stands; an empty field leaves that part as it is.

    `*` keeps what the kustomization's own override of that image says.
    """

    name: str
    new_name: str = ""
    new_tag: str = ""
    digest: str = ""

    @classmethod
    def parse(cls, text: str) -> ImageOverride:
        """Read the short form: `name:tag`, `name@digest`, `name=newname`, `name=newname:tag`, `name=newname@digest`.

        Raises `ValueError` where the text names no image.
        """
        name, separator, rest = text.partition("=")
        target = rest if separator else text
        digest = ""
        if "@" in target:
            target, _, digest = target.partition("@")
        head, slash, last = target.rpartition("/")
        last, _, tag = last.partition(":")
        repository = head + slash + last
        if not separator:
            name, repository = repository, ""
        if not name or not (repository or tag or digest):
            raise ValueError(f"{text!r} is not an image override: expected name:tag, name@digest or name=newname[:tag]")
        return cls(name=name, new_name="" if repository == name else repository, new_tag=tag, digest=digest)


class ReplicaOverride(msgspec.Struct, frozen=True):
    """Sets the replicas of every workload called `name`."""

    name: str
    count: int


class PatchTarget(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which objects a patch is for; empty fields match everything, names are anchored regular expressions."""

    group: str = ""
    version: str = ""
    kind: str = ""
    name: str = ""
    namespace: str = ""
    label_selector: str = ""
    annotation_selector: str = ""


class Patch(msgspec.Struct, frozen=True, omit_defaults=True):
    """A strategic merge or JSON 6902 patch: its text, or the path of a file in the artifact."""

    patch: str = ""
    path: str = ""
    target: PatchTarget | None = None
    options: dict[str, bool] = {}


class KustomizeRecipe(msgspec.Struct, frozen=True, tag="kustomize", tag_field="kind", omit_defaults=True):
    """Build a kustomization, with the user's options laid over it.

    `generate` makes a kustomization of every manifest below `path` where the folder has none.
    `restrict_to_folder` keeps each kustomization's files inside its own folder (kustomize's default load restriction),
    not just in the artifact. `metadata_labels` and `metadata_annotations` are set on every object after the build.
    """

    path: str = "."
    generate: bool = False
    restrict_to_folder: bool = True
    namespace: str = ""
    name_prefix: str = ""
    name_suffix: str = ""
    images: tuple[ImageOverride, ...] = ()
    replicas: tuple[ReplicaOverride, ...] = ()
    patches: tuple[Patch, ...] = ()
    components: tuple[str, ...] = ()
    ignore_missing_components: bool = False
    common_labels: dict[str, str] = {}
    common_annotations: dict[str, str] = {}
    force_common_labels: bool = False
    force_common_annotations: bool = False
    label_without_selector: bool = False
    label_include_templates: bool = False
    build_metadata: tuple[str, ...] = ()
    metadata_labels: dict[str, str] = {}
    metadata_annotations: dict[str, str] = {}


# --------------------------------------------------------------------------------------------------- Helm


class HelmParameter(msgspec.Struct, frozen=True, omit_defaults=True):
    """One `--set`: `name` may be a dotted path; `force_string` keeps `value` from becoming a number or boolean."""

    name: str
    value: str = ""
    force_string: bool = False


class HelmFileParameter(msgspec.Struct, frozen=True):
    """One `--set-file`: the value at `name` is the text of the file at `path`, relative to the chart."""

    name: str
    path: str


class HelmRecipe(msgspec.Struct, frozen=True, tag="helm", tag_field="kind", omit_defaults=True):
    """Template the chart in the folder `path`.

    Values in rising precedence: the chart's own, `value_files` in order, `values` (YAML text) or, where given,
    `values_object`, `parameters`, `file_parameters`. A value file is relative to the chart; with `/` in front to the
    artifact's root, with `$name/` to the further root `name`; it may hold a glob. `kube_version` and `api_versions`
    stand in for the cluster's own.
    """

    path: str = "."
    release_name: str = "release"
    namespace: str = "default"
    value_files: tuple[str, ...] = ()
    ignore_missing_value_files: bool = False
    values: str = ""
    values_object: JsonObject | None = None
    parameters: tuple[HelmParameter, ...] = ()
    file_parameters: tuple[HelmFileParameter, ...] = ()
    kube_version: str = ""
    api_versions: tuple[str, ...] = ()
    skip_crds: bool = False
    skip_tests: bool = False
    skip_schema_validation: bool = False


# ---------------------------------------------------------------------------- directories of plain files


class JsonnetVariable(msgspec.Struct, frozen=True, omit_defaults=True):
    """An external variable or top-level argument; `code` has its value evaluated as Jsonnet."""

    name: str
    value: str = ""
    code: bool = False


class DirectoryRecipe(msgspec.Struct, frozen=True, tag="directory", tag_field="kind", omit_defaults=True):
    """Every YAML, JSON and Jsonnet file of a folder (`recurse`: and below it), in the order of their paths.

    `include` and `exclude` are globs on the path relative to the folder, `{a,b}` meaning either. `libs` are folders,
    relative to the artifact's root, in which Jsonnet's imports are sought.
    """

    path: str = "."
    recurse: bool = False
    include: str = ""
    exclude: str = ""
    disable_extension_filter: bool = False
    ext_vars: tuple[JsonnetVariable, ...] = ()
    tlas: tuple[JsonnetVariable, ...] = ()
    libs: tuple[str, ...] = ()


class AutoRecipe(msgspec.Struct, frozen=True, tag="auto", tag_field="kind", omit_defaults=True):
    """Whichever recipe the folder's content asks for: a Chart.yaml Helm, a kustomization kustomize, else plain files.

    All have the same `path`. `plugin` comes first, where there are plugins that recognise folders.
    """

    helm: HelmRecipe
    kustomize: KustomizeRecipe
    directory: DirectoryRecipe
    plugin: PluginRecipe | None = None

    @property
    def path(self) -> str:
        """The folder they are for."""
        return self.directory.path


Recipe: TypeAlias = KustomizeRecipe | HelmRecipe | DirectoryRecipe | AutoRecipe | PluginRecipe


class Capabilities(msgspec.Struct, frozen=True):
    """What templates may ask of the cluster: its version (`v1.37.2`) and served `group/version[/Kind]`, sorted."""

    kube_version: str = ""
    api_versions: tuple[str, ...] = ()


def recipe_digest(recipe: Recipe, capabilities: Capabilities) -> str:
    """Name (recipe, cluster) by content: `sha256:` and hex. Capabilities count only where a template could see them."""
    digest = hashlib.sha256(msgspec.json.encode(recipe, order="deterministic"))
    if isinstance(recipe, HelmRecipe | AutoRecipe):
        digest.update(msgspec.json.encode(capabilities, order="deterministic"))
    return f"sha256:{digest.hexdigest()}"


# ------------------------------------------------------------------------------------ what rendering gives


class InputPaths(msgspec.Struct, frozen=True, omit_defaults=True):
    """Every path of one root that a render depended on, sorted.

    `files` were read (a symbolic link on the way is listed too), `directories` listed, `absent` sought in vain.
    """

    files: tuple[str, ...] = ()
    directories: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()


class Origin(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where an object or a problem comes from; `line`, `column` and `document` count from 1, 0 where not known.

    `root` is the further root's name, empty for the artifact itself.
    """

    path: str
    line: int = 0
    column: int = 0
    document: int = 0
    root: str = ""

    def __str__(self) -> str:
        """`path:line:column`, as editors and compilers write it."""
        text = f"${self.root}/{self.path}" if self.root else self.path
        for number in (self.line, self.column):
            if not number:
                break
            text += f":{number}"
        return text


class HelmHook(msgspec.Struct, frozen=True, omit_defaults=True):
    """An object that Helm would run at `events` (`pre-install`, `test`, …) and not keep as part of the release."""

    events: tuple[str, ...]
    weight: int = 0
    delete_policies: tuple[str, ...] = ()


class RenderedObject(msgspec.Struct, frozen=True, omit_defaults=True):
    """One object as rendered, where it comes from, and whether it is one of Helm's hooks."""

    body: JsonObject
    origin: Origin | None = None
    hook: HelmHook | None = None


class RenderWarning(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something the user should know though the render succeeded.

    Codes: `duplicate-object`, `not-an-object`, `deprecated`, `missing-value-file`, `empty`, `integrity`, `decryption`.
    """

    code: str
    message: str
    origin: Origin | None = None


class RenderResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a recipe gave for one artifact.

    `input_paths` is by root, the artifact itself under "". `uncacheable` names functions of time, chance or the cluster
    that were used: it holds for this once. `renderer` is the worker's version. `recipe` is the kind used, `recipes`
    that of each of several sources. `inputs` names all that went in by content (empty where ids were not given).
    `cached`: no worker was asked. `secrets`: values of Secrets, and decrypted ones, in the objects: never told.
    """

    objects: tuple[RenderedObject, ...]
    input_paths: dict[str, InputPaths]
    recipe: str
    renderer: str
    warnings: tuple[RenderWarning, ...] = ()
    uncacheable: tuple[str, ...] = ()
    inputs: str = ""
    cached: bool = False
    secrets: tuple[str, ...] = ()
    recipes: tuple[str, ...] = ()


NextStep: TypeAlias = Literal["stall", "retry", "fetch"]
"""What helps: `stall` a change by the user, `retry` trying again, `fetch` something fetched beforehand."""

_NEXT_STEP: Mapping[str, NextStep] = {
    "deadline": "retry",
    "crashed": "retry",
    "busy": "retry",
    "unavailable": "retry",
    "missing-dependency": "fetch",
    "remote-base": "fetch",
}


class MissingDependency(msgspec.Struct, frozen=True, omit_defaults=True):
    """A chart that another one declares and does not bring."""

    name: str
    version: str = ""
    repository: str = ""


class RenderProblem(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a render failed, for people (`message`) and programs (`code`).

    Codes: `path-absent`, `not-a-directory`, `outside` (a path or link leads out of the artifact), `remote-base`,
    `cycle`, `parse` (file and line known), `not-an-object`, `missing-kind`, `missing-name`, `missing-api-version`,
    `build` (kustomize's words), `template`, `values`, `schema`, `chart`, `missing-dependency`, `jsonnet`, `too-large`,
    `too-many-objects`, `plugin` (they are off), `variable` (without a value), `substitution`, `decryption`, `override`
    (a file that changes the recipe), `expression`, `cost`, `deadline`, `busy`, `memory`, `crashed`, `unavailable`,
    `protocol`.
    """

    code: str
    message: str
    origin: Origin | None = None
    missing: tuple[MissingDependency, ...] = ()

    @property
    def next_step(self) -> NextStep:
        """What helps against it."""
        return _NEXT_STEP.get(self.code, "stall")


class RenderError(Exception):
    """A render failed. `input_paths` is what it depended on so far: nothing is tried again while that is the same."""

    def __init__(
        self,
        problem: RenderProblem,
        input_paths: dict[str, InputPaths] | None = None,
        inputs: str = "",
        cached: bool = False,
    ) -> None:
        """Take the problem and what was looked at."""
        super().__init__(problem.message)
        self.problem = problem
        self.input_paths = input_paths or {}
        self.inputs = inputs
        self.cached = cached


# ------------------------------------------------------------------------ what a render looks at, by content


class TreeIds(Protocol):
    """An artifact's content by id, as Git knows it, without reading any file."""

    def entry(self, path: str) -> str | None:
        """Give the id of what stands at `path` (a blob's or a tree's), `None` where nothing does."""
        ...

    def names(self, path: str) -> tuple[str, ...] | None:
        """Give the names in the folder `path`, sorted, folders with a trailing slash; `None` where it is no folder."""
        ...


class RenderContext(msgspec.Struct, frozen=True):
    """What a render may use besides the artifact's folder.

    `tree` gives the artifact's ids: without it nothing is cached. `roots` are further read-only folders by name, with
    their ids in `root_trees`. `deadline` is in seconds. `unit` and its `tenant` name who asks: those whose renders
    take long wait for each other. With `keys` encrypted files are decrypted, and nothing of the result is kept.
    """

    capabilities: Capabilities = Capabilities()
    tree: TreeIds | None = None
    roots: dict[str, str] = {}
    root_trees: dict[str, TreeIds] = {}
    deadline: float = 60.0
    unit: str = ""
    tenant: str = ""
    keys: Keys | None = None
