"""The form of one stage."""

from typing import Any

Json = dict[str, Any]


def stage(
    name: str,
    kind: str,
    when: str,
    steps: list[Json],
    *,
    group: str = "v1",
    delay: Json | None = None,
) -> Json:
    """Return a stage: objects of `kind` (in the API version `group`) for which the jq expression `when` is true.

    The steps follow after a `delay`, which `after` or `at` gives.
    """
    spec: Json = {
        "resourceRef": {"apiGroup": group, "kind": kind},
        "selector": {"matchExpressions": [{"jq": {"key": when, "operator": "In", "values": ["true"]}}]},
        "steps": steps,
    }
    if delay is not None:
        spec["delay"] = delay
    return {"apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": "Stage", "metadata": {"name": name}, "spec": spec}


def after(milliseconds: int) -> Json:
    """Return the delay of so many milliseconds since the object last changed."""
    return {"durationMilliseconds": milliseconds}


def at(when: str) -> Json:
    """Return the delay until the time that a jq expression gives (RFC 3339), whatever changes meanwhile."""
    return {"durationFrom": {"jq": {"expression": when}}}


def status(template: str) -> Json:
    """Return the step that merges what `template` gives into the object's status."""
    return {"patch": {"root": "status", "subresource": "status", "template": template}}


def event(type_: str, reason: str, message: str) -> Json:
    """Return the step that records an Event about the object (`type_` is Normal or Warning)."""
    return {"event": {"type": type_, "reason": reason, "message": message}}
