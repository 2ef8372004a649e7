"""Who asked for something is proven by the API server: a policy refuses requests in another person's name.

A request names who makes it in the annotation `trueup.dev/requested-by`, as `TOKEN USER`. The policy admits there only
the user that the API server itself knows the writer by. Without it, a name is what somebody has written.
"""

from __future__ import annotations

import structlog

from trueup.core.model.objects import Body
from trueup.core.model.state import STATE_GROUP, STATE_PLURAL
from trueup.kube.client import KubeClient
from trueup.kube.errors import KubeError
from trueup.kube.resource import Resource
from trueup.kube.writes import Write

log = structlog.get_logger(__name__)

NAME = "trueup-requests"
GROUP = "admissionregistration.k8s.io"
MANAGER = "trueup"
POLICIES = Resource(GROUP, "v1", "validatingadmissionpolicies", "ValidatingAdmissionPolicy", False)
BINDINGS = Resource(GROUP, "v1", "validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding", False)

_BY, _ASKS, _AT = "trueup.dev/requested-by", "trueup.dev/request", "reconcile.fluxcd.io/requestedAt"
_UNITS = {
    "kustomize.toolkit.fluxcd.io": ["kustomizations"],
    "source.toolkit.fluxcd.io": ["gitrepositories"],
    "argoproj.io": ["applications"],
    STATE_GROUP: [STATE_PLURAL],
}


async def ensure_policy(client: KubeClient, *, install: bool) -> bool:
    """Install the policy where that is wanted, and say whether names in requests are proven."""
    try:
        if install:
            for resource, body in ((POLICIES, policy()), (BINDINGS, binding())):
                await client.server_side_apply(resource, body, Write(manager=MANAGER))
        found = [await client.find(resource, NAME) for resource in (POLICIES, BINDINGS)]
    except KubeError as error:
        log.warning("names in requests are not proven", policy=NAME, error=str(error))
        return False
    return all(reply is not None for reply in found)


def policy() -> Body:
    """Give the policy: a name may stay as it was, for the same request, or be the writer's own."""

    def annotation(of: str, key: str) -> str:
        return f"'{key}' in variables.{of} ? variables.{of}['{key}'] : ''"

    variables = {
        "after": "has(object.metadata.annotations) ? object.metadata.annotations : {}",
        "before": ("oldObject != null && has(oldObject.metadata.annotations) ? oldObject.metadata.annotations : {}"),
        "by": annotation("after", _BY),
        "was": annotation("before", _BY),
        "asks": annotation("after", _ASKS),
        "asked": annotation("before", _ASKS),
        "at": annotation("after", _AT),
        "wasAt": annotation("before", _AT),
    }
    own = "variables.by == variables.by.split(' ')[0] + ' ' + request.userInfo.username"
    anew = "variables.at != variables.wasAt && variables.by.startsWith(variables.at + ' ')"
    same = f"variables.by == variables.was && variables.asks == variables.asked && !({anew})"
    rules = [
        {"apiGroups": [group], "apiVersions": ["*"], "operations": ["CREATE", "UPDATE"], "resources": resources}
        for group, resources in _UNITS.items()
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
                    "message": f"{_BY} must name who makes the request: the user that you are known by, or nobody",
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
