"""The neutral values that every dialect's objects are translated to.

A `Unit` is what one user's object asks to be delivered; a `SourceDeclaration` is where desired state comes from. The
engine knows these and nothing of the dialect they came from. All times are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from trueup.core.decryption import Decryption
from trueup.core.model.artifact import IgnoreRules, SourceSpec
from trueup.core.model.objects import LOCAL, ClusterRef, ObjectRef
from trueup.core.model.permissions import Permissions
from trueup.core.model.recipe import Capabilities, Recipe


class ValueRef(msgspec.Struct, frozen=True):
    """A Secret or ConfigMap that a unit or source reads; a change of it runs the reader again."""

    kind: str
    namespace: str
    name: str
    optional: bool = False

    @property
    def ref(self) -> ObjectRef:
        """The identity of the object that is read."""
        return ObjectRef("", self.kind, self.namespace, self.name)


class SourceDeclaration(msgspec.Struct, frozen=True):
    """A source as declared by a user's object (`GitRepository`) or inside a unit (`Application.spec.source`).

    `ref` is the declaring object, `interval` the seconds between polls. `artifact`: a tarball for others is wanted.
    `requested` is the token of the last request by hand: a new one polls at once. `remembered` is the revision its
    status shows, for when the remote cannot be reached. `certificates` is a Secret with `ca.crt`, `tls.crt`, `tls.key`
    where these stand apart from the credentials, `keys` one with whose signatures count. `project` is whose credentials
    it may use beside everybody's, `access` says how users give any, in the words of its dialect.
    """

    ref: ObjectRef
    uid: str
    generation: int
    spec: SourceSpec
    credentials: ValueRef | None = None
    proxy: ValueRef | None = None
    certificates: ValueRef | None = None
    keys: ValueRef | None = None
    interval: float = 60.0
    timeout: float = 60.0
    suspended: bool = False
    ignore: IgnoreRules = IgnoreRules()
    artifact: bool = False
    requested: str = ""
    remembered: str = ""
    project: str = ""
    access: str = ""
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def tenant(self) -> str:
        """Whose source it is, as `Unit.tenant` has it."""
        return f"{self.ref.namespace}/{self.project}"


class RevisionFacts(msgspec.Struct, frozen=True):
    """What is known of a source once its revision is: some of its files, the bare id, and what the cluster serves."""

    files: Mapping[str, bytes] = {}
    revision: str = ""
    capabilities: Capabilities = Capabilities()


class CompleteRecipe(msgspec.Struct, frozen=True):
    """A recipe as it is at one revision. `warnings` are for people.

    `lasting`: the source's files, and the facts that `LateRecipe` names, decide it; otherwise it holds for this once.
    """

    recipe: Recipe
    warnings: tuple[str, ...] = ()
    lasting: bool = True


class LateRecipe(Protocol):
    """How a source is read where its revision has a say in it, because files of the source change the recipe.

    Where none of these `files` is there, and neither fact is used, the `recipe` of the `UnitSource` is the right one.
    """

    @property
    def files(self) -> tuple[str, ...]:
        """Files of the source that change the recipe where they are there."""
        ...

    @property
    def by_revision(self) -> bool:
        """Whether the unit's own object has the revision's id put in."""
        ...

    @property
    def by_cluster(self) -> bool:
        """Whether the unit's own object has what the cluster serves put in."""
        ...

    def complete(self, facts: RevisionFacts) -> CompleteRecipe:
        """Give the recipe at one revision. Raises `RenderError` that names the file."""
        ...


class UnitSource(msgspec.Struct, frozen=True):
    """One of a unit's sources: the object that declares it, and how its files become objects.

    Without a `recipe` its files are only there for the others, which refer to them by `name` (`$name/values.yaml`).
    With `late` the recipe is complete only when the revision is known.
    """

    ref: ObjectRef
    recipe: Recipe | None = None
    name: str = ""
    late: LateRecipe | None = None


def nth_source(unit: ObjectRef, number: int) -> ObjectRef:
    """Give the identity of the n-th source, from 0, that stands inside a unit's own object; the first is the object."""
    return unit if number == 0 else unit._replace(name=f"{unit.name}#{number + 1}")


class Target(msgspec.Struct, frozen=True):
    """Where objects go: a cluster, the namespace of namespaced objects that name none, and the acting identity.

    `service_account` is `namespace:name` when the unit acts as its tenant, else empty. `namespace_labels` and
    `namespace_annotations` are set on the namespace when `create_namespace` makes it.
    """

    cluster: ClusterRef = LOCAL
    namespace: str = ""
    create_namespace: bool = False
    namespace_labels: dict[str, str] = {}
    namespace_annotations: dict[str, str] = {}
    service_account: str = ""


