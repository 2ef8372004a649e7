"""`Provider` and `Alert` as users write them, and what they mean: channels, and who is told of what through them."""

from __future__ import annotations

from typing import Annotated

from trueup.core.model.objects import Body, ObjectRef
from trueup.core.model.reports import StatusWrite
from trueup.core.model.unit import ValueRef
from trueup.core.notification.alerting import Alert, Channel, Selector, pattern_problem
from trueup.core.notification.notification import Severity
from trueup.dialects.decode import REQUIRED, Text, mapping_of, metadata_of, read
from trueup.dialects.flux.kustomization.types import LocalRef, Part
from trueup.dialects.sync_options import UNKNOWN
from trueup.dialects.times import seconds

GROUP = "notification.toolkit.fluxcd.io"
PROVIDER, ALERT = "Provider", "Alert"
STATUS_MANAGER = "gotk-notification-controller"
VERSIONS = ("v1beta3", "v1beta2", "v1beta1")
DEFAULT_TIMEOUT = 15.0

TYPES = frozenset(
    {
        *(
            "slack",
            "discord",
            "msteams",
            "rocket",
            "googlechat",
            "webex",
            "telegram",
            "lark",
            "matrix",
            "zulip",
            "zoom",
        ),
        *("generic", "generic-hmac", "alertmanager", "grafana", "opsgenie", "pagerduty", "sentry", "datadog", "otel"),
        *("github", "gitlab", "gitea", "bitbucketserver", "bitbucket", "azuredevops", "githubdispatch"),
        *("githubpullrequestcomment", "gitlabmergerequestcomment", "giteapullrequestcomment"),
        *("googlepubsub", "azureeventhub", "nats", "incident.io"),
    }
)
"""Types of Providers that upstream knows."""


class ProviderSpec(Part, frozen=True):
    """What a Provider asks for."""

    type: Text = ""
    address: str = ""
    cert_secret_ref: LocalRef | None = None
    channel: str = ""
    commit_status_expr: str = ""
    interval: str = ""
    proxy: str = ""
    proxy_secret_ref: LocalRef | None = None
    secret_ref: LocalRef | None = None
    service_account_name: str = ""
    suspend: bool = False
    timeout: str = ""
    username: str = ""


class EventSource(Part, frozen=True):
    """Which objects an Alert is about."""

    kind: Text = ""
    name: Text = ""
    namespace: str = ""
    match_labels: dict[str, str] = {}
    api_version: str = ""


class AlertSpec(Part, frozen=True):
    """What an Alert asks for."""

    provider_ref: Annotated[LocalRef, REQUIRED] = LocalRef()
    event_sources: Annotated[tuple[EventSource, ...], REQUIRED] = ()
    event_metadata: dict[str, str] = {}
    event_severity: str = "info"
    exclusion_list: tuple[str, ...] = ()
    inclusion_list: tuple[str, ...] = ()
    summary: str = ""
    suspend: bool = False


def translate_provider(body: Body, supported: frozenset[str]) -> Channel:
    """Read a Provider; `supported` are the types of service that there are."""
    found = read(body.get("spec"), ProviderSpec)
    spec, problems = found.value, list(found.problems)
    ref = ObjectRef.of(body)
    if spec.type and spec.type not in supported:
        problems.append(f"spec.type: providers of type {spec.type!r} are not supported; nothing is sent through it")
    if spec.service_account_name:
        problems.append("spec.serviceAccountName: workload identity is not supported; put a token into a Secret")
    warnings = [UNKNOWN.format(path) for path in found.unknown]
    if spec.commit_status_expr:
        warnings.append("spec.commitStatusExpr is not evaluated: a status is named kind/namespace/name")
    timeout = seconds(spec.timeout) if spec.timeout else DEFAULT_TIMEOUT
    if timeout is None:
        problems.append(f"spec.timeout: {spec.timeout!r} is no duration; write for example 20s")
    return Channel(
        ref=ref,
        service=spec.type,
        address=spec.address,
        recipient=spec.channel,
        sender=spec.username,
        secret=_secret(ref, spec.secret_ref),
        certificates=_secret(ref, spec.cert_secret_ref),
        proxy_secret=_secret(ref, spec.proxy_secret_ref),
        proxy=spec.proxy,
        timeout=timeout or DEFAULT_TIMEOUT,
        suspended=spec.suspend,
        problems=tuple(problems),
        warnings=tuple(warnings),
    )


def translate_alert(body: Body, *, cross_namespace: bool = True) -> Alert:
    """Read an Alert."""
    found = read(body.get("spec"), AlertSpec)
    spec, problems = found.value, list(found.problems)
    ref = ObjectRef.of(body)
    selectors = []
    for number, source in enumerate(spec.event_sources):
        namespace = source.namespace or ref.namespace
        if namespace != ref.namespace and not cross_namespace:
            problems.append(f"spec.eventSources[{number}]: other namespaces may not be referred to here")
            continue
        selectors.append(Selector(source.kind, source.name, namespace, tuple(sorted(source.match_labels.items()))))
    include, exclude = (
        _patterns(listed, field, problems)
        for listed, field in ((spec.inclusion_list, "inclusionList"), (spec.exclusion_list, "exclusionList"))
    )
    facts = dict(spec.event_metadata)
    if spec.summary:
        facts.setdefault("summary", spec.summary)
    try:
        severity = Severity(spec.event_severity or "info")
    except ValueError:
        severity = Severity.INFO
        problems.append(f"spec.eventSeverity: {spec.event_severity!r} is neither info nor error; info is used")
    return Alert(
        ref=ref,
        channel=ObjectRef(GROUP, PROVIDER, ref.namespace, spec.provider_ref.name),
        selectors=tuple(selectors),
        severity=severity,
        include=include,
        exclude=exclude,
        facts=tuple(sorted(facts.items())),
        suspended=spec.suspend,
        problems=tuple(problems),
        warnings=tuple(UNKNOWN.format(path) for path in found.unknown),
    )


def notice_status(body: Body, problems: tuple[str, ...], warnings: tuple[str, ...] = ()) -> StatusWrite | None:
    """Give the status that says what is wrong with a Provider or Alert; `None`: it says so already, or says nothing.

    Upstream has none for these kinds. Where all is well, none is written.
    """
    told = (*problems, *warnings)
    status = dict(mapping_of(body, "status"))
    before = status.pop("conditions", None)
    if not told:
        return StatusWrite(status, STATUS_MANAGER) if before else None
    ready = "False" if problems else "True"
    generation = metadata_of(body).get("generation")
    condition = {
        "type": "Ready",
        "status": ready,
        "reason": "InvalidSpec" if problems else "Succeeded",
        "message": "; ".join(told),
        "observedGeneration": generation if isinstance(generation, int) else 0,
    }
    return None if before == [condition] else StatusWrite({**status, "conditions": [condition]}, STATUS_MANAGER)


def _secret(ref: ObjectRef, named: LocalRef | None) -> ValueRef | None:
    return ValueRef("Secret", ref.namespace, named.name) if named is not None and named.name else None


def _patterns(listed: tuple[str, ...], field: str, problems: list[str]) -> tuple[str, ...]:
    kept = []
    for pattern in listed[:100]:
        problem = pattern_problem(pattern)
        if problem:
            problems.append(f"spec.{field}: {pattern[:80]!r} is left out, because {problem}")
        else:
            kept.append(pattern)
    return tuple(kept)
