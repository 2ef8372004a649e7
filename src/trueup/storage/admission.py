"""Who asked for something is proven by the API server: a policy refuses requests in another person's name.

A request names who makes it in the annotation `trueup.dev/requested-by`, as `TOKEN USER`. The policy admits there only
the user that the API server itself knows the writer by. Without it, a name is what somebody has written.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import structlog

from trueup.core.initiator import REQUESTED_BY
from trueup.core.model.objects import Body
from trueup.core.rollback.pinning import REQUEST
from trueup.kube.client import KubeClient
from trueup.kube.crd import ensure_object
from trueup.kube.errors import KubeError
from trueup.kube.resource import Resource

log = structlog.get_logger(__name__)

NAME = "trueup-requests"
GROUP = "admissionregistration.k8s.io"
POLICIES = Resource(GROUP, "v1", "validatingadmissionpolicies", "ValidatingAdmissionPolicy", False)
BINDINGS = Resource(GROUP, "v1", "validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding", False)


class Asking(msgspec.Struct, frozen=True):
    """A kind on which requests are written, by group and plural.

    `tokens` are the annotations that hold a token, `field` is the top-level field that is a request itself.
    """

    group: str
    plural: str
    tokens: tuple[str, ...] = ()
    field: str = ""


async def ensure_policy(client: KubeClient, kinds: Sequence[Asking], *, install: bool) -> bool:
    """Install the policy where that is wanted, and say whether names in requests are proven."""
    objects = ((POLICIES, policy(kinds)), (BINDINGS, binding()))
    try:
        if install:
            for resource, body in objects:
                await ensure_object(client, resource, body)
            return True
        return all([await client.find(resource, NAME) is not None for resource, _ in objects])
    except KubeError as error:
        log.warning("names in requests are not proven", policy=NAME, error=str(error))
        return False


def policy(kinds: Sequence[Asking]) -> Body:
    """Give the policy: a name may stay as it was, for the same request, or be the writer's own."""

    def annotation(of: str, key: str) -> str:
        return f"'{key}' in variables.{of} ? variables.{of}['{key}'] : ''"

    variables = {
        "after": "has(object.metadata.annotations) ? object.metadata.annotations : {}",
        "before": "oldObject != null && has(oldObject.metadata.annotations) ? oldObject.metadata.annotations : {}",
        "by": annotation("after", REQUESTED_BY),
        "was": annotation("before", REQUESTED_BY),
        "asks": annotation("after", REQUEST),
        "asked": annotation("before", REQUEST),
    }
    same = "variables.by == variables.was && variables.asks == variables.asked"
    for number, key in enumerate(sorted({key for kind in kinds for key in kind.tokens})):
        # A name of before must not be that of a request of now, whose token is the same again.
        variables |= {f"at{number}": annotation("after", key), f"was{number}": annotation("before", key)}
        moved = f"variables.at{number} != variables.was{number}"
        same += f" && !({moved} && variables.by.startsWith(variables.at{number} + ' '))"
    for number, field in enumerate(sorted({kind.field for kind in kinds if kind.field})):
        # Neither must it be that of a request in a field, which is another than before.
        here, there = f"has(object.{field})", f"oldObject != null && has(oldObject.{field})"
        named = f"has(i.name) && i.name == '{REQUESTED_BY}' && has(i.value)"
        variables |= {
            f"new{number}": f"{here} && !({there} && object.{field} == oldObject.{field})",
            f"in{number}": f"{here} && has(object.{field}.info) ? object.{field}.info.filter(i, {named}) : []",
        }
        same += (
            f" && !(variables.new{number} && variables.in{number}.exists(i, variables.by.startsWith(i.value + ' ')))"
        )
    own = "variables.by == variables.by.split(' ')[0] + ' ' + request.userInfo.username"
    rules = [
        {
            "apiGroups": [kind.group],
            "apiVersions": ["*"],
            "operations": ["CREATE", "UPDATE"],
            "resources": [kind.plural],
        }
        for kind in kinds
    ]
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": POLICIES.kind,
        "metadata": {"name": NAME},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": rules},
            "variables": [{"name": name, "expression": text} for name, text in variables.items()],
            "validations": [
                {
                    "expression": f"variables.by == '' || {own} || ({same})",
                    "message": f"{REQUESTED_BY} must name who makes the request: yourself, as the API server knows you",
                }
            ],
        },
    }


def binding() -> Body:
    """Give the policy's binding."""
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": BINDINGS.kind,
        "metadata": {"name": NAME},
        "spec": {"policyName": NAME, "validationActions": ["Deny"]},
    }
