"""Who goes first where a tenant takes more than is theirs, and that nothing of anybody else's does."""

from __future__ import annotations

from pathlib import Path

import pytest

from trueup.core.model.artifact import Fault, SourceError, amount
from trueup.git.mirror import Mirror
from trueup.git.settings import GitSettings, Limits, read_size
from trueup.git.trees import Trees
from trueup.git.urls import read_url
from trueup.sources.quotas import Quotas

ANN, BOB = "ann/", "bob/"


class Books:
    """Quotas of 100 bytes a tenant and 80 a repository, and mirrors that are a single file."""

    def __init__(self, folder: Path) -> None:
        self.settings = GitSettings(cache=folder, limits=Limits(repository=80, tenant=100))
        self.given_up: list[str] = []
        self.quotas = Quotas(self.settings.limits, Trees(folder / "trees", 1, "git"), self.give_up)

    def give_up(self, address: str) -> None:
        self.given_up.append(address.rpartition("/")[2])

    async def fetch(self, name: str, size: int, tenant: str, *followers: str) -> None:
        mirror = Mirror(self.settings, read_url(f"https://git.example/{name}"))
        self.quotas.followed(mirror.address, frozenset((tenant, *followers)))
        self.quotas.admit(mirror, tenant, "commit", name)
        mirror.folder.mkdir(parents=True, exist_ok=True)
        (mirror.folder / "pack").write_bytes(bytes(size))
        await self.quotas.measure(mirror)
        self.quotas.check(mirror, tenant, "commit", name)


@pytest.fixture(name="books")
def some_books(tmp_path: Path) -> Books:
    return Books(tmp_path)


async def test_what_was_used_longest_ago_goes_first(books: Books) -> None:
    for name in ("one", "two"):
        await books.fetch(name, 40, ANN)
    books.quotas.used(str(Mirror(books.settings, read_url("https://git.example/one")).folder))
    await books.fetch("three", 40, ANN)
    assert books.given_up == ["two"] and books.quotas.usage(ANN) == 80


async def test_nothing_of_another_tenant_goes(books: Books) -> None:
    await books.fetch("bobs", 70, BOB)
    for number in range(5):
        await books.fetch(f"anns-{number}", 60, ANN)
    assert "bobs" not in books.given_up and books.quotas.usage(BOB) == 70


async def test_what_several_follow_stays_for_whom_it_fits(books: Books) -> None:
    await books.fetch("shared", 70, BOB, ANN)
    with pytest.raises(SourceError, match=r"takes 60 B on disk.*namespace ann may take 100 B") as caught:
        await books.fetch("anns", 60, ANN)
    assert caught.value.fault is Fault.TOO_LARGE and caught.value.stalled
    assert books.given_up == ["anns"]
    with pytest.raises(SourceError, match="TRUEUP_GIT_TENANT_QUOTA"):
        await books.fetch("anns", 1, ANN)
    books.quotas.followed("https://git.example/shared", frozenset({BOB}))
    await books.fetch("anns", 60, ANN)


async def test_one_repository_is_too_large(books: Books) -> None:
    with pytest.raises(SourceError, match="one repository may take 80 B"):
        await books.fetch("huge", 90, ANN)
    assert books.given_up == ["huge"] and not books.quotas.usage(ANN)


@pytest.mark.parametrize(("text", "size"), [("", 7), ("0", 0), ("500Mi", 500 * 1024**2), ("20Gi", 20 * 1024**3)])
def test_sizes(text: str, size: int) -> None:
    assert read_size("X", {"X": text}, 7) == size


def test_no_size() -> None:
    with pytest.raises(ValueError, match="X: 'much' is no size"):
        read_size("X", {"X": "much"}, 7)
    assert amount(3 * 1024**3 + 1) == "3.0 GiB" and amount(5) == "5 B"
