"""`argocd-notifications-cm`: triggers, templates, services, default subscriptions, as Argo CD 3.5 reads them.

Each entry is read by itself. One that cannot be read is a problem with its key, and takes nothing else with it
(upstream stops with all of them).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import yaml

from trueup.core.notification.expressions import Condition
from trueup.dialects.argo.notifications.selectors import Selector, parse_selector
from trueup.dialects.decode import list_of, text_of

CONFIG_MAP = "argocd-notifications-cm"
SECRET = "argocd-notifications-secret"

MAX_ENTRY = 256 << 10
"""Characters of one entry. etcd holds about a mebibyte of an object."""

MAX_DEPTH = 64
MAX_CONDITIONS = 50
MAX_PROBLEMS = 20


class Rule(msgspec.Struct, frozen=True):
    """One condition of a trigger and the templates that it sends."""

    condition: Condition
    send: tuple[str, ...] = ()
    description: str = ""


class ServiceConfig(msgspec.Struct, frozen=True):
    """A service as configured: its type, its name (that recipients use), and its options with `$key` unresolved."""

    type: str
    name: str
    options: Any = None


class DefaultSubscription(msgspec.Struct, frozen=True):
    """Recipients (`service:recipient`) of all that the selector takes, for these or the default triggers."""

    recipients: tuple[str, ...]
    triggers: tuple[str, ...] = ()
    selector: Selector = ()


class Configuration(msgspec.Struct, frozen=True):
    """All of the ConfigMap. `templates` are their fields as they stand there; `problems` name the key each is about."""

    triggers: dict[str, tuple[Rule, ...]] = {}
    templates: dict[str, dict[str, Any]] = {}
    services: dict[str, ServiceConfig] = {}
    subscriptions: tuple[DefaultSubscription, ...] = ()
    default_triggers: tuple[str, ...] = ()
    service_default_triggers: dict[str, tuple[str, ...]] = {}
    context: dict[str, str] = {}
    problems: tuple[str, ...] = ()


class Unreadable(Exception):
    """An entry's content is not what its key promises."""


def read_configuration(data: Mapping[str, Any], standard: Configuration | None = None) -> Configuration:
    """Read the ConfigMap's data. What stands in it goes before what `standard` has under the same name."""
    standard = standard or Configuration()
    found: dict[str, Any] = {
        "triggers": dict(standard.triggers),
        "templates": dict(standard.templates),
        "services": {},
        "service_default_triggers": {},
    }
    problems = []
    for key in sorted(data):
        text = data[key]
        if not isinstance(text, str):
            continue
        try:
            _read_entry(key, text, found)
        except Unreadable as error:
            problems.append(f"{key}: {error}")
    return Configuration(**found, problems=tuple(problems[:MAX_PROBLEMS]))


def _read_entry(key: str, text: str, found: dict[str, Any]) -> None:
    kind, _, name = key.partition(".")
    match kind, name:
        case "trigger", str() if name:
            found["triggers"][name] = _rules(_parsed(text))
        case "template", str() if name:
            found["templates"][name] = _mapping(_parsed(text))
        case "service", str() if name:
            service = _service(name, _parsed(text))
            found["services"][service.name] = service
        case "subscriptions", "":
            found["subscriptions"] = tuple(_subscription(item) for item in _items(_parsed(text)))
        case "defaultTriggers", "":
            found["default_triggers"] = _texts(_parsed(text))
        case "defaultTriggers", str():
            found["service_default_triggers"][name] = _texts(_parsed(text))
        case "context", "":
            found["context"] = {str(each): _plain(value) for each, value in _mapping(_parsed(text)).items()}
        case _:
            return


def _parsed(text: str) -> Any:
    if len(text) > MAX_ENTRY:
        raise Unreadable(f"it is longer than {MAX_ENTRY} characters")
    try:
        return bounded_yaml(text)
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f" in line {mark.line + 1}" if mark is not None else ""
        words = getattr(error, "problem", None) or str(error).partition("\n")[0] or "it is no YAML"
        raise Unreadable(f"{words}{place}") from error


def bounded_yaml(text: str) -> Any:
    """Parse YAML without aliases, with which a short text could become a huge value, and not too deep.

    Raises `yaml.YAMLError` and `ValueError`.
    """
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not supported here")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise yaml.YAMLError("it is nested too deeply")
    return yaml.load(text, Loader=yaml.CSafeLoader)


def _rules(value: Any) -> tuple[Rule, ...]:
    items = [value] if isinstance(value, Mapping) else _items(value)
    if len(items) > MAX_CONDITIONS:
        raise Unreadable(f"it has more than {MAX_CONDITIONS} conditions")
    return tuple(
        Rule(
            Condition(_plain(item.get("when")), _plain(item.get("oncePer"))),
            _texts(item.get("send")),
            text_of(item, "description"),
        )
        for item in map(_mapping, items)
    )


def _service(name: str, options: Any) -> ServiceConfig:
    kind, _, custom = name.partition(".")
    if not kind or "." in custom:
        raise Unreadable("a service's key is service.<type> or service.<type>.<name>")
    return ServiceConfig(kind, custom or kind, options)


def _subscription(value: Any) -> DefaultSubscription:
    item = _mapping(value)
    try:
        selector = parse_selector(text_of(item, "selector"))
    except ValueError as error:
        raise Unreadable(f"selector: {error}") from error
    return DefaultSubscription(
        tuple(text for text in list_of(item, "recipients") if isinstance(text, str)),
        _texts(item.get("triggers")),
        selector,
    )


def _items(value: Any) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise Unreadable("a list is needed")
    return value


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise Unreadable("fields with values are needed")
    return {str(key): item for key, item in value.items()}


def _texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(item for item in _items(value) if isinstance(item, str))


def _plain(value: Any) -> str:
    """Give a value as Argo CD's reader does where it wants a text: YAML's own words for truth and numbers."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
