"""What every kind of source must do, whatever it is: inherit from `ProviderContract` and give it a `kit`."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from typing import Protocol

import pytest

from trueup.core.model.artifact import Fault, IgnoreRules, Resolved, SourceError, SourceSpec
from trueup.sources.registry import SourceProvider

NOTHING = IgnoreRules()


class Kit(Protocol):
    """A provider, and a remote for it that the test changes."""

    @property
    def provider(self) -> SourceProvider: ...
    @property
    def spec(self) -> SourceSpec: ...

    def publish(self, files: Mapping[str, str]) -> None:
        """Make exactly these files the newest revision."""
        ...

    async def disappear(self) -> None:
        """Have the remote answer no more."""
        ...


class OtherSpec(SourceSpec, frozen=True, tag="other"):
    """A kind of source that nobody provides."""


async def newest(kit: Kit) -> Resolved:
    revision = await kit.provider.resolve(kit.spec, None, fresh=True)
    return await kit.provider.fetch(kit.spec, revision, None, NOTHING)


class ProviderContract:
    """The tests. A subclass brings the fixture `kit`."""

    async def test_the_newest_content_is_on_disk_and_known_by_digest(self, kit: Kit) -> None:
        kit.publish({"a/one.yaml": "1", "a/b/two.yaml": "2", "three.yaml": "3"})
        found = await newest(kit)
        assert found.kind == kit.provider.kind == kit.spec.kind and found.url == kit.spec.url
        ids = await kit.provider.ids(found)
        async with kit.provider.checkout(found) as held:
            files = {path.relative_to(held.path).as_posix(): path.read_text() for path in held.path.rglob("*.yaml")}
            assert files == {"a/one.yaml": "1", "a/b/two.yaml": "2", "three.yaml": "3"}
        assert ids.names("a") == ("b/", "one.yaml") and ids.names(".") == ("a/", "three.yaml")
        assert ids.names("three.yaml") is None and ids.names("nothing") is None and ids.entry("nothing") is None
        assert ids.entry(".") == found.tree and all(ids.entry(path) for path in ("a", "a/b", "a/b/two.yaml"))

    async def test_what_was_given_up_is_had_anew(self, kit: Kit) -> None:
        kit.publish({"one.yaml": "1"})
        first = await newest(kit)
        kit.provider.forget(kit.spec)
        kit.provider.forget(kit.spec)
        again = await newest(kit)
        assert (again.revision, again.tree) == (first.revision, first.tree)
        async with kit.provider.checkout(again) as held:
            assert (held.path / "one.yaml").read_text() == "1"

    async def test_equal_content_has_equal_digests_and_other_content_others(self, kit: Kit) -> None:
        kit.publish({"a/one.yaml": "1", "b/two.yaml": "2"})
        before = await newest(kit)
        kit.publish({"a/one.yaml": "1", "b/two.yaml": "changed"})
        after = await newest(kit)
        old, new = await kit.provider.ids(before), await kit.provider.ids(after)
        assert before.revision != after.revision and before.tree != after.tree
        assert old.entry("a") == new.entry("a") and old.entry("b") != new.entry("b")

    async def test_what_was_had_once_is_had_again_without_its_remote(self, kit: Kit) -> None:
        kit.publish({"one.yaml": "1"})
        first = await newest(kit)
        kit.publish({"one.yaml": "2"})
        second = await newest(kit)
        await kit.disappear()
        for known in (first, second):
            again = await kit.provider.recall(kit.spec, known.revision, None, NOTHING)
            assert again is not None and (again.revision.id, again.tree) == (known.revision.id, known.tree)
            named = await kit.provider.resolve(kit.spec, None, at=known.revision.id)
            assert named.id == known.revision.id
        with pytest.raises(SourceError) as caught:
            await kit.provider.resolve(kit.spec, None, fresh=True)
        assert caught.value.fault in (Fault.UNREACHABLE, Fault.TIMEOUT) and not caught.value.stalled

    async def test_a_revision_says_who_made_it_as_far_as_that_is_known(self, kit: Kit) -> None:
        kit.publish({"one.yaml": "1"})
        found = await newest(kit)
        assert found.provenance.id == found.revision.id

    async def test_another_kind_is_refused(self, kit: Kit) -> None:
        with pytest.raises(SourceError) as caught:
            await kit.provider.resolve(OtherSpec("https://example.com"), None)
        assert caught.value.stalled


def packed(files: Mapping[str, str]) -> bytes:
    """Pack files as a tarball."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return raw.getvalue()
