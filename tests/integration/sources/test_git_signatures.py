"""Signatures of commits and tags on a real Git server: only what bears one of a known key is taken."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.git_signing import OpenPgp, Ssh, raw_commit, sign_commit, sign_tag, signed, write
from trueup.core.model.artifact import Fault, IgnoreRules, Resolved, SourceError
from trueup.core.model.git import GitRef, GitSpec, Verification
from trueup.devtools.gitserver import GitServer, Repository
from trueup.git.signatures import BadSignature, PublicKeys, Signed, check_signature, signed_commit
from trueup.sources.git import GitSettings, GitSource

NOTHING = IgnoreRules()


@pytest.fixture(scope="module")
def ann() -> OpenPgp:
    return OpenPgp("Ann")


@pytest.fixture(scope="module")
def eve() -> OpenPgp:
    return OpenPgp("Eve")


class Place:
    def __init__(self, server: GitServer, repository: Repository, git: GitSource, cache: Path) -> None:
        self.server = server
        self.repository = repository
        self.url = server.url_of(repository)
        self.git = git
        self.cache = cache

    async def take(
        self, keys: dict[str, bytes], mode: Verification = Verification.HEAD, git: GitSource | None = None, **ref: str
    ) -> Resolved:
        spec = GitSpec(self.url, GitRef(**(ref or {"branch": "main"})), timeout=5.0, verify=mode)
        source = git or self.git
        return await source.fetch(spec, await source.poll(spec, None, True), None, NOTHING, PublicKeys(keys))

    async def refused(self, keys: dict[str, bytes], mode: Verification = Verification.HEAD, **ref: str) -> SourceError:
        with pytest.raises(SourceError) as caught:
            await self.take(keys, mode, **ref)
        return caught.value


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    repository = Repository.create(tmp_path / "git" / "repo.git")
    repository.commit({"a.yaml": "1"}, "first")
    async with (
        GitServer(tmp_path / "git") as server,
        GitSource(GitSettings(cache=tmp_path / "cache", poll_window=0.0)) as git,
    ):
        yield Place(server, repository, git, tmp_path / "cache")


async def test_a_commit_with_a_signature_of_a_known_key_is_taken(place: Place, ann: OpenPgp, eve: OpenPgp) -> None:
    commit = sign_commit(place.repository, ann.sign)
    found = await place.take({"eve.asc": eve.public, "ann.asc": ann.public})
    assert found.revision.id == commit
    assert found.verified == f"verified signature of\n\t- commit '{commit}' with key '{ann.id}'"
    both = await place.take({"all.asc": eve.public + b"\n" + ann.public})
    binary = await place.take({"ann.gpg": bytes(ann.cert)})
    assert both.verified == binary.verified == found.verified


async def test_what_bears_no_or_a_foreign_signature_is_not_taken(place: Place, ann: OpenPgp, eve: OpenPgp) -> None:
    unsigned = await place.refused({"ann.asc": ann.public})
    assert unsigned.fault is Fault.COMMIT_SIGNATURE and "it is not signed" in str(unsigned)
    assert not unsigned.stalled
    sign_commit(place.repository, eve.sign)
    foreign = await place.refused({"ann.asc": ann.public})
    assert foreign.fault is Fault.COMMIT_SIGNATURE and "none of the 1 keys has made its signature" in str(foreign)
    assert "\n" not in str(foreign)


async def test_a_signature_of_something_else_does_not_count(place: Place, ann: OpenPgp) -> None:
    payload = raw_commit(place.repository, place.repository.head())
    forged = payload.replace(b"first", b"other")
    place.repository.branch("main", write(place.repository, "commit", signed(forged, ann.sign(payload))))
    assert "has made its signature" in str(await place.refused({"ann.asc": ann.public}))
    twice = signed(signed(payload, ann.sign(payload)), ann.sign(payload))
    place.repository.branch("main", write(place.repository, "commit", twice))
    assert "several signatures" in str(await place.refused({"ann.asc": ann.public}))
    garbage = signed(payload, b"-----BEGIN PGP SIGNATURE-----\n\nZm9v\n-----END PGP SIGNATURE-----")
    place.repository.branch("main", write(place.repository, "commit", garbage))
    assert "has made its signature" in str(await place.refused({"ann.asc": ann.public}))


async def test_keys_that_cannot_be_read_are_named_and_never_shown(place: Place, ann: OpenPgp) -> None:
    sign_commit(place.repository, ann.sign)
    for keys, words in (
        ({"bad.asc": b"no-key-at-all"}, "bad.asc is no key ring"),
        ({}, "it holds no keys"),
        ({"ann.sshpub": ann.public}, "none of the keys is one of OpenPGP"),
    ):
        refused = await place.refused(keys)
        assert words in str(refused) and "no-key-at-all" not in str(refused)


async def test_changed_keys_are_checked_anew_also_for_what_is_kept(
    place: Place, ann: OpenPgp, eve: OpenPgp, tmp_path: Path
) -> None:
    sign_commit(place.repository, ann.sign)
    found = await place.take({"ann.asc": ann.public})
    assert (await place.refused({"eve.asc": eve.public})).fault is Fault.COMMIT_SIGNATURE
    await place.server.__aexit__(None, None, None)
    async with GitSource(GitSettings(cache=place.cache)) as again:
        spec = GitSpec(place.url, GitRef(branch="main"), verify=Verification.HEAD)
        known = await again.recall(spec, found.revision, None, NOTHING, PublicKeys({"ann.asc": ann.public}))
        assert known is not None and known.verified == found.verified
        with pytest.raises(SourceError, match="has made its signature"):
            await again.recall(spec, found.revision, None, NOTHING, PublicKeys({"eve.asc": eve.public}))


async def test_a_tag_is_checked_alone_or_with_its_commit(place: Place, ann: OpenPgp, eve: OpenPgp) -> None:
    keys = {"ann.asc": ann.public}
    # The commit is here already, by its branch: its tag is fetched all the same.
    head = place.repository.head()
    await place.git.resolve(GitSpec(place.url, GitRef(branch="main"), timeout=5.0), None, NOTHING)
    sign_tag(place.repository, "v1.0.0", head, ann.sign)
    for ref in ({"tag": "v1.0.0"}, {"semver": "1.x"}, {"name": "refs/tags/v1.0.0"}):
        found = await place.take(keys, Verification.TAG, **ref)
        assert found.verified == f"verified signature of\n\t- tag 'v1.0.0' with key '{ann.id}'"
    refused = await place.refused(keys, Verification.BOTH, tag="v1.0.0")
    assert refused.fault is Fault.COMMIT_SIGNATURE
    commit = sign_commit(place.repository, ann.sign)
    sign_tag(place.repository, "v1.1.0", commit, ann.sign)
    found = await place.take(keys, Verification.BOTH, tag="v1.1.0")
    assert found.verified.count("with key") == 2
    for name, signer in (("v2.0.0", None), ("v3.0.0", eve.sign)):
        sign_tag(place.repository, name, commit, signer)
        assert (await place.refused(keys, Verification.TAG, tag=name)).fault is Fault.TAG_SIGNATURE


async def test_a_tag_that_is_no_object_or_a_branch_cannot_be_checked(place: Place, ann: OpenPgp) -> None:
    keys, head = {"ann.asc": ann.public}, place.repository.head()
    place.repository.git("update-ref", "refs/tags/light", head)
    assert "no annotated tag" in str(await place.refused(keys, Verification.TAG, tag="light"))
    assert "a tag reference is not specified" in str(await place.refused(keys, Verification.TAG, branch="main"))
    assert "a tag reference is not specified" in str(await place.refused(keys, Verification.TAG, commit=head))


async def test_either_the_annotated_tag_or_the_commit_counts_where_anything_does(
    place: Place, ann: OpenPgp, eve: OpenPgp, tmp_path: Path
) -> None:
    keys, head = {"ann": ann.public}, place.repository.head()
    sign_tag(place.repository, "v1", head, ann.sign)
    found = await place.take(keys, Verification.ANY, revision="v1")
    assert "tag 'v1'" in found.verified
    for revision in ("main", head, "HEAD"):
        refused = await place.refused(keys, Verification.ANY, revision=revision)
        assert refused.fault is Fault.COMMIT_SIGNATURE
    commit = sign_commit(place.repository, ann.sign)
    place.repository.git("update-ref", "refs/tags/light", commit)
    for revision in ("main", "light", commit):
        assert "commit" in (await place.take(keys, Verification.ANY, revision=revision)).verified
    sign_tag(place.repository, "v2", commit, eve.sign)
    assert (await place.refused(keys, Verification.ANY, revision="v2")).fault is Fault.TAG_SIGNATURE
    async with GitSource(GitSettings(cache=place.cache)) as again:
        spec = GitSpec(place.url, GitRef(revision="v1"), verify=Verification.ANY)
        known = await again.recall(spec, found.revision, None, NOTHING, PublicKeys(keys))
        assert known is not None and known.verified == found.verified


async def test_a_tag_that_moves_is_checked_anew(place: Place, ann: OpenPgp, eve: OpenPgp) -> None:
    keys = {"ann.asc": ann.public}
    sign_tag(place.repository, "v1", place.repository.head(), ann.sign)
    await place.take(keys, Verification.TAG, tag="v1")
    place.repository.commit({"a.yaml": "2"}, "second")
    sign_tag(place.repository, "v1", place.repository.head(), eve.sign)
    assert (await place.refused(keys, Verification.TAG, tag="v1")).fault is Fault.TAG_SIGNATURE


async def test_ssh_signatures_count_by_the_keys_of_sshpub(place: Place, ann: OpenPgp) -> None:
    own, other = Ssh(), Ssh()
    commit = sign_commit(place.repository, own.sign)
    found = await place.take({"a.sshpub": other.public, "b.sshpub": b"# mine\n" + own.public, "ann.asc": ann.public})
    assert found.verified == f"verified signature of\n\t- commit '{commit}' with key 'b.sshpub'"
    assert "none of the 1 SSH keys" in str(await place.refused({"a.sshpub": other.public}))
    assert "no key in .sshpub" in str(await place.refused({"ann.asc": ann.public}))
    assert "a.sshpub is no SSH public key" in str(await place.refused({"a.sshpub": b"ssh-ed25519 !!!"}))
    place.repository.commit({"a.yaml": "2"}, "second")
    sign_commit(place.repository, lambda payload: own.sign(payload, b"file"))
    assert "none of the 1 SSH keys" in str(await place.refused({"a.sshpub": own.public}))


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="there is no ssh-keygen")
async def test_what_ssh_keygen_signs_is_taken(place: Place, tmp_path: Path) -> None:
    for kind in ("ed25519", "rsa"):
        path = tmp_path / kind
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(path)], check=True)

        def sign(payload: bytes, path: Path = path) -> bytes:
            command = ["ssh-keygen", "-Y", "sign", "-q", "-n", "git", "-f", str(path)]
            return subprocess.run(command, input=payload, capture_output=True, check=True).stdout

        place.repository.commit({"a.yaml": kind}, kind)
        sign_commit(place.repository, sign)
        assert (await place.take({"key.sshpub": path.with_suffix(".pub").read_bytes()})).verified


@pytest.mark.skipif(shutil.which("gpg") is None, reason="there is no gpg")
async def test_what_gpg_signs_is_taken(place: Place, tmp_path: Path) -> None:
    home = tmp_path / "gnupg"
    home.mkdir(mode=0o700)
    gpg = ["gpg", "--homedir", str(home), "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""]
    subprocess.run([*gpg, "--quick-gen-key", "Gil <gil@example.com>"], check=True)
    try:
        public = subprocess.run([*gpg, "--armor", "--export"], capture_output=True, check=True).stdout

        def sign(payload: bytes) -> bytes:
            return subprocess.run([*gpg, "-bsa"], input=payload, capture_output=True, check=True).stdout

        sign_commit(place.repository, sign)
        assert (await place.take({"gil.asc": public})).verified
        sign_tag(place.repository, "v1", place.repository.head(), sign)
        assert (await place.take({"gil.asc": public}, Verification.BOTH, tag="v1")).verified
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)


def test_a_key_that_was_revoked_does_not_count(eve: OpenPgp) -> None:
    signed_by = Signed(b"payload", eve.sign(b"payload"))
    check_signature(signed_by, PublicKeys({"eve.asc": eve.public}))
    with pytest.raises(BadSignature):
        check_signature(signed_by, PublicKeys({"eve.asc": eve.revoked()}))


def test_a_commit_is_signed_without_the_headers_of_signatures_alone() -> None:
    raw = b"tree t\nauthor a\nmergetag object o\n gpgsig inside\ngpgsig A\n B\nencoding x\n\ngpgsig body\n"
    parts = signed_commit(raw, False)
    assert parts.payload == b"tree t\nauthor a\nmergetag object o\n gpgsig inside\nencoding x\n\ngpgsig body\n"
    assert parts.signature == b"A\nB\n"
    assert signed_commit(raw, True).signature == b""
