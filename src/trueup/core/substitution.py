"""Variables that are put into what was rendered: where their values come from, and what must not be told of them.

The values that a unit refers to are read by whoever renders it; a worker puts them in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import msgspec

from trueup.core.model.recipe import RenderError, RenderResult
from trueup.core.model.unit import Substitution, Unit, ValueRef
from trueup.core.ports.rendering import Renderer
from trueup.core.ports.storage import Values
from trueup.core.redaction import redact

UNSET = "variable"
"""The code of the problem that a variable has no value."""

FAILED = "substitution"
"""The code of every other problem with variables."""

_NAME = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")


class Variables(msgspec.Struct, frozen=True):
    """Values by name.

    `unusable` says of names why their values cannot be put into a text, `refused` what is wrong with the variables
    altogether. `secrets` are the values that come from Secrets, the longest first.
    """

    values: dict[str, str] = {}
    unusable: dict[str, str] = {}
    refused: str = ""
    secrets: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Name the variables, and none of their values."""
        return f"Variables({', '.join(sorted(self.values))})"


def variables_of(substitution: Substitution, given: Iterable[tuple[ValueRef, Mapping[str, bytes] | None]]) -> Variables:
    """Put the values together: later objects win over earlier ones, and what the unit itself says over all.

    Line breaks are taken out of values, as upstream does. `given` has `None` for an object that is not there.
    """
    values: dict[str, str] = {}
    unusable: dict[str, str] = {}
    secrets: set[str] = set()
    refused = ""
    for ref, data in given:
        for name, value in sorted((data or {}).items()):
            try:
                text = value.decode().replace("\n", "")
            except UnicodeDecodeError:
                values.pop(name, None)
                unusable[name] = f"its value in {ref.ref} is no text"
                continue
            refused = refused or _refused(name, f"the key {name!r} of {ref.ref}")
            values[name] = text
            unusable.pop(name, None)
            if ref.kind == "Secret":
                secrets |= {text, *value.decode().splitlines()} - {""}
    for name, text in substitution.inline.items():
        refused = refused or _refused(name, f"{name!r}")
        values[name] = text.replace("\n", "")
        unusable.pop(name, None)
    return Variables(values, unusable, refused, tuple(sorted(secrets, key=len, reverse=True)))


def _refused(name: str, words: str) -> str:
    if _NAME.fullmatch(name):
        return ""
    return (
        f"{words} cannot name a variable: a name consists of letters, digits and underscores, and begins with no "
        "digit; rename it, or keep it in another object"
    )


async def substituted(unit: Unit, result: RenderResult, values: Values, renderer: Renderer) -> RenderResult:
    """Put a unit's variables into what was rendered.

    Raises `RenderError`, which tells no value of a Secret, and `Unreachable`.
    """
    substitution = unit.substitution
    if substitution is None:
        return result
    read = [(ref, await values.read(ref.kind, ref.namespace, ref.name)) for ref in substitution.sources]
    variables = variables_of(substitution, read)
    try:
        changed = await renderer.substitute(result, substitution, variables, unit=str(unit.ref), tenant=unit.tenant)
    except RenderError as error:
        words = redact(error.problem.message, (*result.secrets, *variables.secrets))
        if error.problem.code == UNSET and unit.remedies.variable:
            words = f"{words}; {unit.remedies.variable}"
        raise RenderError(msgspec.structs.replace(error.problem, message=words)) from None
    secrets = sorted({*result.secrets, *variables.secrets}, key=len, reverse=True)
    return msgspec.structs.replace(changed, secrets=tuple(secrets))
