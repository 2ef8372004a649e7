"""Submodules on real Git servers: laid into the tree, fetched as whom they may be, never from where they must not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from trueup.core.model.artifact import Fault, IgnoreRules, Resolved, SourceError
from trueup.core.model.git import GitRef, GitSpec
from trueup.devtools.gitserver import GitServer, Repository, Submodule
from trueup.git.credentials import GitCredentials
from trueup.sources.git import GitSettings, GitSource

NOTHING = IgnoreRules()


def modules(**places: str) -> str:
    return "".join(f'[submodule "{name}"]\n\tpath = {name}\n\turl = {url}\n' for name, url in places.items())


class Place:
    def __init__(self, root: Path, server: GitServer, git: GitSource) -> None:
        self.root = root
        self.server = server
        self.git = git

    def repository(self, name: str, files: dict[str, object]) -> Repository:
        made = Repository.create(self.root / f"{name}.git")
        made.commit(files, name)  # type: ignore[arg-type]
        return made

    def spec(self, repository: Repository) -> GitSpec:
        return GitSpec(self.server.url_of(repository), GitRef(branch="main"), submodules=True, timeout=10.0)

    async def take(self, repository: Repository, creds: GitCredentials | None = None) -> Resolved:
        return await self.git.resolve(self.spec(repository), creds, NOTHING, fresh=True)

    async def refused(self, repository: Repository, words: str) -> SourceError:
        with pytest.raises(SourceError, match=words) as caught:
            await self.take(repository)
        return caught.value

    async def files(self, resolved: Resolved) -> dict[str, str]:
        async with self.git.checkout(resolved) as held:
            paths = [path for path in held.path.rglob("*") if path.is_file() and path.name != ".gitmodules"]
            return {path.relative_to(held.path).as_posix(): path.read_text() for path in paths}


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    (tmp_path / "git" / "team").mkdir(parents=True)
    async with (
        GitServer(tmp_path / "git") as server,
        GitSource(GitSettings(cache=tmp_path / "cache", poll_window=0.0)) as git,
    ):
        yield Place(tmp_path / "git" / "team", server, git)


async def test_files_of_submodules_within_each_other_are_laid_into_the_tree(place: Place, tmp_path: Path) -> None:
    deep = place.repository("deep", {"deep.yaml": "3"})
    inner_files = {"inner.yaml": "2", ".gitmodules": modules(deep="../deep.git"), "deep": Submodule(deep.head())}
    inner = place.repository("inner", inner_files)
    url = place.server.url_of(inner)
    outer = place.repository("outer", {"a.yaml": "1", ".gitmodules": modules(lib=url), "lib": Submodule(inner.head())})
    found = await place.take(outer)
    assert await place.files(found) == {"a.yaml": "1", "lib/inner.yaml": "2", "lib/deep/deep.yaml": "3"}
    assert found.revision.id == outer.head() and not found.warnings
    # Another commit of the submodule is another tree, the same one the same.
    inner.commit({"inner.yaml": "changed"}, "second")
    assert (await place.take(outer)).tree == found.tree
    outer.commit({"lib": Submodule(inner.head())}, "moved")
    moved = await place.take(outer)
    assert (await place.files(moved))["lib/inner.yaml"] == "changed"
    # A restart without any server knows both.
    await place.server.__aexit__(None, None, None)
    async with GitSource(GitSettings(cache=tmp_path / "cache")) as again:
        for known in (found, moved):
            recalled = await again.recall(place.spec(outer), known.revision, None, NOTHING)
            assert recalled is not None and recalled.tree == known.tree


async def test_a_submodule_of_a_commit_that_no_branch_holds_any_more(place: Place) -> None:
    inner = place.repository("inner", {"f": "old"})
    old = inner.head()
    inner.commit({"f": "new"}, "new", parents=[])
    outer = place.repository("outer", {".gitmodules": modules(lib="../inner.git"), "lib": Submodule(old)})
    assert await place.files(await place.take(outer)) == {"lib/f": "old"}
    outer.commit({"lib": Submodule("1" * 40)}, "nowhere")
    await place.refused(outer, "submodule 'lib'")


async def test_a_link_without_a_url_is_left_and_told(place: Place) -> None:
    outer = place.repository("outer", {"f": "x", "lib": Submodule("1" * 40)})
    found = await place.take(outer)
    assert found.warnings == ("the submodule 'lib' is not fetched",) and await place.files(found) == {"f": "x"}


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc",
        "/etc/passwd",
        "ext::sh -c touch% /tmp/owned",
        "fd::17",
        "--upload-pack=touch /tmp/owned",
        "git://host.example/x",
        "http://169.254.169.254/latest",
        "http://localhost:1/x",
        "http://[::1]:1/x",
        "../../../../../x",
        "",
    ],
)
async def test_what_is_not_followed(place: Place, url: str) -> None:
    outer = place.repository("outer", {".gitmodules": modules(lib=url), "lib": Submodule("1" * 40), "f": "x"})
    if not url:
        assert (await place.take(outer)).warnings
        return
    assert (await place.refused(outer, r"is not followed|disallowed submodule url")).fault is Fault.HOSTILE


async def test_a_file_that_cannot_be_read_is_told(place: Place) -> None:
    outer = place.repository("outer", {".gitmodules": "[submodule", "lib": Submodule("1" * 40)})
    assert (await place.refused(outer, r"\.gitmodules cannot be read")).fault is Fault.HOSTILE


async def test_submodules_without_end_are_given_up(place: Place) -> None:
    inner = place.repository("m0", {"f": "0"})
    for number in range(1, 12):
        files = {".gitmodules": modules(n=f"../m{number - 1}.git"), "n": Submodule(inner.head())}
        inner = place.repository(f"m{number}", files)
    assert (await place.refused(inner, "8 within each other")).fault is Fault.TOO_LARGE


async def test_credentials_go_along_to_the_same_host_alone(tmp_path: Path) -> None:
    creds = GitCredentials(username="ann", password="secret-word")
    for root in ("one", "two"):
        (tmp_path / root).mkdir()
    async with (
        GitServer(tmp_path / "one", users={"ann": "secret-word"}) as one,
        GitServer(tmp_path / "two") as two,
        GitSource(
            GitSettings(
                cache=tmp_path / "cache", poll_window=0.0, instead_of=(("https://two.example/", f"{two.url}/"),)
            )
        ) as git,
    ):
        place = Place(tmp_path / "one", one, git)
        here = place.repository("here", {"f": "here"})
        there = Repository.create(tmp_path / "two" / "there.git")
        there.commit({"f": "there"}, "there")
        files = {
            ".gitmodules": modules(a="../here.git", b="https://two.example/there.git"),
            "a": Submodule(here.head()),
            "b": Submodule(there.head()),
        }
        outer = place.repository("outer", files)
        assert await place.files(await place.take(outer, creds)) == {"a/f": "here", "b/f": "there"}
        with pytest.raises(SourceError) as refused:
            await place.take(outer)
        assert refused.value.fault is Fault.CREDENTIALS


async def test_the_history_of_a_repository_is_had_whole_beside_its_submodules(tmp_path: Path) -> None:
    (tmp_path / "git" / "team").mkdir(parents=True)
    settings = GitSettings(cache=tmp_path / "cache", poll_window=0.0, keep_commits=1)
    async with GitServer(tmp_path / "git") as server, GitSource(settings) as git:
        place = Place(tmp_path / "git" / "team", server, git)
        inner = place.repository("inner", {"f": "0"})
        outer = place.repository("outer", {".gitmodules": modules(lib="../inner.git"), "own": "1"})
        first = outer.head()
        for number in range(3):
            inner.commit({"f": str(number)}, f"inner {number}")
            outer.commit({"lib": Submodule(inner.head())}, f"outer {number}")
        found = await place.take(outer)
        for _ in range(2):
            log = await git.git_log(place.spec(outer), found, None)
            assert await log.last(found.revision.id, "own") == first
        inner.commit({"f": "last"}, "last")
        outer.commit({"lib": Submodule(inner.head())}, "last")
        assert await place.files(await place.take(outer)) == {"own": "1", "lib/f": "last"}