class Retry(msgspec.Struct, frozen=True):
    """When to try a failed sync again: `limit` tries (negative: for ever), pauses of `base` × `factor`ⁿ up to `cap`."""

    limit: int = -1
    base: float = 5.0
    factor: float = 2.0
    cap: float = 180.0


class SyncPolicy(msgspec.Struct, frozen=True):
    """What the engine may do by itself.

    `automated`: sync when Git changes. `heal`: also when live objects drift. `prune`: delete what Git no longer has.
    `allow_empty`: even when nothing at all is rendered. `force`: recreate objects whose immutable fields changed.
    `prune_last`: prune after everything else is healthy. `fail_on_shared`: refuse objects another unit owns.
    `wave_wait`: objects of a wave must be healthy before the next begins. `release_unpruned`: what Git no longer has
    and pruning does not remove is forgotten; otherwise it stays the unit's, shown as to be pruned. `undo_kubectl`:
    fields that somebody has added by kubectl are drift too. Not `validate`: fields unknown to a kind are left out.
    """

    automated: bool = True
    heal: bool = True
    prune: bool = False
    allow_empty: bool = False
    force: bool = False
    replace: bool = False
    prune_last: bool = False
    fail_on_shared: bool = False
    wave_wait: bool = True
    release_unpruned: bool = False
    undo_kubectl: bool = False
    validate: bool = True
    propagation: str = "Background"
    retry: Retry = Retry()


class HealthExpression(msgspec.Struct, frozen=True):
    """CEL rules that replace the built-in health of one kind (any version of its group)."""

    group: str
    kind: str
    current: str
    in_progress: str = ""
    failed: str = ""


HEALTH_DEADLINE = 300.0
"""Seconds without progress after which a sync is judged, where nobody says otherwise."""


class HealthGate(msgspec.Struct, frozen=True):
    """What must be healthy, and how soon, before a sync counts as good.

    `wait`: all applied objects gate the unit's readiness. `checks`: these objects do. `timeout`: seconds they may take
    without coming further until they are judged; where the dialect does not wait, that is `deadline`. `kstatus`: by
    kstatus' rules where these differ from Argo CD's.
    """

    wait: bool = False
    checks: tuple[ObjectRef, ...] = ()
    expressions: tuple[HealthExpression, ...] = ()
    timeout: float = HEALTH_DEADLINE
    deadline: float = HEALTH_DEADLINE
    kstatus: bool = False

    @property
    def waits(self) -> bool:
        """Whether the unit's own readiness waits for objects' health."""
        return self.wait or bool(self.checks)

    @property
    def patience(self) -> float:
        """Seconds without progress after which a sync is judged."""
        return self.timeout if self.waits else self.deadline


class ReturnPolicy(StrEnum):
    """What happens when a change makes a healthy unit sick."""

    AUTO = "auto"
    PROPOSE = "propose"
    REPORT = "report"


class DeletionPolicy(StrEnum):
    """What happens to a unit's objects when the unit itself is deleted.

    They are removed, and the unit goes at once; or when they are gone, or its timeout is over; or when they are gone,
    however long that takes; or they stay.
    """

    PRUNE = "prune"
    PRUNE_AND_WAIT = "prune-and-wait"
    PRUNE_AND_WAIT_FOREVER = "prune-and-wait-forever"
    ORPHAN = "orphan"


class Dependency(msgspec.Struct, frozen=True):
    """Another unit that must be ready first. `expression` is CEL over `self` and `dep` that replaces the check."""

    ref: ObjectRef
    expression: str = ""


class TrackingLabels(msgspec.Struct, frozen=True):
    """Labels and annotations that name the owner on every object.

    Values may hold `{group}`, `{kind}`, `{namespace}` and `{name}` of the object they are set on, and `{home}`: its
    namespace, or the unit's own target namespace where it has none.
    """

    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}

    @property
    def any(self) -> bool:
        """Whether there are any."""
        return bool(self.labels or self.annotations)


