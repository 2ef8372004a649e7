"""What a delivered object asks for in Argo CD's annotations: waves, hooks, options of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from trueup.core.model.dialect import annotations_of
from trueup.core.model.objects import DEFAULT_OPTIONS, ApplyMode, Body, ObjectOptions, Phase, PruneMode

PREFIX = "argocd.argoproj.io/"
WAVE = PREFIX + "sync-wave"
HOOK = PREFIX + "hook"
SYNC_OPTIONS = PREFIX + "sync-options"
COMPARE_OPTIONS = PREFIX + "compare-options"
IGNORE_HEALTH = PREFIX + "ignore-healthcheck"
HELM_HOOK = "helm.sh/hook"
HELM_POLICY = "helm.sh/resource-policy"
HELM_WEIGHT = "helm.sh/hook-weight"

_READ = frozenset({WAVE, HOOK, SYNC_OPTIONS, COMPARE_OPTIONS, IGNORE_HEALTH, HELM_HOOK, HELM_POLICY})
_HELM_PHASES = {
    "pre-install": Phase.PRE_SYNC,
    "pre-upgrade": Phase.PRE_SYNC,
    "post-install": Phase.POST_SYNC,
    "post-upgrade": Phase.POST_SYNC,
    "pre-delete": Phase.PRE_DELETE,
    "post-delete": Phase.POST_DELETE,
}


def words(text: str) -> tuple[str, ...]:
    """Split a list with commas, as annotations and options have it."""
    return tuple(word for word in (part.strip() for part in text.split(",")) if word)


def option(options: Iterable[str], name: str) -> str | None:
    """Give the value of an option `name=value`, lower case; of several, the last."""
    value = None
    for item in options:
        key, sign, text = item.partition("=")
        if sign and key.strip().lower() == name.lower():
            value = text.strip().lower()
    return value


def wave_of(annotations: Mapping[str, str]) -> int:
    """Read an object's wave; what is no number is wave 0, as upstream has it."""
    text = annotations.get(WAVE)
    if text is None:
        text = annotations.get(HELM_WEIGHT, "0") if HELM_HOOK in annotations else "0"
    try:
        return int(text) if len(text) < 12 else 0
    except ValueError:
        return 0


def prune_of(annotations: Mapping[str, str]) -> PruneMode:
    """Read whether an object may be removed when Git no longer has it."""
    return _removal(annotations, "Prune")


def delete_of(annotations: Mapping[str, str]) -> PruneMode:
    """Read whether an object may be removed when its Application is deleted."""
    return _removal(annotations, "Delete")


def _removal(annotations: Mapping[str, str], name: str) -> PruneMode:
    """Read one of the options about removal. Helm's `keep` forbids both, as in upstream."""
    if annotations.get(HELM_POLICY) == "keep":
        return PruneMode.FORBID
    wish = option(words(annotations.get(SYNC_OPTIONS, "")), name)
    if wish == "false":
        return PruneMode.FORBID
    return PruneMode.CONFIRM if wish == "confirm" else PruneMode.ALLOW


def options_of(body: Body) -> ObjectOptions:
    """Read all of an object's wishes."""
    annotations = annotations_of(body)
    if not annotations or _READ.isdisjoint(annotations):
        return DEFAULT_OPTIONS
    own = words(annotations.get(SYNC_OPTIONS, ""))
    hooks = words(annotations.get(HOOK, ""))
    phase, hook, apply = Phase.SYNC, False, ApplyMode.OVERRIDE
    if "Skip" in hooks:
        apply = ApplyMode.IGNORE
    elif hooks:
        phase, hook = next((Phase(name) for name in hooks if name in set(Phase)), Phase.SYNC), True
    elif HELM_HOOK in annotations and "crd-install" not in (events := words(annotations[HELM_HOOK])):
        phase, hook = next((_HELM_PHASES[name] for name in events if name in _HELM_PHASES), Phase.SYNC), True
    if apply is ApplyMode.OVERRIDE and option(own, "Replace") == "true":
        apply = ApplyMode.REPLACE
    return ObjectOptions(
        wave=wave_of(annotations),
        phase=phase,
        hook=hook,
        apply=apply,
        prune=prune_of(annotations),
        force=option(own, "Force") == "true",
        validate=option(own, "Validate") != "false",
        skip_dry_run_on_missing_kind=option(own, "SkipDryRunOnMissingResource") == "true",
        ignore_health=annotations.get(IGNORE_HEALTH) == "true",
        ignore_extraneous="IgnoreExtraneous" in words(annotations.get(COMPARE_OPTIONS, "")),
    )
