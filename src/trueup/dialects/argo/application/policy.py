"""From `spec.syncPolicy` to what the engine may do by itself, with each of Argo CD's sync options."""

from __future__ import annotations

from trueup.core.model.unit import Retry, SyncPolicy
from trueup.dialects.argo.application.types import RetryPolicy, Spec
from trueup.dialects.times import LEAST_PAUSE, seconds

_ALWAYS_SO = frozenset({"serversideapply", "applyoutofsynconly", "skipdryrunonmissingresource"})
"""Options that ask for what is done anyway, or that change only how it is done."""

_NO_EFFECT = {
    "clientsideapplymigration": "fields applied on the client's side are always taken over",
    "respectignoredifferences": "ignoreDifferences is not read yet",
}
_PROPAGATION = {"foreground": "Foreground", "background": "Background", "orphan": "Orphan"}
AUTOMATED_TRIES = 5
"""How often upstream retries an automated sync that sets no `retry`."""


class SyncOptions:
    """The sync options of an Application, by name; what is unknown or has no effect becomes a warning."""

    def __init__(self, options: tuple[str, ...], warnings: list[str]) -> None:
        """Read the options."""
        self.create_namespace = False
        self.prune: str | None = None
        self.delete: str | None = None
        self.propagation = "Foreground"
        self.prune_last = self.fail_on_shared = self.replace = False
        self.validate = True
        for text in options:
            self._take(text, warnings)

    def _take(self, text: str, warnings: list[str]) -> None:
        name, _, value = (part.strip().lower() for part in text.partition("="))
        where = f"spec.syncPolicy.syncOptions: {text!r}"
        if name == "createnamespace":
            self.create_namespace = value == "true"
        elif name == "prunelast":
            self.prune_last = value == "true"
        elif name == "failonsharedresource":
            self.fail_on_shared = value == "true"
        elif name == "replace":
            self.replace = value == "true"
        elif name == "validate":
            self.validate = value != "false"
        elif name == "prune":
            self.prune = value
            if value == "confirm":
                warnings.append(f"{where} cannot be asked for a whole Application yet: nothing is pruned")
        elif name == "delete":
            self.delete = value
            if value == "confirm":
                warnings.append(f"{where} cannot be confirmed yet: objects stay when the Application is deleted")
        elif name == "prunepropagationpolicy" and value in _PROPAGATION:
            self.propagation = _PROPAGATION[value]
        elif name in _NO_EFFECT:
            warnings.append(f"{where} has no effect: {_NO_EFFECT[name]}")
        elif name not in _ALWAYS_SO:
            warnings.append(f"{where} is unknown and has no effect")


def retry_of(policy: RetryPolicy | None, default: int, problems: list[str], where: str) -> Retry:
    """Read how often, and how soon, a failed sync is tried again; `default` is the limit where none is set."""
    if policy is None:
        return Retry(limit=default)
    backoff = policy.backoff
    base, cap, factor = 5.0, 180.0, 2.0
    if backoff is not None:
        base = _pause(backoff.duration, base, problems, f"{where}.backoff.duration")
        cap = _pause(backoff.max_duration, cap, problems, f"{where}.backoff.maxDuration")
        if backoff.factor is not None:
            factor = float(max(1, min(backoff.factor, 100)))
    limit = default if policy.limit is None else policy.limit
    return Retry(limit=limit, base=base, factor=factor, cap=cap)


def _pause(text: str, default: float, problems: list[str], where: str) -> float:
    if not text:
        return default
    value = seconds(text, bare=True)
    if value is None:
        problems.append(f"{where}: {text!r} is no duration; write for example 5s or 3m")
        return default
    return max(value, LEAST_PAUSE)


def policy_of(
    spec: Spec, sync_options: SyncOptions, propagation: str, problems: list[str], warnings: list[str]
) -> SyncPolicy:
    """Give the policy; `propagation` is that of the removal of the Application itself where it is being deleted."""
    sync = spec.sync_policy
    given = sync.automated if sync else None
    automated = given is not None and given.enabled is not False
    heal = automated and given is not None and given.self_heal
    if spec.ignore_differences:
        text = "spec.ignoreDifferences is not read yet"
        if heal:
            heal = False
            text += ": drift is not healed, so that nobody is worked against"
        warnings.append(text)
    if sync and sync.retry and sync.retry.refresh:
        warnings.append("spec.syncPolicy.retry.refresh has no effect: a new revision always takes the place of a retry")
    prune = automated and given is not None and given.prune
    return SyncPolicy(
        automated=automated,
        heal=heal,
        prune=prune and sync_options.prune not in ("false", "confirm"),
        allow_empty=given is not None and given.allow_empty,
        replace=sync_options.replace,
        prune_last=sync_options.prune_last,
        fail_on_shared=sync_options.fail_on_shared,
        validate=sync_options.validate,
        propagation=propagation or sync_options.propagation,
        retry=retry_of(sync.retry if sync else None, AUTOMATED_TRIES, problems, "spec.syncPolicy.retry"),
    )
