"""Revisions as they are written, stored and read again; secrets of a source that no message shows."""

from __future__ import annotations

import msgspec
import pytest

from trueup.core.model.artifact import Provenance, Revision, SourceCredentials
from trueup.core.model.git import GitRef, GitSpec, git_revision

COMMIT, LONG = "a1" * 20, "b2" * 32


@pytest.mark.parametrize(
    ("text", "name", "digest"),
    [
        (f"main@sha1:{COMMIT}", "main", f"sha1:{COMMIT}"),
        (f"feature/x@y@sha1:{COMMIT}", "feature/x@y", f"sha1:{COMMIT}"),
        (f"latest@sha256:{LONG}", "latest", f"sha256:{LONG}"),
        (f"sha1:{COMMIT}", "", f"sha1:{COMMIT}"),
        (COMMIT, "", f"sha1:{COMMIT}"),
        (LONG, "", f"sha256:{LONG}"),
        (f"main/{COMMIT}", "main", f"sha1:{COMMIT}"),
    ],
)
def test_a_revision_is_read_from_any_way_it_was_ever_written(text: str, name: str, digest: str) -> None:
    found = Revision.parse(text)
    assert (found.name, found.digest) == (name, digest)
    assert Revision.parse(str(found)) == found
    assert found.id == digest.partition(":")[2] and found.short == found.id[:8]


@pytest.mark.parametrize("text", ["", "main", "1.2.3", f"sha1:{LONG}", f"md5:{COMMIT}", "main@sha1:zz", "abcdef0"])
def test_what_is_no_revision_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no revision"):
        Revision.parse(text)


def test_git_revisions_are_written_as_flux_writes_them() -> None:
    assert str(git_revision(COMMIT, "main")) == f"main@sha1:{COMMIT}"
    assert str(git_revision(LONG)) == f"sha256:{LONG}"


def test_the_secrets_of_a_source_are_never_shown() -> None:
    shown = repr(SourceCredentials({"password": b"s3cret"}, {"address": b"http://u:s3cret@proxy"}))
    assert "password" in shown and "proxy.address" in shown and "s3cret" not in shown


def test_sources_of_one_origin_are_of_the_same_kind_and_url() -> None:
    class Other(GitSpec, frozen=True, tag="other"):
        pass

    main, tag = GitSpec("https://x/y", GitRef(branch="main")), GitSpec("https://x/y", GitRef(tag="v1"))
    assert main.kind == "git" and main.origin == tag.origin
    assert main.origin not in (GitSpec("https://x/z").origin, Other("https://x/y").origin)


def test_a_source_that_knows_no_author_gives_a_provenance_all_the_same() -> None:
    known = Provenance("1.2.3", message="Release\n\nAll of it")
    assert (known.author_name, known.subject) == ("", "Release")
    assert msgspec.json.decode(msgspec.json.encode(known), type=Provenance) == known
