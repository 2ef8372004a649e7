"""Config management plugins: how a unit asks for one, and what a dialect knows of those that the operator declared."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class PluginRecipe(msgspec.Struct, frozen=True, tag="plugin", tag_field="kind", omit_defaults=True):
    """Run a plugin in the folder `path` of a copy of the artifact. Without `name`: the one that recognises the folder.

    `environment` is what its commands are given, by name. `declared` is the digest of the plugin's declaration, or of
    all that may recognise a folder: another one renders differently.
    """

    path: str
    name: str = ""
    environment: tuple[tuple[str, str], ...] = ()
    declared: str = ""


class KnownPlugins(msgspec.Struct, frozen=True):
    """The plugins there are: the digest of each declaration by name, and that of all which recognise folders."""

    digests: Mapping[str, str] = {}
    discovering: str = ""


NO_PLUGINS = KnownPlugins()
