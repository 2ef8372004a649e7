"""What a row of the table of mistakes is, and how it is put into a cluster and Git."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import yaml

from support.e2e import APPLICATION, KUSTOMIZATION, application, kustomization, repository

REPO = "team/mistakes"
URL = f"https://github.com/{REPO}"
PRIVATE = "https://git.example.com/team/mistakes"
"""The same on a server that wants a name and a password."""

SHARED = "mistakes"


class Dialect(StrEnum):
    """Whose manifests a mistake is made with. The value begins the names of namespaces."""

    FLUX = "f"
    ARGO = "a"


BOTH = (Dialect.FLUX, Dialect.ARGO)
FLUX = (Dialect.FLUX,)
ARGO = (Dialect.ARGO,)


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """One mistake of a beginner.

    `files` lie in a folder of the mistake's name; `then` are those of a second commit, once the first was delivered.
    `flux` and `argo` are put into the unit's spec (`{ns}` stands for its namespace), `source` into that of a
    GitRepository of its own. `cluster` is applied before; `place`: the namespace is made. Expected are the words of
    the `cause`, which the status, `get`, `why`, event and log say, and those of the `remedy`, which the status or `why`
    says. `log`: the controller's log has it too, `event`: a Kubernetes event as well (of Flux' kinds). `works`: the
    unit is ready all the same, and only told of.
    """

    cause: tuple[str, ...]
    remedy: tuple[str, ...]
    files: Mapping[str, str] = field(default_factory=dict)
    then: Mapping[str, str | None] = field(default_factory=dict)
    dialects: tuple[Dialect, ...] = BOTH
    flux: Mapping[str, Any] = field(default_factory=dict)
    argo: Mapping[str, Any] = field(default_factory=dict)
    source: Mapping[str, Any] | None = None
    cluster: str = ""
    place: bool = True
    log: bool = False
    event: bool = True
    works: bool = False


@dataclass(frozen=True)
class Case:
    """A mistake made in one dialect."""

    name: str
    dialect: Dialect
    mistake: Mistake

    @property
    def namespace(self) -> str:
        """Where its objects go."""
        return f"{self.dialect.value}-{self.name}"

    @property
    def kind(self) -> tuple[str, str]:
        """The unit's kind."""
        return KUSTOMIZATION if self.dialect is Dialect.FLUX else APPLICATION

    @property
    def home(self) -> str:
        """The unit's own namespace."""
        return "flux-system" if self.dialect is Dialect.FLUX else "argocd"

    @property
    def word(self) -> str:
        """The unit as commands take it."""
        return f"{'ks' if self.dialect is Dialect.FLUX else 'app'}/{self.name}"

    def before(self) -> str:
        """What is applied before the unit."""
        parts = (
            [f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {self.namespace}}}\n"] if self.mistake.place else []
        )
        return "---\n".join([*parts, self.mistake.cluster.replace("{ns}", self.namespace)])

    def unit(self) -> str:
        """The unit, and its own source."""
        if self.dialect is Dialect.FLUX:
            source = SHARED if self.mistake.source is None else self.name
            made = [
                kustomization(
                    self.name, f"./{self.name}", source, targetNamespace=self.namespace, wait=True, retryInterval="5s"
                )
            ]
            if self.mistake.source is not None:
                made.append(_with(repository(self.name, URL), {"interval": "1h", **self.mistake.source}))
            made[0] = _with(made[0], self._placed(self.mistake.flux))
        else:
            own = {
                "syncPolicy": {"syncOptions": [], "retry": {"limit": -1, "backoff": {"duration": "5s", "factor": 1}}}
            }
            text = _with(application(self.name, URL, self.name, self.namespace), own)
            made = [_with(text, self._placed(self.mistake.argo))]
        return "---\n".join(made)

    def _placed(self, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        found: Mapping[str, Any] = yaml.safe_load(yaml.safe_dump(dict(spec)).replace("{ns}", self.namespace))
        return found


def _with(text: str, spec: Mapping[str, Any]) -> str:
    body = yaml.safe_load(text)
    _merge(body["spec"], spec)
    return yaml.safe_dump(body)


def _merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        if value is None:
            into.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def cases(table: Mapping[str, Mistake]) -> list[Case]:
    """Give each mistake in each dialect in which it can be made."""
    return [Case(name, dialect, mistake) for name, mistake in table.items() for dialect in mistake.dialects]
