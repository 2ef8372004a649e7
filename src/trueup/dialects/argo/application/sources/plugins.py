"""What a config management plugin is given: the build environment, the Application's own variables and parameters."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

import msgspec

from trueup.core.plugins import KnownPlugins, PluginRecipe
from trueup.dialects.argo.application.types import Plugin, PluginParameter

OWN_PREFIX = "ARGOCD_ENV_"
PARAMETERS = "ARGOCD_APP_PARAMETERS"
_UNFIT = re.compile(r"[^A-Z0-9_]")


def plugin_recipe(
    plugin: Plugin, path: str, environment: Mapping[str, str], filled: Callable[[str], str], known: KnownPlugins
) -> PluginRecipe:
    """Give the recipe of a source with `spec.source.plugin`; `filled` puts the build environment into a text."""
    given = dict(environment)
    given |= {f"{OWN_PREFIX}{item.name}": filled(item.value) for item in plugin.env}
    if plugin.parameters:
        given[PARAMETERS] = msgspec.json.encode([_as_json(item) for item in plugin.parameters]).decode()
        for item in plugin.parameters:
            given.update(_variables(item))
    declared = known.digests.get(plugin.name, "") if plugin.name else known.discovering
    return PluginRecipe(path, plugin.name, tuple(sorted(given.items())), declared)


def plugin_problem(plugin: Plugin, known: KnownPlugins) -> str:
    """Say why a plugin cannot be used; empty where it can."""
    if plugin.name in known.digests or (not plugin.name and known.discovering):
        return ""
    if not known.digests:
        return (
            "the controller has no config management plugins: start it with --plugins FOLDER, which holds their "
            "plugin.yaml files, or commit what the plugin makes"
        )
    names = ", ".join(sorted(known.digests))
    if not plugin.name:
        return f"none of the controller's plugins recognises folders by itself; name one of {names}"
    return f"the controller has no plugin {plugin.name!r}; it has {names} (a name ends with the plugin's version)"


def _as_json(parameter: PluginParameter) -> dict[str, object]:
    told: dict[str, object] = {"name": parameter.name}
    if parameter.string is not None:
        told["string"] = parameter.string
    if parameter.array:
        told["array"] = parameter.array
    if parameter.map:
        told["map"] = parameter.map
    return told


def _variables(parameter: PluginParameter) -> Iterator[tuple[str, str]]:
    name = _fitting(f"PARAM_{parameter.name}")
    if parameter.string is not None:
        yield name, parameter.string
    for number, value in enumerate(parameter.array):
        yield f"{name}_{number}", value
    for key, value in parameter.map.items():
        yield f"{name}_{_fitting(key)}", value


def _fitting(text: str) -> str:
    return _UNFIT.sub("_", text.upper())
