"""One provider per kind of source, chosen by the tag of the spec."""

from __future__ import annotations

from pathlib import Path

import pytest

from trueup.core.model.artifact import IgnoreRules, Resolved, SourceError, SourceSpec
from trueup.core.model.objects import ObjectRef
from trueup.sources.artifacts import ArtifactStore
from trueup.sources.registry import SourceRegistry
from trueup.testing import FakeRepository


class Left(SourceSpec, frozen=True, tag="left"):
    """A kind of source."""


class Right(SourceSpec, frozen=True, tag="right"):
    """Another."""


class Provider(FakeRepository):
    """Sources in memory, under a tag."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind


def registry(tmp_path: Path, *providers: Provider) -> SourceRegistry:
    return SourceRegistry(providers, ArtifactStore(tmp_path, "http://host"))  # type: ignore[arg-type]


async def test_each_kind_is_asked_of_its_own_provider(tmp_path: Path) -> None:
    left, right = Provider("left"), Provider("right")
    left.commit({"a": []})
    right.commit({"a": []})
    right.commit({"a": [], "b": []})
    sources = registry(tmp_path, left, right)
    for spec, provider in ((Left("x"), left), (Right("x"), right)):
        revision = await sources.resolve(spec, None)
        assert revision.id == provider.head
        found: Resolved = await sources.fetch(spec, revision, None, IgnoreRules())
        assert found.kind == provider.kind
        assert await sources.recall(spec, revision, None, IgnoreRules()) == found
        assert await sources.ids(found) is provider.commits[provider.head]
        async with sources.checkout(found) as held:
            assert held.ids is provider.commits[provider.head]


async def test_a_kind_without_a_provider_is_an_error_that_names_those_there_are(tmp_path: Path) -> None:
    sources = registry(tmp_path, Provider("left"))
    with pytest.raises(SourceError, match=r"'right' are not supported; supported are: left") as error:
        await sources.resolve(Right("x"), None)
    assert error.value.stalled


def test_two_providers_for_one_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'left'"):
        registry(tmp_path, Provider("left"), Provider("left"))


def test_withdrawing_what_was_never_published_does_nothing(tmp_path: Path) -> None:
    registry(tmp_path).withdraw(ObjectRef("g", "Kind", "ns", "name"))
