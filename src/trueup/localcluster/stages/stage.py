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
    delay_ms: int | None = None,
    due: str | None = None,
) -> Json:
    """Return a stage: objects of `kind` (in the API version `group`) for which the jq expression `when` is true.

    The steps follow after `delay_ms` milliseconds, or at the time that the jq expression `due` gives (RFC 3339),
    which unlike a delay does not begin anew when the object changes meanwhile.
    """
    spec: Json = {
        "resourceRef": {"apiGroup": group, "kind": kind},
        "selector": {"matchExpressions": [{"jq": {"key": when, "operator": "In", "values": ["true"]}}]},
        "steps": steps,
    }
    if delay_ms is not None:
        spec["delay"] = {"durationMilliseconds": delay_ms}
    if due is not None:
        spec["delay"] = {"durationFrom": {"jq": {"expression": due}}}
    return {"apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": "Stage", "metadata": {"name": name}, "spec": spec}


def status(template: str) -> Json:
    """Return the step that merges what `template` gives into the object's status."""
    return {"patch": {"root": "status", "subresource": "status", "template": template}}


def event(type_: str, reason: str, message: str) -> Json:
    """Return the step that records an Event about the object (`type_` is Normal or Warning)."""
    return {"event": {"type": type_, "reason": reason, "message": message}}
