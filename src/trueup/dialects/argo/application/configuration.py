"""Argo CD's `argocd-cm`: which of its keys would change what is done, and are not read."""

from __future__ import annotations

from collections.abc import Mapping

NAME = "argocd-cm"
KEYS_TOLD = 10

_UNREAD = (
    "application.instanceLabelKey",
    "application.resourceTrackingMethod",
    "application.sync.impersonation.enabled",
    "commit.author",
    "configManagementPlugins",
    "globalProjects",
    "helm.valuesFileSchemes",
    "installationID",
    "kustomize.buildOptions",
    "kustomize.path.",
    "kustomize.version.",
    "resource.compareoptions",
    "resource.customizations",
    "resource.exclusions",
    "resource.inclusions",
    "resource.respectRBAC",
    "sourceHydrator.enabled",
    "timeout.reconciliation",
)
"""Keys, and beginnings of keys, that upstream heeds and Trueup does not read yet."""

_MEANS_NOTHING = {"application.resourceTrackingMethod": ("annotation",), "resource.respectRBAC": ("", "false")}
"""Values that ask for what is done anyway."""


def unread_keys(configuration: Mapping[str, str]) -> tuple[str, ...]:
    """Give the keys that are set, would change something, and are not read."""
    return tuple(
        key
        for key, value in sorted(configuration.items())
        if key.startswith(_UNREAD) and value.strip() and value.strip() not in _MEANS_NOTHING.get(key, ())
    )


def unread_warning(configuration: Mapping[str, str]) -> tuple[str, ...]:
    """Say in one sentence which keys have no effect; nothing where all is read."""
    keys = unread_keys(configuration)
    if not keys:
        return ()
    more = f" and {len(keys) - KEYS_TOLD} more" if len(keys) > KEYS_TOLD else ""
    return (f"{NAME}: {', '.join(keys[:KEYS_TOLD])}{more}: not read yet, and without effect",)
