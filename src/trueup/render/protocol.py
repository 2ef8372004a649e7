"""The messages between this process and `go/worker` (`protocol.go` is their other half), as JSON."""

from collections.abc import Mapping
from typing import Any

import msgspec

from trueup.core.decryption import Keys
from trueup.core.model.recipe import Capabilities, InputPaths, Recipe, RenderedObject, RenderProblem, RenderWarning
from trueup.core.notification.expressions import Condition, Holds, KnownCommit, MessageTemplate, Rendered

MAX_FRAME = 128 << 20
"""The bound of one message in bytes, in either direction."""

EXIT_MEMORY = 77
"""With this code a worker ends that has used up its memory."""


class Hello(msgspec.Struct, frozen=True):
    """The first message of a worker: what it is."""

    version: str


class KeyMaterial(msgspec.Struct, frozen=True):
    """Private keys by their names in the Secret that `from` names, and how they are used: see `core.decryption`."""

    from_: str = msgspec.field(name="from")
    files: dict[str, bytes]
    strict: bool
    disabled_by: str
    remedy: str

    def __repr__(self) -> str:
        """Name the Secret, and nothing of it."""
        return f"KeyMaterial({self.from_!r})"


def material(keys: Keys) -> KeyMaterial:
    """Write keys as a worker reads them."""
    how = keys.how
    return KeyMaterial(keys.origin, dict(keys.files), how.strict, how.disabled_by, how.remedy)


class RenderRequest(msgspec.Struct, frozen=True):
    """Asks for one recipe to be rendered from the folder `root`; `roots` are further folders by name."""

    id: int
    root: str
    roots: dict[str, str]
    recipe: Recipe
    capabilities: Capabilities
    keys: KeyMaterial | None = None


class SubstituteRequest(msgspec.Struct, frozen=True, tag_field="kind", tag="substitute"):
    """Asks for variables to be put into objects, and for labels and annotations to be set on them afterwards."""

    id: int
    objects: tuple[RenderedObject, ...]
    substitute: bool
    variables: dict[str, str]
    unusable: dict[str, str]
    refused: str
    disabled_by: str
    labels: dict[str, str]
    annotations: dict[str, str]


class EvaluateRequest(msgspec.Struct, frozen=True):
    """Asks for the value of a CEL expression.

    With `declared` names (each an object) the expression is checked beforehand and must give true or false.
    """

    id: int
    expression: str
    declared: tuple[str, ...]
    variables: Mapping[str, object]
    check_only: bool
    deadline_ms: int


class NotificationRequest(msgspec.Struct, frozen=True, tag_field="kind", tag="notifications"):
    """Asks for the conditions of an object's notifications, or for the templates that these need, all at once."""

    id: int
    variables: Mapping[str, object]
    commits: dict[str, KnownCommit]
    details: dict[str, Any] | None
    conditions: tuple[Condition, ...]
    templates: tuple[MessageTemplate, ...]
    deadline_ms: int


class NotificationAnswer(msgspec.Struct, frozen=True):
    """The answers, in the order of what was asked. It stands in `Answer.value`."""

    conditions: tuple[Holds, ...] = ()
    templates: tuple[Rendered, ...] = ()


class Answer(msgspec.Struct, frozen=True):
    """What a worker says to any request. The objects stay as they came, for whoever keeps them to decode them."""

    id: int = 0
    recipe: str = ""
    objects: msgspec.Raw = msgspec.Raw(b"[]")
    input_paths: dict[str, InputPaths] = {}
    warnings: tuple[RenderWarning, ...] = ()
    uncacheable: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    value: msgspec.Raw = msgspec.Raw(b"null")
    problem: RenderProblem | None = None
