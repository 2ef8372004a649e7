"""From an Application as it stands to messages: which conditions to ask, whom an answer concerns, what is written.

All of it is pure; who evaluates stands between the steps.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from trueup.core.notification.expressions import ExpressionProblem, Holds, MessageTemplate
from trueup.dialects.argo.notifications.configuration import Configuration, Rule, ServiceConfig
from trueup.dialects.argo.notifications.notified import Remembered, remembered_key
from trueup.dialects.argo.notifications.subscriptions import Destination, Destinations

MESSAGE = "message"
_REFERENCE = re.compile(r"[$][\w-]+")
_SHORTEST_SECRET = 4
"""Characters; what is shorter would be found everywhere."""


class Question(msgspec.Struct, frozen=True):
    """A condition to be asked, and who is concerned by the answer."""

    trigger: str
    number: int
    rule: Rule
    destinations: tuple[Destination, ...]


class Due(msgspec.Struct, frozen=True):
    """A message to be written: `key` is under what it is remembered, `once` the value it is told once for."""

    key: str
    trigger: str
    once: str
    destination: Destination
    service: ServiceConfig
    templates: tuple[str, ...]


class Draft(msgspec.Struct, frozen=True):
    """A message's templates, to be rendered: for each its name, the request, and where each of its fields belongs."""

    due: Due
    fixed: dict[str, Any]
    request: MessageTemplate
    paths: dict[str, tuple[str, ...]]


class Composed(msgspec.Struct, frozen=True):
    """A finished message: its text, and what its service alone understands, as the template has it.

    `section` is the part of the template under the service's type (for a webhook: under its name).
    """

    due: Due
    message: str
    section: dict[str, Any]


def questions(destinations: Destinations, configuration: Configuration) -> tuple[tuple[Question, ...], tuple[str, ...]]:
    """Give what is to be asked, and in words what of the subscriptions cannot be."""
    asked, wrong = [], []
    for trigger, told in sorted(destinations.items()):
        rules = configuration.triggers.get(trigger)
        if rules is None:
            wrong.append(f"the trigger {trigger!r} is subscribed to and not configured")
            continue
        known = tuple(each for each in told if each.service in configuration.services)
        for service in sorted({each.service for each in told} - configuration.services.keys()):
            wrong.append(f"the service {service!r} is subscribed to and not configured")
        if known:
            asked += [Question(trigger, number, rule, known) for number, rule in enumerate(rules)]
    return tuple(asked), tuple(wrong)


def decide(
    asked: Sequence[Question],
    answers: Sequence[Holds],
    remembered: Remembered,
    configuration: Configuration,
    passing: bool = False,
) -> tuple[tuple[Due, ...], Remembered]:
    """Give what is to be told now, and what stays remembered of before.

    As upstream: what was told is told again once its condition did not hold in between; with a once-per value, once for
    each value. What could not be evaluated changes nothing. `passing`: what does not hold now may hold again at once,
    and stays remembered.
    """
    due: list[Due] = []
    for question, answer in zip(asked, answers, strict=True):
        rule = question.rule
        if answer.problem is not None and answer.problem.code != "absent":
            continue
        for destination in question.destinations:
            key = remembered_key(question.trigger, question.number, rule.condition.when, answer.once, destination)
            if not answer.holds:
                remembered = remembered if passing else remembered.without(key)
            elif not remembered.knows(key):
                service = configuration.services[destination.service]
                due.append(Due(key, question.trigger, answer.once, destination, service, rule.send))
    return tuple(due), remembered


def draft(due: Due, configuration: Configuration) -> Draft | ExpressionProblem:
    """Put together what a message's templates say for its service; later templates add to the earlier ones."""
    service = due.service
    given: dict[str, Any] = {}
    for name in due.templates:
        template = configuration.templates.get(name)
        if template is None:
            return ExpressionProblem(
                "template", f"the trigger {due.trigger!r} sends the template {name!r}, which is not there"
            )
        if template.get(MESSAGE):
            given[MESSAGE] = template[MESSAGE]
        section = template.get(service.type)
        if service.type == "webhook":
            section = section.get(service.name) if isinstance(section, Mapping) else None
        if isinstance(section, Mapping):
            given["section"] = {**given.get("section", {}), **section}
    fields: dict[str, str] = {}
    paths: dict[str, tuple[str, ...]] = {}
    fixed = _split(given, (), fields, paths)
    return Draft(due, fixed, MessageTemplate(fields, service.type, due.destination.recipient), paths)


def compose(drafted: Draft, fields: Mapping[str, str]) -> Composed:
    """Put rendered fields back where they belong."""
    filled: dict[str, Any] = msgspec.to_builtins(drafted.fixed)
    for name, path in drafted.paths.items():
        _put(filled, path, fields.get(name, ""))
    message = filled.get(MESSAGE)
    section = filled.get("section")
    return Composed(drafted.due, message if isinstance(message, str) else "", section or {})


def resolved(options: Any, secrets: Mapping[str, str]) -> Any:
    """Put the Secret's values where options say `$key`; what is not there stays as it is written."""
    if isinstance(options, str):
        return _REFERENCE.sub(lambda match: secrets.get(match[0][1:], match[0]), options)
    if isinstance(options, Mapping):
        return {key: resolved(value, secrets) for key, value in options.items()}
    if isinstance(options, list):
        return [resolved(item, secrets) for item in options]
    return options


def unresolved(options: Any, secrets: Mapping[str, str]) -> tuple[str, ...]:
    """Give the keys that options refer to and the Secret does not have."""
    if isinstance(options, str):
        return tuple(each[1:] for each in _REFERENCE.findall(options) if each[1:] not in secrets)
    inner = options.values() if isinstance(options, Mapping) else options if isinstance(options, list) else ()
    return tuple(dict.fromkeys(key for value in inner for key in unresolved(value, secrets)))


def without_secrets(text: str, secrets: Mapping[str, str]) -> str:
    """Blot out the Secret's values in a text for people."""
    for value in sorted(secrets.values(), key=len, reverse=True):
        if len(value) >= _SHORTEST_SECRET:
            text = text.replace(value, "***")
    return text


def _split(value: Any, path: tuple[str, ...], fields: dict[str, str], paths: dict[str, tuple[str, ...]]) -> Any:
    """Take the texts that are templates out of a value, by the name of their field."""
    if isinstance(value, str) and "{{" in value:
        name = ".".join(path)
        while name in fields:
            name += "'"
        fields[name], paths[name] = value, path
        return ""
    if isinstance(value, Mapping):
        return {str(key): _split(item, (*path, str(key)), fields, paths) for key, item in value.items()}
    if isinstance(value, list):
        return [_split(item, (*path, str(number)), fields, paths) for number, item in enumerate(value)]
    return value


def _put(holder: Any, path: tuple[str, ...], text: str) -> None:
    for step in path[:-1]:
        holder = holder[int(step)] if isinstance(holder, list) else holder[step]
    holder[int(path[-1]) if isinstance(holder, list) else path[-1]] = text