class Substitution(msgspec.Struct, frozen=True):
    """Variables put into the rendered text; later `sources` win over earlier, `inline` over all.

    `always`: also where there are none, for the text's defaults. `disabled_by` is the label or annotation that leaves
    an object as it is, with the value `disabled`. `labels` and `annotations` are set on every object afterwards.
    """

    inline: dict[str, str] = {}
    sources: tuple[ValueRef, ...] = ()
    always: bool = False
    disabled_by: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class Operation(msgspec.Struct, frozen=True):
    """A sync asked for by hand. `revision` empty: the unit's own; `resources` empty: all of them.

    `revisions` are those of several sources; `revision` is the first's. `sources` read them as they were delivered.
    """

    id: str
    revision: str = ""
    prune: bool = False
    dry_run: bool = False
    force: bool = False
    resources: tuple[ObjectRef, ...] = ()
    sources: tuple[UnitSource, ...] = ()
    initiator: str = ""
    retry: Retry = Retry(limit=0)
    revisions: tuple[str, ...] = ()


class Remedies(msgspec.Struct, frozen=True):
    """What helps against common refusals, in the words of the unit's dialect; empty: it has none of its own.

    `recreate`: an object whose field cannot be changed. `namespace`: the unit's own is not there. `place`: its objects
    name no namespace. `order`: something comes before. `variable`: one that has no value. `keys`: none decrypts a file.
    """

    recreate: str = ""
    namespace: str = ""
    place: str = ""
    order: str = ""
    variable: str = ""
    keys: str = ""


OBJECTS = "objects"
"""The delivery of plain objects, by server-side apply."""


class Unit(msgspec.Struct, frozen=True):
    """What one user's object asks to be delivered, in neutral words.

    `spec_digest` is the digest of all that decides what is delivered (not of interval or suspension), so that held back
    inputs are known again. `sources` is one, or several whose objects are delivered together: the first is what is
    shown where there is room for one. `version` is the API version of the user's object (without the group). `problems`
    are things the object asks for that cannot be done; each stalls the unit until its object changes. `warnings` are
    told in its status and change nothing else. `delivery` names how what is rendered comes to live.

    `returns` is what happens when a change makes it sick; `inherited` applies in its place to a unit that another
    controller delivered before (`None`: the object itself names a policy, which holds always). `delivered`: the
    object's status showed a delivery when it was read. `past_jobs`: a return may go back past a Job that has run.
    `permissions` bound what may be delivered, and what of it removed (`None`: nothing does). `inputs` are values that
    rendering reads besides. `requested_by` is the person whose request `requested` is, as far as that is known.
    `propose_revert`: a return that happens by itself also proposes the revert in Git. `approved` is when somebody
    approved what the unit asks for before it removes anything. `finalized`: the object bears its `finalizer`.
    """

    ref: ObjectRef
    uid: str
    generation: int
    sources: tuple[UnitSource, ...]
    spec_digest: str
    version: str = "v1"
    target: Target = Target()
    delivery: str = OBJECTS
    policy: SyncPolicy = SyncPolicy()
    gate: HealthGate = HealthGate()
    depends_on: tuple[Dependency, ...] = ()
    returns: ReturnPolicy = ReturnPolicy.AUTO
    inherited: ReturnPolicy | None = None
    delivered: bool = False
    past_jobs: bool = False
    propose_revert: bool = False
    deletion: DeletionPolicy = DeletionPolicy.PRUNE
    marks: TrackingLabels = TrackingLabels()
    substitution: Substitution | None = None
    decryption: Decryption | None = None
    inputs: tuple[ValueRef, ...] = ()
    field_manager: str = "trueup"
    finalizer: str = ""
    finalized: bool = False
    project: str = ""
    permissions: Permissions | None = None
    interval: float = 600.0
    retry_interval: float = 60.0
    suspended: bool = False
    deleting: bool = False
    requested: str = ""
    requested_by: str = ""
    operation: Operation | None = None
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    approved: datetime | None = None
    remedies: Remedies = Remedies()

    @property
    def source(self) -> ObjectRef:
        """The object that declares the first source."""
        return self.sources[0].ref

    @property
    def recipe(self) -> Recipe:
        """How the files of the first source that is rendered become objects."""
        return next(one.recipe for one in self.sources if one.recipe is not None)

    def refusal(self, ref: ObjectRef) -> str:
        """Say why the unit must not deliver an object, nor remove it; empty where it may."""
        return self.permissions.refusal(ref) if self.permissions is not None else ""

    @property
    def tenant(self) -> str:
        """Whose unit it is: its namespace, and its project where several share a namespace."""
        return f"{self.ref.namespace}/{self.project}"

    def shares_source(self, other: Unit) -> bool:
        """Say whether two units have a source in common."""
        return not {one.ref for one in self.sources}.isdisjoint(one.ref for one in other.sources)
