"""The wall of repositories' content: whatever a tree holds is a file in its folder, or is refused by name."""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from trueup.core.model.artifact import Fault, IgnoreRules, Resolved, SourceError
from trueup.core.model.git import GitRef, GitSpec
from trueup.core.model.objects import ObjectRef
from trueup.devtools.gitserver import GitServer, Repository, Submodule, Symlink
from trueup.fairness import TENANT
from trueup.git.settings import GitSettings, Limits
from trueup.sources.artifacts import ArtifactStore
from trueup.sources.git.repositories import GitSource

KILOBYTE = 1024
LIMITS = Limits(files=1000, depth=20, tree=1024 * KILOBYTE, repository=700 * KILOBYTE, tenant=1000 * KILOBYTE)
ANN, BOB = "ann/", "bob/"


class Place:
    """A server, and sources whose bounds are small."""

    def __init__(self, server: GitServer, git: GitSource, folder: Path) -> None:
        self.server = server
        self.git = git
        self.folder = folder

    def repository(self, name: str) -> Repository:
        return Repository.create(self.server.root / f"{name}.git")

    def spec(self, name: str, **ref: str) -> GitSpec:
        return GitSpec(f"{self.server.url}/{name}.git", GitRef(**(ref or {"branch": "main"})), timeout=20.0)

    async def resolve(self, name: str, tenant: str = ANN, *also: str, **ref: str) -> Resolved:
        TENANT.set(tenant)
        self.git.followed(self.spec(name), frozenset((tenant, *also)))
        return await self.git.resolve(self.spec(name, **ref), None, IgnoreRules(), fresh=True)

    async def refused(self, name: str, *words: str, tenant: str = ANN) -> SourceError:
        with pytest.raises(SourceError) as caught:
            async with self.git.checkout(await self.resolve(name, tenant)):
                pass
        assert all(word in str(caught.value) for word in words), caught.value
        return caught.value

    def has(self, name: str) -> bool:
        """Say whether there is a mirror of a repository."""
        mirror = self.git.cache.mirrors.get(self.spec(name).url)
        return mirror is not None and mirror.folder.exists()


@pytest.fixture(name="place")
async def a_place(tmp_path: Path) -> AsyncIterator[Place]:
    (tmp_path / "git").mkdir()
    async with (
        GitServer(tmp_path / "git") as server,
        GitSource(GitSettings(cache=tmp_path / "cache", limits=LIMITS)) as git,
    ):
        yield Place(server, git, tmp_path)


def write_tree(repository: Repository, *entries: tuple[str, bytes, str]) -> str:
    """Write a tree as no client would: modes, names and ids are taken as they are."""
    raw = b"".join(mode.encode() + b" " + name + b"\0" + bytes.fromhex(one) for mode, name, one in entries)
    return repository.git("hash-object", "-t", "tree", "-w", "--literally", "--stdin", stdin=raw)


