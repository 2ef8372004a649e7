"""Who is told of which trigger: annotations of an Application and of its project, and the default subscriptions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain, islice
from typing import Any

import msgspec
import yaml

from trueup.core.model.dialect import annotations_of, labels_of
from trueup.core.model.objects import Body
from trueup.dialects.argo.notifications.configuration import MAX_ENTRY, Configuration, bounded_yaml
from trueup.dialects.argo.notifications.selectors import selects
from trueup.dialects.decode import list_of, text_of

PREFIX = "notifications.argoproj.io/"
SUBSCRIBE = PREFIX + "subscribe."
SUBSCRIPTIONS = PREFIX + "subscriptions"

MAX_DESTINATIONS = 200
"""How many recipients an application may have for all its triggers; of more, the first are told."""


class Destination(msgspec.Struct, frozen=True, order=True):
    """A service's name and whom it is to tell, which is empty where the service alone says it."""

    service: str
    recipient: str = ""


Destinations = dict[str, tuple[Destination, ...]]


def destinations_of(app: Body, project: Body | None, configuration: Configuration) -> Destinations:
    """Give by trigger who is told of an application's; nobody twice."""
    found: dict[str, dict[Destination, None]] = {}
    # One by one: a short list of triggers and one of recipients multiply to more than memory holds.
    wishes = chain(
        _default(labels_of(app), configuration),
        _annotated(annotations_of(app), configuration),
        _annotated(annotations_of(project), configuration) if project is not None else (),
    )
    for trigger, destination in islice(wishes, MAX_DESTINATIONS):
        found.setdefault(trigger, {})[destination] = None
    return {trigger: tuple(each) for trigger, each in found.items()}


def _default(labels: Mapping[str, str], configuration: Configuration) -> Iterable[tuple[str, Destination]]:
    for subscription in configuration.subscriptions:
        if not selects(subscription.selector, labels):
            continue
        for trigger in subscription.triggers or configuration.default_triggers:
            for recipient in subscription.recipients:
                service, _, whom = recipient.partition(":")
                yield trigger, Destination(service, whom)


def _annotated(annotations: Mapping[str, str], configuration: Configuration) -> Iterable[tuple[str, Destination]]:
    for key in sorted(annotations):
        if key.startswith(SUBSCRIBE):
            first, *rest = key.removeprefix(SUBSCRIBE).split(".")
            trigger, service = (first, rest[0]) if rest else ("", first)
            yield from _wished(trigger, service, _recipients(annotations[key]), configuration)
        elif key == SUBSCRIPTIONS:
            yield from _listed(annotations[key], configuration)


def _listed(text: str, configuration: Configuration) -> Iterable[tuple[str, Destination]]:
    """Read the annotation that holds a list of triggers and destinations; one that is no such list says nothing."""
    try:
        items = bounded_yaml(text) if len(text) <= MAX_ENTRY else None
    except (yaml.YAMLError, ValueError):
        return
    for item in items if isinstance(items, list) else ():
        triggers = dict.fromkeys(_names(item, "trigger") or ("",))
        for destination in list_of(item, "destinations"):
            service, recipients = text_of(destination, "service"), _names(destination, "recipients") or ("",)
            for trigger in triggers if service else ():
                yield from _wished(trigger, service, recipients, configuration)


def _wished(
    trigger: str, service: str, recipients: Iterable[str], configuration: Configuration
) -> Iterable[tuple[str, Destination]]:
    default = configuration.service_default_triggers.get(service, configuration.default_triggers)
    for each in (trigger,) if trigger else default:
        for recipient in recipients:
            if service:
                yield each, Destination(service, recipient)


def _recipients(text: str) -> tuple[str, ...]:
    """Split at semicolons; no recipient at all is the one that the service itself knows."""
    return tuple(each for part in text.split(";") if (each := part.strip())) if text else ("",)


def _names(holder: Any, field: str) -> tuple[str, ...]:
    found = holder.get(field) if isinstance(holder, Mapping) else None
    if isinstance(found, str):
        return (found,)
    return tuple(item for item in found if isinstance(item, str)) if isinstance(found, list) else ()
