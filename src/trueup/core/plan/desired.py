"""From what a renderer gave to what a unit wants applied.

Namespaces are filled in, the owner's marks are set, options are read, and what must not be applied as an ordinary
object is set aside with a warning. What cannot stand (an object twice, a namespace that is not there to be used) is a
problem that names object and file.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import msgspec

from trueup.core.model.dialect import labels_of
from trueup.core.model.objects import Body, Desired, ObjectOptions, ObjectRef, digest_of, split_api_version
from trueup.core.model.recipe import Origin, RenderResult
from trueup.core.model.unit import TrackingLabels, Unit

Scope: TypeAlias = Callable[[str, str], bool | None]
"""`(group, kind)` → whether the kind is namespaced; `None` where the cluster does not serve it (yet)."""

OptionsReader: TypeAlias = Callable[[Body], ObjectOptions]


_ONLY_TESTS = frozenset({"test", "test-success", "test-failure"})
"""Helm's tests are run when somebody asks for them, never by a delivery."""


class Diagnostic(msgspec.Struct, frozen=True):
    """Something about one rendered object: a code, words, and the object and place it is about."""

    code: str
    message: str
    ref: ObjectRef | None = None
    origin: Origin | None = None


class Prepared(msgspec.Struct, frozen=True):
    """What a unit wants: objects to apply, `hooks` set aside, and diagnostics.

    `digest` names the objects by content; `images` are those their pods run; `versions`
    what the recommended labels say is deployed, as `name version` and `chart name-version`. `secrets` are values of
    Secrets that were put into objects of any kind, the longest first: they are never told.
    """

    desired: tuple[Desired, ...]
    hooks: tuple[ObjectRef, ...]
    warnings: tuple[Diagnostic, ...]
    problems: tuple[Diagnostic, ...]
    digest: str
    images: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()


def prepare(result: RenderResult, unit: Unit, options_of: OptionsReader, scope: Scope) -> Prepared:
    """Make the desired objects of a render. Raises nothing: what is wrong is in `problems`."""
    found: dict[ObjectRef, Desired] = {}
    hooks: list[ObjectRef] = []
    images: set[str] = set()
    versions: set[str] = set()
    warnings: list[Diagnostic] = [Diagnostic(item.code, item.message, None, item.origin) for item in result.warnings]
    problems: list[Diagnostic] = []
    own_scopes = _scopes_of_definitions(item.body for item in result.objects)
    for item in result.objects:
        body = _cleaned(item.body)
        ref = ObjectRef.of(body)
        options = options_of(body)
        if item.hook is not None and _ONLY_TESTS.issuperset(item.hook.events):
            continue
        if item.hook is not None or options.hook:
            hooks.append(ref)
            continue
        if malformed := _malformed(item.body):
            problems.append(Diagnostic("invalid-metadata", malformed, None, item.origin))
            continue
        namespaced = scope(ref.group, ref.kind)
        if namespaced is None:
            namespaced = own_scopes.get((ref.group, ref.kind))
        body, diagnostic = _placed(body, unit, namespaced)
        ref = ObjectRef.of(body)
        if diagnostic:
            problems.append(Diagnostic("namespace", diagnostic, ref, item.origin))
            continue
        content = digest_of(body)
        desired = Desired.of(_marked(body, ref, unit.marks, unit.target.namespace), options, item.origin, content)
        earlier = found.get(ref)
        if earlier is not None:
            how = "twice the same" if earlier.content == content else "the last is used"
            text = f"{ref} is rendered twice ({_place(earlier.origin)}, {_place(item.origin)}); {how}"
            warnings.append(Diagnostic("duplicate-object", text, ref, item.origin))
        found[ref] = desired
        images |= _images_of(body)
        versions |= _versions_of(body)
    objects = tuple(found.values())
    return Prepared(
        objects,
        tuple(hooks),
        tuple(warnings),
        tuple(problems),
        digest_of([[*item.ref, item.digest] for item in sorted(objects, key=lambda item: item.ref)]),
        tuple(sorted(images)),
        tuple(sorted(versions)),
        result.secrets,
    )


def _images_of(body: Body) -> set[str]:
    """Find the images of a workload's pods: `spec.template.spec`, a CronJob's template, or a Pod's own."""
    spec = body.get("spec")
    for key in ("jobTemplate", "template"):
        while isinstance(spec, dict) and isinstance(spec.get(key), dict):
            spec = spec[key].get("spec")
    if not isinstance(spec, dict):
        return set()
    lists = (spec.get("containers"), spec.get("initContainers"))
    containers = [item for found in lists if isinstance(found, list) for item in found if isinstance(item, dict)]
    return {item["image"] for item in containers if isinstance(item.get("image"), str) and item["image"]}


def _versions_of(body: Body) -> set[str]:
    """Read Kubernetes' recommended labels: the application's version, and the chart that the object came from."""
    labels = labels_of(body)
    found = set()
    if version := labels.get("app.kubernetes.io/version"):
        found.add(f"{labels.get('app.kubernetes.io/name') or body['metadata'].get('name')} {version}")
    if chart := labels.get("helm.sh/chart"):
        found.add(f"chart {chart}")
    return found


def _place(origin: Origin | None) -> str:
    return str(origin) if origin else "a generated object"