def commit_tree(repository: Repository, tree: str) -> None:
    identity = {f"GIT_{role}_{part}": "x@x" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
    command = ["git", "commit-tree", tree, "-m", "x"]
    done = subprocess.run(command, cwd=repository.path, env={**os.environ, **identity}, capture_output=True, check=True)
    repository.branch("main", done.stdout.decode().strip())


def blob(repository: Repository, content: bytes = b"x") -> str:
    return repository.git("hash-object", "-w", "--stdin", stdin=content)


# ------------------------------------------------------------------------------------------------------ trees


async def test_a_tree_of_a_tree_of_a_tree(place: Place) -> None:
    """A few hundred bytes that stand for a million files: each folder holds the one below ten times."""
    made = place.repository("bomb")
    tree = write_tree(made, ("100644", b"f", blob(made)))
    for _ in range(6):
        tree = write_tree(made, *(("40000", f"d{number}".encode(), tree) for number in range(10)))
    commit_tree(made, tree)
    assert (await place.refused("bomb", "the tree is too large")).fault is Fault.TOO_LARGE


async def test_folders_without_end(place: Place) -> None:
    made = place.repository("deep")
    made.commit({"/".join(["d"] * 200) + "/f": "x"}, "deep")
    assert (await place.refused("deep", "the tree is too large")).fault is Fault.TOO_LARGE


@pytest.mark.parametrize("name", [b"..", b".", b".git", b".GIT", b"a/b", b"../../escape", b""])
async def test_names_that_lead_out(place: Place, name: bytes) -> None:
    made = place.repository("names")
    commit_tree(made, write_tree(made, ("100644", name, blob(made))))
    assert (await place.refused("names")).fault in (Fault.HOSTILE, Fault.PROTOCOL)
    assert not (place.folder / "escape").exists() and not (place.folder / "cache" / "escape").exists()


async def test_names_that_no_terminal_bears(place: Place) -> None:
    """Control characters, line breaks, and names that differ in case alone: each is a file of its own."""
    names = ["\x1b[2J", "a\nb", "-rf", "A", "a", "\u202ename", "ü"]
    place.repository("odd").commit({f"x/{name}": name for name in names}, "odd")
    async with place.git.checkout(await place.resolve("odd")) as held:
        assert sorted(path.name for path in (held.path / "x").iterdir()) == sorted(names)


async def test_links_out_of_the_tree(place: Place, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("canary")
    links = {"a": Symlink(str(tmp_path / "secret")), "b": Symlink("../../../../etc"), "d": Symlink("d"), "f": "x"}
    place.repository("links").commit(links, "links")
    resolved = await place.resolve("links")
    async with place.git.checkout(resolved) as held:
        store = ArtifactStore(tmp_path / "store", "http://x")
        artifact = await store.put(ObjectRef("g", "GitRepository", "ann", "links"), resolved, held.path)
    assert b"canary" not in (tmp_path / "store" / artifact.path).read_bytes()


async def test_filters_and_hooks_of_a_repository(place: Place, tmp_path: Path) -> None:
    """Attributes that name filters, a `.gitmodules` with commands, and a hook: nothing of them is run."""
    mark = tmp_path / "ran"
    made = place.repository("filters")
    made.commit(
        {
            ".gitattributes": "* filter=evil export-subst ident\n",
            ".gitmodules": f'[submodule "x"]\n\tpath = x\n\turl = file://{tmp_path}\n\tupdate = !touch {mark}\n',
            ".gitconfig": f'[filter "evil"]\n\tsmudge = touch {mark}\n',
            "f": "$Id$ $Format:%H$",
        },
        "filters",
    )
    (made.path / "hooks" / "post-checkout").write_text(f"#!/bin/sh\ntouch {mark}\n")
    (made.path / "hooks" / "post-checkout").chmod(0o755)
    try:
        async with place.git.checkout(await place.resolve("filters")) as held:
            assert (held.path / "f").read_text() == "$Id$ $Format:%H$"
    except SourceError as error:
        assert error.fault is Fault.HOSTILE
    assert not mark.exists()


async def test_a_submodule_of_this_machine(place: Place, tmp_path: Path) -> None:
    Repository.create(tmp_path / "inner").commit({"secret": "canary"}, "x")
    modules = f'[submodule "x"]\n\tpath = x\n\turl = {tmp_path / "inner"}\n'
    place.repository("outer").commit({".gitmodules": modules, "x": Submodule("1" * 40), "f": "x"}, "x")
    async with place.git.checkout(await place.resolve("outer")) as held:
        assert not any("canary" in path.read_text() for path in held.path.rglob("*") if path.is_file())


async def test_refs_by_the_thousand(place: Place) -> None:
    made = place.repository("refs")
    first = made.commit({"f": "x"}, "x")
    lines = "".join(f"create refs/heads/b{number} {first}\n" for number in range(20_000))
    made.git("update-ref", "--stdin", stdin=lines.encode())
    assert (await place.resolve("refs")).revision.id == first
    assert (await place.resolve("refs", branch="b7")).revision.id == first


# ------------------------------------------------------------------------------------------------------- disk


def grow(repository: Repository, size: int, *, anew: bool = False) -> str:
    """Commit what cannot be made smaller; `anew`: in place of all that was there."""
    return repository.commit({"f": os.urandom(size)}, "grow", parents=[] if anew else None)


async def test_many_repositories_of_one_tenant(place: Place) -> None:
    """The last ones stay, and another tenant's is not touched."""
    grow(place.repository("bobs"), 300 * KILOBYTE)
    await place.resolve("bobs", BOB)
    for number in range(6):
        grow(place.repository(f"anns-{number}"), 400 * KILOBYTE)
        await place.resolve(f"anns-{number}")
    assert [place.has(f"anns-{number}") for number in range(6)] == [False] * 4 + [True] * 2
    assert place.has("bobs")
    assert (await place.resolve("anns-0")).tree, "what was given up is fetched again"


async def test_a_branch_that_is_forced_again_and_again(place: Place) -> None:
    """What was once wanted does not pile up."""
    made = place.repository("forced")
    for _ in range(6):
        wanted = grow(made, 300 * KILOBYTE, anew=True)
        assert (await place.resolve("forced")).revision.id == wanted
    taken = sum(path.stat().st_size for path in (place.folder / "cache" / "mirrors").rglob("*") if path.is_file())
    assert taken < LIMITS.repository + 100 * KILOBYTE


async def test_one_repository_beyond_all_bounds(place: Place) -> None:
    grow(place.repository("huge"), 900 * KILOBYTE)
    error = await place.refused("huge", "one repository may take 700.0 KiB", "TRUEUP_GIT_REPOSITORY_QUOTA")
    assert error.fault is Fault.TOO_LARGE and error.stalled and not place.has("huge")


async def test_filling_up_by_what_others_follow_as_well(place: Place) -> None:
    """Whoever follows everybody's repositories uses up their own room alone."""
    for number in range(2):
        grow(place.repository(f"bobs-{number}"), 450 * KILOBYTE)
        await place.resolve(f"bobs-{number}", BOB, ANN)
    grow(place.repository("mine"), 300 * KILOBYTE)
    await place.refused("mine", "all repositories of namespace ann may take", "remove sources that are not needed")
    assert place.has("bobs-0") and place.has("bobs-1") and not place.has("mine")
    await place.resolve("bobs-0", BOB)


async def test_tarballs_of_one_namespace(place: Place, tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "store", "http://x", 1000 * KILOBYTE)
    made = place.repository("packed")

    async def put(namespace: str, name: str) -> None:
        grow(made, 400 * KILOBYTE, anew=True)
        resolved = await place.resolve("packed")
        async with place.git.checkout(resolved) as held:
            await store.put(ObjectRef("g", "GitRepository", namespace, name), resolved, held.path)

    await put("bob", "one")
    for _ in range(3):
        await put("ann", "one")
    await put("ann", "two")
    with pytest.raises(SourceError, match=r"all tarballs of namespace ann may take 1000.0 KiB \(TRUEUP_ARTIFACT_QUOTA"):
        await put("ann", "three")
    found = [path.parent.name for path in (tmp_path / "store").rglob("*.tar.gz")]
    assert sorted(found) == ["one", "one", "two"], "the earlier ones have gone, and nobody else's"
