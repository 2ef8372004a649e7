"""Whether the controller's own account may do what it needs: asked once at the start, and said in one line."""

from __future__ import annotations

import asyncio

import structlog

from trueup.dialects import dialects
from trueup.kube.client import KubeClient
from trueup.kube.errors import KubeError
from trueup.kube.resource import Resource

REVIEW = Resource("authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", False)
HINT = "bind its account to cluster-admin, or to a ClusterRole of your own with these: see docs/rights.md"

log = structlog.get_logger(__name__)


def needed(namespace: str) -> list[tuple[str, str, str, str]]:
    """Give what a controller needs whatever it delivers: verb, group, resource and namespace (empty: everywhere)."""
    found = [
        *((verb, "coordination.k8s.io", "leases", namespace) for verb in ("get", "create", "update")),
        *((verb, "trueup.dev", "unitstates", "") for verb in ("list", "watch", "create", "update", "patch")),
        *((verb, "apiextensions.k8s.io", "customresourcedefinitions", "") for verb in ("list", "watch")),
        *((verb, "", "secrets", "") for verb in ("get", "list", "watch")),
        ("create", "", "events", ""),
    ]
    for kind in (kind for dialect in dialects() for kind in dialect.kinds):
        found += [(verb, kind.group, kind.plural, "") for verb in ("list", "watch", "patch")]
    return found


async def tell_missing_rights(client: KubeClient, namespace: str) -> None:
    """Log in one line what the account may not do of what it needs; nothing where it may do all, or cannot ask."""
    rights = needed(namespace)
    allowed = await asyncio.gather(*(_allowed(client, *right) for right in rights))
    lacking: dict[str, list[str]] = {}
    for (verb, group, resource, where), may in zip(rights, allowed, strict=True):
        if not may:
            name = f"{resource}.{group}" if group else resource
            lacking.setdefault(f"{name} in {where}" if where else name, []).append(verb)
    if lacking:
        lacks = "; ".join(f"{', '.join(verbs)} on {name}" for name, verbs in lacking.items())
        log.error("rights are missing: what needs them is not done", lacks=lacks, hint=HINT)


async def _allowed(client: KubeClient, verb: str, group: str, resource: str, namespace: str) -> bool:
    attributes = {"verb": verb, "group": group, "resource": resource, "namespace": namespace}
    body = {"apiVersion": REVIEW.api_version, "kind": REVIEW.kind, "spec": {"resourceAttributes": attributes}}
    try:
        reply = await client.create(REVIEW, body)
    except KubeError:
        return True
    return (reply.body.get("status") or {}).get("allowed") is True