def _malformed(body: Body) -> str:
    """Say what of an object's metadata is of the wrong kind; empty where all is well."""
    metadata = body.get("metadata")
    if metadata is None:
        return ""
    if not isinstance(metadata, dict):
        return "metadata must be a mapping"
    name = f"{body.get('kind')}/{metadata.get('name') or metadata.get('generateName')}"
    for key in ("name", "namespace", "generateName"):
        if metadata.get(key) is not None and not isinstance(metadata[key], str):
            return f"metadata.{key} of {name} is {_kind_of(metadata[key])}, and must be a text: put it in quotes"
    if not metadata.get("name"):
        return (
            f"{name} has only a generateName: an object without a name of its own is made anew each time and cannot be "
            "kept in sync; give it a name, or make it a hook"
        )
    for key in ("labels", "annotations"):
        found = metadata.get(key)
        if found is None:
            continue
        if not isinstance(found, dict):
            return f"metadata.{key} of {name} must be a mapping"
        for label, value in found.items():
            if not isinstance(value, str):
                where = f"metadata.{key}.{label} of {name}"
                return f"{where} is {_kind_of(value)}, and must be a text: put it in quotes"
    for key in ("finalizers", "ownerReferences"):
        if metadata.get(key) is not None and not isinstance(metadata[key], list):
            return f"metadata.{key} of {name} must be a list"
    if any(not isinstance(item, str) for item in metadata.get("finalizers") or ()):
        return f"metadata.finalizers of {name} must be a list of texts"
    return ""


def _kind_of(value: object) -> str:
    if value is None:
        return "null"
    kinds = {bool: "a truth value", int: "a number", float: "a number", list: "a list", dict: "a mapping"}
    return kinds.get(type(value), "no text")


def _cleaned(body: Body) -> Body:
    """Drop what only a server writes: a status, a null creation time."""
    given = body.get("metadata")
    metadata = dict(given) if isinstance(given, dict) else {}
    for key in ("creationTimestamp", "managedFields", "resourceVersion", "uid", "generation", "selfLink"):
        metadata.pop(key, None)
    for key in ("labels", "annotations"):
        if metadata.get(key) is None:
            metadata.pop(key, None)
    cleaned = {key: value for key, value in body.items() if key != "status"}
    cleaned["metadata"] = metadata
    return _stored(cleaned)


def _stored(body: Body) -> Body:
    """Write a Secret as it is stored: a `stringData` is never shown again, so that nobody could tell what became of it.

    Its values win over those of `data`, as the API server has it. What is no text is left for the API server to refuse.
    """
    texts, data = body.get("stringData"), body.get("data") or {}
    if ObjectRef.of(body)[:2] != ("", "Secret") or not isinstance(texts, dict) or not isinstance(data, dict):
        return body
    if not all(isinstance(value, str) for value in texts.values()):
        return body
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in texts.items()}
    stored = {key: value for key, value in body.items() if key != "stringData"}
    return {**stored, "data": {**data, **encoded}}


def _placed(body: Body, unit: Unit, namespaced: bool | None) -> tuple[Body, str]:
    """Set the namespace an object goes to, or say why there is none."""
    metadata = body["metadata"]
    current = metadata.get("namespace") or ""
    if namespaced is False:
        if current:
            metadata = {key: value for key, value in metadata.items() if key != "namespace"}
            return {**body, "metadata": metadata}, ""
        return body, ""
    if current or not unit.target.namespace:
        if namespaced and not current:
            text = f"{ObjectRef.of(body)} names no namespace, and neither does its unit"
            return body, f"{text}; {unit.remedies.place}" if unit.remedies.place else text
        return body, ""
    # A kind that is not served yet is taken for a namespaced one; discovery decides again when it is served.
    return {**body, "metadata": {**metadata, "namespace": unit.target.namespace}}, ""


def _marked(body: Body, ref: ObjectRef, marks: TrackingLabels, home: str) -> Body:
    """Set the owner's labels and annotations."""
    if not marks.labels and not marks.annotations:
        return body
    metadata = dict(body["metadata"])
    words = {
        "group": ref.group,
        "kind": ref.kind,
        "namespace": ref.namespace,
        "name": ref.name,
        "home": ref.namespace or home,
    }
    for key, values in (("labels", marks.labels), ("annotations", marks.annotations)):
        if values:
            own = {name: value.format_map(words) for name, value in values.items()}
            metadata[key] = {**(metadata.get(key) or {}), **own}
    return {**body, "metadata": metadata}


def _scopes_of_definitions(bodies: Any) -> Mapping[tuple[str, str], bool]:
    """Read from definitions in the same render whether the kinds they define are namespaced."""
    scopes: dict[tuple[str, str], bool] = {}
    for body in bodies:
        if body.get("kind") != "CustomResourceDefinition":
            continue
        group, _ = split_api_version(str(body.get("apiVersion") or ""))
        spec = body.get("spec")
        if group != "apiextensions.k8s.io" or not isinstance(spec, dict):
            continue
        names = spec.get("names")
        if isinstance(names, dict):
            scopes[(str(spec.get("group")), str(names.get("kind")))] = spec.get("scope") != "Cluster"
    return scopes
