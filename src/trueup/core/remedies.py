"""What helps against what an API server or a repository refuses: the words that follow the cause, for every channel.

They are put to an error where it is raised, with the words that the unit's dialect has, so that status, events, log,
history and `trueup why` say the same. Pure. No value of an object stands in them: only names of fields and objects.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from trueup.core.model.artifact import Fault, SourceError
from trueup.core.model.objects import ObjectRef
from trueup.core.model.unit import SourceDeclaration, Unit

_Rule = Callable[[re.Match[str], ObjectRef, Unit], str]

_TYPED_PATCH = re.compile(r"failed to create typed patch object \([^)]*\): \.?")
_UNSTRUCTURED = re.compile(r"&value\.valueUnstructured\{[^}]*\}")


def advised(message: str, ref: ObjectRef, unit: Unit) -> str:
    """Give what an API server said of an object in a unit, shorter where it is long-winded, and what helps."""
    said = _UNSTRUCTURED.sub("something else", _TYPED_PATCH.sub("", message))
    for pattern, rule in _RULES:
        if (found := pattern.search(said)) and (remedy := rule(found, ref, unit)):
            return f"{said}; {remedy}" if remedy not in said else said
    return said


def source_error(error: SourceError, declaration: SourceDeclaration, secret: str, asked: bool) -> SourceError:
    """Give an error of a source with which Secret was used, or how one is given where that may be what is missing.

    `asked`: the remote was asked, so that it has refused what there is.
    """
    if not asked or error.fault not in (Fault.CREDENTIALS, Fault.NOT_FOUND):
        return error
    if secret:
        known = f"the credentials are those of Secret {secret}"
    elif declaration.access:
        known = f"none are given: {declaration.access}"
    else:
        return error
    return SourceError(error.fault, f"{error}; {known}")


def _namespace(found: re.Match[str], ref: ObjectRef, unit: Unit) -> str:
    name = found[1]
    ways = [f"create the namespace {name}", "deliver its Namespace in the same unit"]
    if unit.remedies.namespace and name == unit.target.namespace:
        ways[1] = unit.remedies.namespace
    return " or ".join(ways)


def _kind(found: re.Match[str], ref: ObjectRef, unit: Unit) -> str:
    return "install it" + (f", or {unit.remedies.order}" if unit.remedies.order else "")


def _immutable(found: re.Match[str], ref: ObjectRef, unit: Unit) -> str:
    again = "to have the object deleted and made again, "
    return again + (unit.remedies.recreate or "delete it by hand")


def _unknown_field(found: re.Match[str], ref: ObjectRef, unit: Unit) -> str:
    if found[1] == "sops":
        return "it is encrypted by SOPS: " + (
            unit.remedies.keys or "name the Secret whose keys decrypt it in the unit's own object"
        )
    return f"{ref.kind} has no such field there: check the spelling and the indentation of {found[1]}"


def _type(found: re.Match[str], ref: ObjectRef, unit: Unit) -> str:
    wanted = found[1]
    if wanted == "string":
        return "write the value in quotes, as a text"
    if wanted.startswith("numeric"):
        return "write a number, without quotes"
    if wanted == "boolean":
        return "write true or false, without quotes"
    if wanted == "list":
        return "write a list there, each item after a dash"
    return "write fields (name: value) there, one step further in" if wanted == "map" else ""


def _account(found: re.Match[str], ref: ObjectRef, unit: Unit) -> str:
    account, verb, resource = found[1], found[2], found[3]
    scope = "ClusterRole and ClusterRoleBinding" if not ref.namespace else f"Role and RoleBinding in {ref.namespace}"
    return f"grant {verb} on {resource} to the service account {account.replace(':', '/')} by a {scope}"


def _quota(found: re.Match[str], ref: ObjectRef, unit: Unit) -> str:
    return f"raise the ResourceQuota {found[1]} in {ref.namespace}, or free what it counts; it is tried again by itself"


def _say(words: str) -> _Rule:
    return lambda found, ref, unit: words


_RULES: tuple[tuple[re.Pattern[str], _Rule], ...] = (
    (re.compile(r'namespaces "([^"]+)" not found'), _namespace),
    (re.compile(r"is its CustomResourceDefinition applied\?"), _kind),
    (
        re.compile(
            r"is immutable|may not change once set|may not be changed|cannot be changed|can not be updated"
            r"|updates to statefulset spec for fields other than",
        ),
        _immutable,
    ),
    (re.compile(r"([^\s,;]+): field not declared in schema"), _unknown_field),
    (re.compile(r"expected (\w+(?: \([^)]*\))?), got"), _type),
    (
        re.compile(r"quantities must match the regular expression"),
        _say(
            "write quantities such as 500m or 2 of CPU and 64Mi or 1Gi of memory: check resources, and sizes of volumes"
        ),
    ),
    (
        re.compile(r"`selector` does not match template `labels`"),
        _say("give spec.selector.matchLabels and spec.template.metadata.labels the same labels"),
    ),
    (
        re.compile(r"must be less than or equal to (\w+) limit"),
        lambda found, ref, unit: f"raise the limit of {found[1]}, or lower its request",
    ),
    (re.compile(r"exceeded quota: ([^\s,]+)"), _quota),
    (
        re.compile(r'User "system:serviceaccount:([^"]+)" cannot (\w+) resource "([^"]+)"'),
        _account,
    ),
    (re.compile(r"(\S+): Required value"), lambda found, ref, unit: f"add the field {found[1].lstrip('[')}"),
)
