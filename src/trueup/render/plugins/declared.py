"""Declarations of plugins, as Argo CD's `ConfigManagementPlugin` files have them.

Format: https://argo-cd.readthedocs.io/en/stable/operator-manual/config-management-plugins/. Only the operator writes
them: they are read once, from a folder that the controller is started with.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml

from trueup.core.plugins import KnownPlugins

KIND = "ConfigManagementPlugin"
NETWORK = "trueup.dev/network"
"""The annotation by which the operator lets a plugin use the network; its value is `allowed`."""

PLUGINS_LIMIT = 100


class PluginsInvalid(Exception):
    """A declaration cannot be used. The message names the file and the field, and says what to do."""


class Command(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A program and what it is called with."""

    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """Both, as the program is started."""
        return (*self.command, *self.args)


class Find(Command, frozen=True, forbid_unknown_fields=True):
    """A pattern of files below the folder, or a command that prints something where the folder is the plugin's."""

    glob: str = ""


class Discover(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a plugin recognises a folder: a pattern in it, or `find`."""

    file_name: str = msgspec.field(default="", name="fileName")
    find: Find = Find()

    @property
    def given(self) -> bool:
        """Whether there is any way."""
        return bool(self.file_name or self.find.glob or self.find.words)


class Spec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a plugin does. `parameters` are announced to people who write Applications, and change nothing here."""

    version: str = ""
    init: Command | None = None
    generate: Command = Command()
    discover: Discover = Discover()
    parameters: Any = None
    preserve_file_mode: bool = msgspec.field(default=False, name="preserveFileMode")
    provide_git_creds: bool = msgspec.field(default=False, name="provideGitCreds")


class _Metadata(msgspec.Struct, frozen=True):
    name: str
    annotations: dict[str, str] = {}


class _Declaration(msgspec.Struct, frozen=True):
    kind: str
    metadata: _Metadata
    spec: Spec


class Plugin(msgspec.Struct, frozen=True):
    """A plugin that can be run: `name` as Applications write it, and the folder with its file, which it may read."""

    name: str
    spec: Spec
    folder: str
    network: bool
    digest: str


def read_plugins(folder: Path) -> tuple[Plugin, ...]:
    """Read the declarations `*.yaml` and `*/plugin.yaml` of a folder (blocking). Raises `PluginsInvalid`, `OSError`."""
    files = sorted({*folder.glob("*.yaml"), *folder.glob("*.yml"), *folder.glob("*/plugin.yaml")})
    if not files:
        raise PluginsInvalid(f"{folder} holds no plugin: put a {KIND} into it, as NAME.yaml or NAME/plugin.yaml")
    if len(files) > PLUGINS_LIMIT:
        raise PluginsInvalid(f"{folder} holds more than {PLUGINS_LIMIT} plugins")
    plugins = tuple(_plugin(file) for file in files)
    names = [plugin.name for plugin in plugins]
    for name in names:
        if names.count(name) > 1:
            raise PluginsInvalid(f"{folder} declares the plugin {name!r} twice; rename one, or give it a version")
    return plugins


def _plugin(file: Path) -> Plugin:
    raw = file.read_bytes()
    try:
        declared = msgspec.convert(yaml.safe_load(raw), _Declaration)
    except (yaml.YAMLError, msgspec.ValidationError, RecursionError) as error:
        raise PluginsInvalid(f"{file} is no {KIND}: {error}") from error
    spec = declared.spec
    if declared.kind != KIND:
        raise PluginsInvalid(f"{file} is a {declared.kind}, and must be a {KIND}")
    if not spec.generate.words:
        raise PluginsInvalid(f"{file}: spec.generate.command is required: it prints the manifests")
    if spec.provide_git_creds:
        raise PluginsInvalid(f"{file}: spec.provideGitCreds is not supported: plugins are given no credentials")
    name = declared.metadata.name + (f"-{spec.version}" if spec.version else "")
    network = declared.metadata.annotations.get(NETWORK) == "allowed"
    return Plugin(name, spec, str(file.parent.resolve()), network, hashlib.sha256(raw).hexdigest())


def known(plugins: Sequence[Plugin]) -> KnownPlugins:
    """Say what a dialect needs to know of these plugins."""
    digests: Mapping[str, str] = {plugin.name: plugin.digest for plugin in plugins}
    finding = "".join(plugin.digest for plugin in plugins if plugin.spec.discover.given)
    return KnownPlugins(digests, hashlib.sha256(finding.encode()).hexdigest() if finding else "")
