"""What Flux' sources of every kind declare in the same fields, whatever it is that they follow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from trueup.core.model.artifact import IgnoreRules, SourceSpec
from trueup.core.model.dialect import annotations_of
from trueup.core.model.objects import Body, ObjectRef
from trueup.core.model.unit import SourceDeclaration, ValueRef
from trueup.dialects.decode import mapping_of, metadata_of, number_of, text_of
from trueup.dialects.flux.kustomization.translate import REQUESTED_AT
from trueup.dialects.flux.kustomization.types import LocalRef
from trueup.dialects.flux.source_status import DEFAULT_INTERVAL, duration_of, timeout_of
from trueup.dialects.times import LEAST_PAUSE


class CommonSpec(Protocol):
    """The fields that the specs of all kinds of sources have."""

    @property
    def interval(self) -> str: ...
    @property
    def timeout(self) -> str: ...
    @property
    def suspend(self) -> bool: ...
    @property
    def ignore(self) -> str | None: ...
    @property
    def provider(self) -> str: ...
    @property
    def service_account_name(self) -> str: ...
    @property
    def secret_ref(self) -> LocalRef | None: ...
    @property
    def proxy_secret_ref(self) -> LocalRef | None: ...


class Told(msgspec.Struct, frozen=True):
    """What is wrong with an object, and what it asks for in vain. Both grow while it is read."""

    problems: list[str]
    warnings: list[str]


def refuse_logins(spec: CommonSpec, problems: list[str]) -> None:
    """Name ways to be let in that are not there yet."""
    if spec.provider not in ("", "generic"):
        problems.append(f"spec.provider: {spec.provider!r} is not supported yet; use a Secret with provider generic")
    if spec.service_account_name:
        problems.append("spec.serviceAccountName is not supported yet; use spec.secretRef")


def secret_of(body: Body, ref: LocalRef | None) -> ValueRef | None:
    """Give a Secret beside an object."""
    return ValueRef("Secret", text_of(metadata_of(body), "namespace"), ref.name) if ref else None


def declared(
    body: Body, kind: tuple[str, str], spec: CommonSpec, told: Told, follow: Callable[[float], SourceSpec]
) -> SourceDeclaration:
    """Give what an object of a kind (its group and name) declares; `follow` says what it follows, given the timeout."""
    metadata = metadata_of(body)
    interval = max(duration_of("interval", spec.interval, DEFAULT_INTERVAL, told.problems), LEAST_PAUSE)
    timeout = timeout_of(spec.timeout, told.problems, told.warnings)
    return SourceDeclaration(
        ref=ObjectRef(*kind, text_of(metadata, "namespace"), text_of(metadata, "name")),
        uid=text_of(metadata, "uid"),
        generation=number_of(metadata, "generation"),
        spec=follow(timeout),
        credentials=secret_of(body, spec.secret_ref),
        proxy=secret_of(body, spec.proxy_secret_ref),
        interval=interval,
        timeout=timeout,
        suspended=spec.suspend,
        ignore=IgnoreRules(True, spec.ignore),
        artifact=True,
        requested=annotations_of(body).get(REQUESTED_AT, ""),
        remembered=text_of(mapping_of(mapping_of(body, "status"), "artifact"), "revision"),
        problems=tuple(told.problems),
        warnings=tuple(told.warnings),
    )
