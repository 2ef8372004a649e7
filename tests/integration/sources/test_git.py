"""Git sources against a real `git http-backend`: what is found, what it costs, and what a bad remote does."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import os
import shutil
import tarfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from trueup.core.model.artifact import Fault, IgnoreRules, SourceError
from trueup.core.model.git import GitRef, GitSpec, git_revision
from trueup.core.model.objects import ObjectRef
from trueup.devtools.gitserver import Executable, GitServer, Repository, Symlink
from trueup.git.credentials import GitCredentials
from trueup.sources.artifacts import ArtifactStore
from trueup.sources.git import GitSettings, GitSource

NOTHING = IgnoreRules()
FILES = {"a/one.yaml": "one: 1\n", "a/two.yaml": "two: 2\n", "picture.png": "x", ".gitignore": "*.log\n"}


class Place:
    """A server, a repository on it, and sources with a cache of their own."""

    def __init__(self, server: GitServer, repository: Repository, cache: Path) -> None:
        self.server = server
        self.repository = repository
        self.cache = cache
        self.url = server.url_of(repository)
        self.git = GitSource(GitSettings(cache=cache, poll_window=0.2))

    def spec(self, **ref: str) -> GitSpec:
        return GitSpec(self.url, GitRef(**ref), timeout=5.0)

    async def fault(self, spec: GitSpec, creds: GitCredentials | None = None) -> SourceError:
        with pytest.raises(SourceError) as caught:
            await self.git.resolve(spec, creds, NOTHING, fresh=True)
        return caught.value


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    repository = Repository.create(tmp_path / "git" / "team" / "repo.git")
    repository.commit(FILES, "first")
    async with GitServer(tmp_path / "git") as server:
        made = Place(server, repository, tmp_path / "cache")
        async with made.git:
            yield made


async def test_a_ref_of_every_kind_is_found(place: Place) -> None:
    first = place.repository.head()
    place.repository.tag("v1.0.0", first, message="annotated")
    second = place.repository.commit({"b.yaml": "b: 1\n"}, "second")
    place.repository.tag("v1.1.0", second)
    wanted = {
        ("branch", "main"): (second, "main"),
        ("tag", "v1.0.0"): (first, "v1.0.0"),
        ("semver", ">=1.0.0"): (second, "v1.1.0"),
        ("commit", first): (first, ""),
        ("revision", "HEAD"): (second, "main"),
        ("revision", "v1.0.0"): (first, "v1.0.0"),
        ("revision", first[:10]): (first, ""),
        ("name", "refs/heads/main"): (second, "refs/heads/main"),
    }
    for (field, value), (commit, name) in wanted.items():
        found = await place.git.resolve(place.spec(**{field: value}), None, NOTHING, fresh=True)
        assert (found.revision.id, found.revision.name) == (commit, name), (field, value)
    assert (await place.git.resolve(GitSpec(place.url), None, NOTHING)).revision == git_revision(second, "main")


async def test_what_is_kept_of_a_commit(place: Place) -> None:
    message = "Merge pull request #7 from team/feature\n\nA title\n\nReviewed-by: B <b@example.com>\n"
    place.repository.commit({"c.yaml": "c: 1\n"}, message, author="Ann <ann@example.com>")
    commit = (await place.git.resolve(place.spec(branch="main"), None, NOTHING)).provenance
    assert str(commit.author) == "Ann <ann@example.com>"
    assert commit.pull_request is not None and (commit.pull_request.number, commit.pull_request.title) == (7, "A title")
    assert commit.trailers == (("Reviewed-by", "B <b@example.com>"),) and len(commit.parents) == 1


async def test_many_who_ask_share_one_question_and_one_fetch(place: Place) -> None:
    specs = [place.spec(branch="main") for _ in range(50)]
    found = await asyncio.gather(*(place.git.resolve(spec, None, NOTHING) for spec in specs))
    assert len({item.tree for item in found}) == 1
    assert place.server.requests.count("info/refs") == 2, "one to ask, one to fetch"
    assert len(list((place.cache / "mirrors").iterdir())) == 1


async def test_polling_fetches_nothing(place: Place) -> None:
    revision = await place.git.poll(place.spec(branch="main"), None)
    assert revision.id == place.repository.head()
    assert not (place.cache / "mirrors").exists()


async def test_the_tree_by_id_and_on_disk(place: Place) -> None:
    resolved = await place.git.resolve(place.spec(branch="main"), None, NOTHING)
    listing = await place.git.tree(resolved)
    assert listing.entry(".") == resolved.tree == resolved.provenance.tree
    assert listing.names("a") == ("one.yaml", "two.yaml") and listing.names(".") == (".gitignore", "a/", "picture.png")
    assert listing.entry("a") and listing.entry("nothing") is None and listing.names("picture.png") is None
    async with place.git.checkout(resolved) as first, place.git.checkout(resolved) as second:
        assert first.path == second.path
        assert (first.path / "a" / "one.yaml").read_text() == "one: 1\n"
        assert not os.access(first.path / "a" / "one.yaml", os.W_OK) or os.getuid() == 0


async def test_ignored_files_are_left_out_and_equal_trees_are_equal(place: Place) -> None:
    rules = IgnoreRules(enabled=True)
    resolved = await place.git.resolve(place.spec(branch="main"), None, rules)
    listing = await place.git.tree(resolved)
    assert sorted(item.path for item in listing.files()) == ["a/one.yaml", "a/two.yaml"]
    place.repository.commit({"other.png": "y"}, "only what is left out")
    again = await place.git.resolve(place.spec(branch="main"), None, rules, fresh=True)
    assert (again.tree, again.revision != resolved.revision) == (resolved.tree, True)
    place.repository.commit({".sourceignore": "a/two.yaml\n"}, "own rules")
    own = await place.git.tree(await place.git.resolve(place.spec(branch="main"), None, rules, fresh=True))
    assert "a/two.yaml" not in {item.path for item in own.files()}
    assert "picture.png" in {item.path for item in own.files()}, "own rules replace the defaults"


async def test_pointers_of_large_files_are_told_and_what_is_committed_whole_is_not(place: Place) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "a" * 64 + "\nsize 12345\n"
    place.repository.commit(
        {
            ".gitattributes": "*.tgz filter=lfs diff=lfs merge=lfs -text\n*.txt text\n",
            "charts/base.tgz": pointer,
            "charts/whole.tgz": "x" * 2000,
            "a/.gitattributes": "/models/** filter=lfs\n",
            "a/models/one/weights": pointer,
            "models/weights": "no pointer",
        },
        "Keep large files elsewhere",
    )
    found = await place.git.resolve(place.spec(branch="main"), None, NOTHING)
    (warning,) = found.warnings
    assert warning.startswith("'a/models/one/weights', 'charts/base.tgz': kept by Git LFS")
    place.repository.commit({".gitattributes": None, "a/.gitattributes": None}, "Keep them here")
    assert (await place.git.resolve(place.spec(branch="main"), None, NOTHING, fresh=True)).warnings == ()


async def test_links_stay_links_and_are_never_followed(place: Place) -> None:
    place.repository.git("config", "core.symlinks", "true")
    blob = place.repository.git("hash-object", "-w", "--stdin", stdin=b"/etc/passwd")
    base = place.repository.head()
    listed = place.repository.git("ls-tree", base) + f"\n120000 blob {blob}\tlink\n"
    tree = place.repository.git("mktree", stdin=listed.encode())
    commit = place.repository.git("-c", "user.name=a", "-c", "user.email=a@b", "commit-tree", tree, "-m", "link")
    place.repository.branch("linked", commit)
    resolved = await place.git.resolve(place.spec(branch="linked"), None, NOTHING)
    async with place.git.checkout(resolved) as checkout:
        assert (checkout.path / "link").is_symlink()


async def test_a_forced_push_is_followed_and_the_old_commit_remembered(place: Place) -> None:
    old = await place.git.resolve(place.spec(branch="main"), None, NOTHING)
    place.repository.commit({"other.yaml": "1\n"}, "another history", parents=[])
    new = await place.git.resolve(place.spec(branch="main"), None, NOTHING, fresh=True)
    assert new.revision != old.revision
    recalled = await place.git.recall(place.spec(branch="main"), old.revision, None, NOTHING)
    assert recalled is not None and recalled.tree == old.tree
    place.server.faults.down = True
    restarted = GitSource(GitSettings(cache=place.cache))
    async with restarted:
        assert await restarted.recall(place.spec(branch="main"), old.revision, None, NOTHING) is not None


@pytest.mark.parametrize(
    ("faults", "fault"),
    [
        ({"down": True}, Fault.UNREACHABLE),
        ({"status": 401}, Fault.CREDENTIALS),
        ({"status": 403}, Fault.CREDENTIALS),
        ({"status": 404}, Fault.NOT_FOUND),
        ({"status": 503}, Fault.UNREACHABLE),
        ({"garbage": b"<html>no</html>"}, Fault.PROTOCOL),
    ],
)
async def test_a_bad_remote_is_named_and_recovers(place: Place, faults: dict[str, object], fault: Fault) -> None:
    for name, value in faults.items():
        setattr(place.server.faults, name, value)
    error = await place.fault(place.spec(branch="main"))
    assert error.fault is fault, str(error)
    assert place.url in str(error) and not error.stalled
    place.server.faults.clear()
    assert (await place.git.resolve(place.spec(branch="main"), None, NOTHING, fresh=True)).tree


async def test_a_slow_remote_is_given_up(place: Place) -> None:
    place.server.faults.delay = 5.0
    spec = GitSpec(place.url, GitRef(branch="main"), timeout=0.5)
    assert (await place.fault(spec)).fault is Fault.TIMEOUT


async def test_a_fetch_that_is_cut_leaves_nothing_half(place: Place) -> None:
    place.server.faults.only, place.server.faults.cut_after = "git-upload-pack", 40
    error = await place.fault(place.spec(branch="main"))
    assert error.fault in (Fault.PROTOCOL, Fault.UNREACHABLE), str(error)
    place.server.faults.clear()
    resolved = await place.git.resolve(place.spec(branch="main"), None, NOTHING, fresh=True)
    assert (await place.git.tree(resolved)).entry("a/one.yaml")


async def test_a_ref_that_is_not_there_is_named(place: Place) -> None:
    error = await place.fault(place.spec(branch="develop"))
    assert error.fault is Fault.REF and "branch develop" in str(error)
    assert (await place.fault(place.spec(commit="f" * 40))).fault is Fault.REF


async def test_of_tags_with_equal_versions_the_newest_commit_counts(place: Place) -> None:
    for number, tag in enumerate(("1.0.0+build.9", "1.0.0+build.10", "1.0.0+build.11", "v1.0.1+b1", "1.0.1+a2")):
        when = 1_700_000_000 + number * 60
        commit = place.repository.commit({"n": str(number)}, tag, when=datetime.fromtimestamp(when, UTC))
        place.repository.tag(tag, commit)
    for text, wanted in ((">=1.0.0 <1.0.1", "1.0.0+build.11"), ("~1.0.0", "1.0.1+a2"), (">=1.0.0", "1.0.1+a2")):
        resolved = await place.git.resolve(place.spec(semver=text), None, NOTHING, fresh=True)
        assert resolved.revision.name == wanted, text


async def test_credentials_open_the_door_and_stand_in_no_error(tmp_path: Path) -> None:
    repository = Repository.create(tmp_path / "git" / "repo.git")
    repository.commit(FILES, "first")
    async with (
        GitServer(tmp_path / "git", users={"ann": "s3cret-word"}) as server,
        GitSource(GitSettings(cache=tmp_path / "cache")) as git,
    ):
        spec = GitSpec(server.url_of(repository), GitRef(branch="main"))
        good = GitCredentials(username="ann", password="s3cret-word")
        assert (await git.resolve(spec, good, NOTHING)).tree
        bad = GitCredentials(username="ann", password="wr0ng-word")
        with pytest.raises(SourceError) as caught:
            await git.resolve(spec, bad, NOTHING)
        assert caught.value.fault is Fault.CREDENTIALS
        assert "wr0ng-word" not in str(caught.value)
    kept = b"".join(path.read_bytes() for path in (tmp_path / "cache").rglob("*") if path.is_file())
    assert b"s3cret-word" not in kept


async def test_a_broken_mirror_is_made_anew(place: Place) -> None:
    await place.git.resolve(place.spec(branch="main"), None, NOTHING)
    (mirror,) = (place.cache / "mirrors").iterdir()
    shutil.rmtree(mirror / "objects")
    (mirror / "HEAD").write_text("nonsense")
    commit = place.repository.commit({"b.yaml": "b: 2\n"}, "second")
    found = await place.git.resolve(place.spec(branch="main"), None, NOTHING, fresh=True)
    assert found.revision.id == commit
    async with place.git.checkout(found) as checkout:
        assert (checkout.path / "b.yaml").exists()


async def test_a_mirror_with_an_unreadable_file_is_made_anew(place: Place) -> None:
    found = await place.git.resolve(place.spec(branch="main"), None, NOTHING)
    (mirror,) = (place.cache / "mirrors").iterdir()
    for pack in (mirror / "objects").rglob("*"):
        if pack.is_file() and pack.suffix in ("", ".pack"):
            content = pack.read_bytes()
            pack.chmod(0o644)
            pack.write_bytes(content[:-40] + b"\0" * 40)
    shutil.rmtree(place.cache / "trees", ignore_errors=True)
    async with asyncio.timeout(120):
        while True:
            try:
                async with place.git.checkout(found) as checkout:
                    assert (checkout.path / "a" / "one.yaml").read_text() == FILES["a/one.yaml"]
                return
            except SourceError:
                with contextlib.suppress(SourceError):
                    found = await place.git.resolve(place.spec(branch="main"), None, NOTHING, fresh=True)


async def test_a_remotes_words_throw_no_mirror_away(place: Place) -> None:
    await place.git.resolve(place.spec(branch="main"), None, NOTHING)
    (mirror,) = (place.cache / "mirrors").iterdir()
    kept = mirror / "objects"
    marked = kept / "marked"
    marked.touch()
    place.repository.commit({"b.yaml": "b: 2\n"}, "second")
    place.server.faults.only, place.server.faults.cut_after = "git-upload-pack", 40
    with pytest.raises(SourceError):
        await place.git.resolve(place.spec(branch="main"), None, NOTHING, fresh=True)
    place.server.faults.clear()
    await place.git.resolve(place.spec(branch="main"), None, NOTHING, fresh=True)
    assert marked.exists()


async def test_locks_and_halves_of_a_killed_process_are_removed(place: Place) -> None:
    await place.git.resolve(place.spec(branch="main"), None, NOTHING)
    (mirror,) = (place.cache / "mirrors").iterdir()
    (mirror / "shallow.lock").touch()
    (mirror / "packed-refs.lock").touch()
    half = place.cache / "trees" / "abc.123.part"
    half.mkdir(parents=True)
    commit = place.repository.commit({"b.yaml": "b: 2\n"}, "second")
    async with GitSource(GitSettings(cache=place.cache)) as restarted:
        assert not half.exists()
        assert (await restarted.resolve(place.spec(branch="main"), None, NOTHING)).revision.id == commit


async def test_trees_that_nobody_uses_go_and_held_ones_stay(tmp_path: Path) -> None:
    repository = Repository.create(tmp_path / "git" / "repo.git")
    repository.commit(FILES, "first")
    async with (
        GitServer(tmp_path / "git") as server,
        GitSource(GitSettings(cache=tmp_path / "cache", keep_trees=1, poll_window=0)) as git,
    ):
        spec = GitSpec(server.url_of(repository), GitRef(branch="main"))
        async with git.checkout(await git.resolve(spec, None, NOTHING)) as held:
            for number in range(3):
                repository.commit({"n.yaml": f"n: {number}\n"}, "next")
                async with git.checkout(await git.resolve(spec, None, NOTHING, fresh=True)):
                    pass
            await asyncio.sleep(0.2)
            assert (held.path / "a" / "one.yaml").exists()
            assert len(list((tmp_path / "cache" / "trees").iterdir())) == 2


async def test_of_a_repository_that_nobody_follows_nothing_is_kept(place: Place, tmp_path: Path) -> None:
    spec = place.spec(branch="main")
    resolved = await place.git.resolve(spec, None, NOTHING)
    mirror = Path(resolved.location)
    assert mirror.exists()
    place.git.forget(spec)
    assert not mirror.exists()
    remotes = place.git._remotes
    cache = place.git.cache
    kept = (cache.mirrors, remotes._answers, cache.proofs._proven, cache.resolved, place.git._ref_of)
    assert not any(kept)
    assert (await place.git.resolve(spec, None, NOTHING)).tree == resolved.tree


async def test_a_tree_shares_with_the_one_before_what_is_the_same(place: Place) -> None:
    spec = place.spec(branch="main")
    before = await place.git.resolve(spec, None, NOTHING)
    made = {"run.sh": Executable("echo"), "new/deep/file": "x", "to": Symlink("run.sh")}
    changed = {"a/two.yaml": "two: changed\n", **made}
    place.repository.commit(changed, "change one, make some")
    after = await place.git.resolve(spec, None, NOTHING, fresh=True)
    place.repository.commit({"run.sh": "echo", "a/one.yaml": None}, "not executable, and one gone")
    last = await place.git.resolve(spec, None, NOTHING, fresh=True)
    async with place.git.checkout(before) as old, place.git.checkout(after) as new, place.git.checkout(last) as newest:
        assert (old.path / "a/one.yaml").samefile(new.path / "a/one.yaml")
        assert not (old.path / "a/two.yaml").samefile(new.path / "a/two.yaml")
        assert (new.path / "a/two.yaml").read_text() == "two: changed\n"
        assert (old.path / "a/two.yaml").read_text() == FILES["a/two.yaml"]
        assert (new.path / "run.sh").stat().st_mode & 0o777 == 0o555
        assert (newest.path / "run.sh").stat().st_mode & 0o777 == 0o444
        assert (newest.path / "to").readlink() == Path("run.sh") and not (newest.path / "a/one.yaml").exists()
        assert (newest.path / "new").stat().st_mode & 0o777 == 0o555, "nobody writes there"


async def test_what_the_tree_before_has_lost_is_written_anew(place: Place) -> None:
    spec = place.spec(branch="main")
    async with place.git.checkout(await place.git.resolve(spec, None, NOTHING)) as old:
        (old.path / "a").chmod(0o755)
        (old.path / "a/one.yaml").unlink()
    place.repository.commit({"b": "b"}, "another")
    async with place.git.checkout(await place.git.resolve(spec, None, NOTHING, fresh=True)) as new:
        assert (new.path / "a/one.yaml").read_text() == FILES["a/one.yaml"]


async def test_an_artifact_is_a_tarball_with_its_digest(place: Place, tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "artifacts", "http://host")
    ref = ObjectRef("source.toolkit.fluxcd.io", "GitRepository", "team", "repo")
    resolved = await place.git.resolve(place.spec(branch="main"), None, IgnoreRules(enabled=True))
    async with place.git.checkout(resolved) as checkout:
        first = await store.put(ref, resolved, checkout.path)
        assert (await store.put(ref, resolved, checkout.path)).digest == first.digest
    path = store.find(first.path)
    assert path is not None and first.url == f"http://host/{first.path}"
    raw = path.read_bytes()
    assert first.digest == f"sha256:{hashlib.sha256(raw).hexdigest()}" and first.size == len(raw)
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        assert sorted(tar.getnames()) == ["a", "a/one.yaml", "a/two.yaml"]
    for bad in ("../../etc/passwd", "gitrepository/team/../x", "gitrepository/team/repo/none.tar.gz", "/etc/passwd"):
        assert store.find(bad) is None
    store.drop(ref)
    assert store.find(first.path) is None


async def test_a_full_disk_is_named(place: Place, tmp_path: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("needs root to mount a small file system")
    small = tmp_path / "small"
    small.mkdir()
    mounted = await asyncio.create_subprocess_exec("mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(small))
    if await mounted.wait():
        pytest.skip("no file system can be mounted here")
    try:
        place.repository.commit({"big.bin": os.urandom(400_000)}, "big")
        async with GitSource(GitSettings(cache=small / "cache")) as git:
            with pytest.raises(SourceError) as caught:
                await git.resolve(place.spec(branch="main"), None, NOTHING)
            assert caught.value.fault is Fault.DISK, str(caught.value)
    finally:
        await (await asyncio.create_subprocess_exec("umount", "-l", str(small))).wait()


async def test_a_redirect_is_not_followed_with_credentials(tmp_path: Path) -> None:
    repository = Repository.create(tmp_path / "git" / "repo.git")
    repository.commit(FILES, "first")
    async with (
        GitServer(tmp_path / "git") as elsewhere,
        GitServer(tmp_path / "git") as server,
        GitSource(GitSettings(cache=tmp_path / "cache", poll_window=0)) as git,
    ):
        server.faults.redirect = elsewhere.url
        spec = GitSpec(server.url_of(repository), GitRef(branch="main"), timeout=5.0)
        for credentials in (
            GitCredentials(username="ann", password="s3cret-word"),
            GitCredentials(bearer="s3cret-word"),
        ):
            with pytest.raises(SourceError) as caught:
                await git.resolve(spec, credentials, NOTHING, fresh=True)
            assert caught.value.fault is Fault.URL, str(caught.value)
            assert "write the URL it redirects to" in str(caught.value) and "s3cret-word" not in str(caught.value)
        assert elsewhere.requests.seen == [], "the credentials went nowhere else"
        assert (await git.resolve(spec, None, NOTHING, fresh=True)).tree, "without credentials it is followed"


async def test_a_link_is_told_from_a_file_of_the_same_content(place: Place) -> None:
    place.repository.commit({"folder/target.yaml": "a: 1\n", "folder/other.yaml": "target.yaml"}, "a file")
    as_file = await place.git.resolve(place.spec(branch="main"), None, NOTHING, fresh=True)
    place.repository.commit({"folder/other.yaml": Symlink("target.yaml")}, "a link")
    as_link = await place.git.resolve(place.spec(branch="main"), None, NOTHING, fresh=True)
    file, link = await place.git.tree(as_file), await place.git.tree(as_link)
    assert file.items["folder/other.yaml"].id == link.items["folder/other.yaml"].id, "Git gives both one id"
    for path in ("folder/other.yaml", "folder", "."):
        assert file.entry(path) != link.entry(path), path
    assert file.entry("folder/target.yaml") == link.entry("folder/target.yaml")


async def test_a_sources_own_rules_win_over_those_in_the_tree(place: Place) -> None:
    place.repository.commit({".sourceignore": "a/one.yaml\n!a/two.yaml\n", "c.yaml": "c: 3\n"}, "rules in the tree")
    rules = IgnoreRules(enabled=True, text="!a/one.yaml\na/two.yaml\n")
    listing = await place.git.tree(await place.git.resolve(place.spec(branch="main"), None, rules, fresh=True))
    kept = {item.path for item in listing.files()}
    assert "a/one.yaml" in kept and "a/two.yaml" not in kept and "c.yaml" in kept


async def test_the_objects_own_rules_have_the_last_word(place: Place) -> None:
    files = {
        "app/cm.yaml": "a",
        "app/skip-me.yaml": "b",
        "app/nested/keep.yaml": "c",
        "app/.sourceignore": "skip-me.yaml\n!nested/keep.yaml\n",
        "other.yaml": "d",
    }
    place.repository.commit(files, "rules in a folder")
    rules = IgnoreRules(enabled=True, text="/*\n!/app\n/app/nested\n!/app/skip-me.yaml\n")
    listing = await place.git.tree(await place.git.resolve(place.spec(branch="main"), None, rules, fresh=True))
    assert sorted(item.path for item in listing.files()) == ["app/.sourceignore", "app/cm.yaml", "app/skip-me.yaml"]


async def test_rules_that_leave_nothing_give_an_empty_artifact(place: Place) -> None:
    rules = IgnoreRules(enabled=True, text="/*\n!/deploy\n")
    resolved = await place.git.resolve(place.spec(branch="main"), None, rules, fresh=True)
    assert list((await place.git.tree(resolved)).files()) == []
    async with place.git.checkout(resolved) as held:
        assert list(held.path.iterdir()) == []


async def test_links_are_left_out_of_tarballs(place: Place, tmp_path: Path) -> None:
    place.repository.commit({"link.yaml": Symlink("a/one.yaml"), "folder": Symlink("a")}, "links")
    resolved = await place.git.resolve(place.spec(branch="main"), None, NOTHING, fresh=True)
    store = ArtifactStore(tmp_path / "artifacts", "http://here")
    async with place.git.checkout(resolved) as held:
        artifact = await store.put(ObjectRef("g", "GitRepository", "ns", "r"), resolved, held.path)
    with tarfile.open(store.root / artifact.path) as tar:
        assert not [item.name for item in tar if not (item.isfile() or item.isdir())]
        assert "a/one.yaml" in tar.getnames() and "link.yaml" not in tar.getnames()


async def test_a_host_that_hangs_keeps_no_other_waiting(place: Place, tmp_path: Path) -> None:
    held: list[asyncio.StreamWriter] = []

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    dead = await asyncio.start_server(hang, "127.0.0.2", 0)
    port = dead.sockets[0].getsockname()[1]
    waiting = [
        asyncio.create_task(
            place.git.poll(GitSpec(f"http://127.0.0.2:{port}/{n}", GitRef(branch="main"), timeout=60), None)
        )
        for n in range(12)
    ]
    try:
        async with asyncio.timeout(120):
            while len(held) < 8:
                await asyncio.sleep(0.01)
            found = await place.git.poll(place.spec(branch="main"), None)
        assert found.id == place.repository.head()
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        for writer in held:
            writer.close()
        dead.close()
