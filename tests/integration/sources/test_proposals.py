"""Proposals on a real `git http-backend`, with a host that speaks GitHub's, GitLab's or Gitea's API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.hosts import TOKEN, GiteaServer, GitHubServer, GitLabServer
from trueup.core.model.artifact import SourceCredentials
from trueup.core.model.git import GitRef, GitSpec
from trueup.core.model.objects import ObjectRef
from trueup.core.model.unit import SourceDeclaration
from trueup.core.rollback.proposal import Proposal, ProposalError
from trueup.devtools.gitserver import GitServer, Repository
from trueup.git.reverting import MOST_PATHS, Author, folded
from trueup.scm import HostKind
from trueup.sources.git import GitSettings, GitSource
from trueup.sources.git.proposals import ProposalSettings, RevertProposals

UNIT = ObjectRef("argoproj.io", "Application", "argocd", "shop")
SOURCE = ObjectRef("source.toolkit.fluxcd.io", "GitRepository", "flux-system", "shop")
TEXT = "one: 1\ntwo: 2\nthree: 3\nfour: 4\nfive: 5\nsix: 6\nseven: 7\neight: 8\n"
FILES = {"shop/a.yaml": TEXT, "shop/b.yaml": "b: 1\n", "other/c.yaml": "c: 1\n"}


class Place:
    """A repository, its remote, and what proposes; the Git server lets in who knows the token."""

    def __init__(self, server: GitServer, repository: Repository, cache: Path) -> None:
        self.server = server
        self.repository = repository
        self.good = repository.commit(FILES, "good")
        self.url = server.url_of(repository)
        self.cache = cache
        self.token = TOKEN
        self.branch = "main"

    async def of(self, declaration: SourceDeclaration) -> SourceCredentials | None:
        return SourceCredentials({"username": b"git", "password": self.token.encode()})

    def declaration(self, ref: ObjectRef) -> SourceDeclaration | None:
        return SourceDeclaration(ref, "uid", 1, GitSpec(self.url, GitRef(branch=self.branch), timeout=10.0))

    def proposals(self, **fields: object) -> RevertProposals:
        settings = ProposalSettings(Author("Trueup", "trueup@example.com"), **fields)
        return RevertProposals(GitSource(GitSettings(cache=self.cache)), self, self.declaration, settings)

    def proposal(self, bad: str, **fields: object) -> Proposal:
        values = {"branch": "main", "paths": ("shop",), "title": "Revert it", "body": "It failed.", **fields}
        return Proposal(UNIT, SOURCE, self.url, bad, str(fields.pop("good", self.good)), **values)

    def change(self, files: dict[str, str | None], message: str = "change") -> str:
        return self.repository.commit(files, message)

    def file(self, branch: str, path: str) -> str:
        return self.repository.git("show", f"{branch}:{path}")

    def log(self, branch: str) -> list[str]:
        return self.repository.git("log", "--format=%s", f"main..{branch}").splitlines()


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    repository = Repository.create(tmp_path / "git" / "owner" / "name.git")
    async with GitServer(tmp_path / "git", users={"git": TOKEN}) as server:
        yield Place(server, repository, tmp_path / "cache")


def branch_of(bad: str) -> str:
    return f"trueup/revert-{bad[:12]}"


async def test_one_commit_is_reverted_on_a_branch(place: Place) -> None:
    bad = place.change({"shop/a.yaml": TEXT.replace("one: 1", "one: bad")}, "Break one")
    later = place.change({"shop/a.yaml": TEXT.replace("one: 1", "one: bad").replace("8", "88")}, "Later, elsewhere")
    made = await place.proposals().propose(place.proposal(bad))
    assert (made.branch, made.url) == (branch_of(bad), "")
    assert place.log(made.branch) == ['Revert "Break one"']
    assert place.file(made.branch, "shop/a.yaml") == TEXT.replace("8", "88").strip()
    shown = place.repository.git("show", "-s", "--format=%an <%ae>%n%P%n%B", made.branch)
    assert shown.startswith(f"Trueup <trueup@example.com>\n{later}\n")
    assert f"This reverts commit {bad}." in shown
    place.repository.git("fsck", "--strict")


async def test_of_several_commits_those_that_touch_the_unit_are_reverted_newest_first(place: Place) -> None:
    place.change({"shop/a.yaml": TEXT.replace("one: 1", "one: x")}, "First")
    place.change({"other/c.yaml": "c: 2\n"}, "Of others")
    bad = place.change({"shop/new.yaml": "n: 1\n", "shop/b.yaml": None}, "Second")
    made = await place.proposals().propose(place.proposal(bad))
    assert place.log(made.branch) == ['Revert "First"', 'Revert "Second"']
    assert place.file(made.branch, "shop/a.yaml") == TEXT.strip()
    assert place.file(made.branch, "other/c.yaml") == "c: 2"
    assert place.repository.git("ls-tree", "--name-only", made.branch, "shop/").split() == [
        "shop/a.yaml",
        "shop/b.yaml",
    ]


async def test_a_merge_is_reverted_against_its_first_parent(place: Place) -> None:
    place.repository.branch("feature", place.good)
    side = place.repository.commit({"shop/b.yaml": "b: merged\n"}, "Side", branch="feature")
    main = place.change({"other/c.yaml": "c: 3\n"}, "Main")
    bad = place.repository.commit({"shop/b.yaml": "b: merged\n"}, "Merge feature", parents=[main, side])
    made = await place.proposals().propose(place.proposal(bad))
    assert place.log(made.branch) == ['Revert "Merge feature"']
    assert place.file(made.branch, "shop/b.yaml") == "b: 1"
    assert place.file(made.branch, "other/c.yaml") == "c: 3"
    assert f"changes made to {main}" in place.repository.git("show", "-s", "--format=%B", made.branch)


async def test_what_does_not_merge_is_brought_back_to_the_good_content(place: Place) -> None:
    bad = place.change({"shop/a.yaml": "one: bad\n", "other/c.yaml": "c: 9\n", "shop/x/y.yaml": "y: 1\n"}, "Break")
    place.change({"shop/a.yaml": "one: still bad\n"}, "Try to mend")
    made = await place.proposals().propose(place.proposal(bad))
    assert place.file(made.branch, "shop/a.yaml") == TEXT.strip()
    assert place.file(made.branch, "other/c.yaml") == "c: 9"
    assert "x" not in place.repository.git("ls-tree", "--name-only", f"{made.branch}:shop").split()
    assert place.log(made.branch)[0].startswith("Restore what commit")


async def test_a_rewritten_history_is_brought_back_too(place: Place) -> None:
    bad = place.repository.commit({**FILES, "shop/b.yaml": "b: bad\n"}, "Rewritten", parents=[])
    made = await place.proposals().propose(place.proposal(bad))
    assert place.file(made.branch, "shop/b.yaml") == "b: 1"


@pytest.mark.parametrize("branch", ["", "v1.0.0"])
async def test_without_a_branch_of_that_name_the_default_one_is_changed(place: Place, branch: str) -> None:
    bad = place.change({"shop/b.yaml": "b: bad\n"}, "Break")
    place.repository.tag("v1.0.0", bad)
    made = await place.proposals().propose(place.proposal(bad, branch=branch))
    assert place.log(made.branch) == ['Revert "Break"']


@pytest.mark.parametrize("declared", ["staging", ""])
async def test_another_branch_than_the_default_one_is_changed(place: Place, declared: str) -> None:
    place.branch = declared
    place.repository.branch("staging", place.good)
    bad = place.repository.commit({"shop/b.yaml": "b: bad\n"}, "Break", branch="staging")
    made = await place.proposals().propose(place.proposal(bad, branch="staging"))
    assert place.repository.git("rev-parse", f"{made.branch}^") == bad


async def test_where_no_commit_touches_what_is_read_now_all_are_taken_back(place: Place) -> None:
    bad = place.change({"shop/b.yaml": None}, "Remove")
    made = await place.proposals().propose(place.proposal(bad, paths=("shop/a.yaml",)))
    assert place.log(made.branch) == ['Revert "Remove"'] and place.file(made.branch, "shop/b.yaml") == "b: 1"


async def test_what_is_reverted_already_is_not_proposed(place: Place) -> None:
    bad = place.change({"shop/b.yaml": "b: bad\n"}, "Break")
    place.repository.revert()
    with pytest.raises(ProposalError, match="nothing to revert") as caught:
        await place.proposals().propose(place.proposal(bad))
    assert not caught.value.retriable


async def test_nothing_of_a_proposal_stays_in_the_cache(place: Place) -> None:
    bad = place.change({"shop/b.yaml": "b: bad\n"}, "Break")
    made = await place.proposals().propose(place.proposal(bad))
    (mirror,) = (place.cache / "mirrors").glob("*")
    assert made.branch not in place.repository.git("--git-dir", str(mirror), "for-each-ref")
    pushed = place.repository.head(made.branch)
    with pytest.raises(RuntimeError):
        place.repository.git("--git-dir", str(mirror), "cat-file", "-e", pushed)


async def test_a_remote_that_lets_nobody_push_is_named_without_the_token(place: Place) -> None:
    bad = place.change({"shop/b.yaml": "b: bad\n"}, "Break")
    place.repository.git("config", "http.receivepack", "false")
    with pytest.raises(ProposalError) as caught:
        await place.proposals().propose(place.proposal(bad))
    assert TOKEN not in str(caught.value) and "pushed" in str(caught.value)


# ---------------------------------------------------------------------------------------------- with a host's API

Server = GitHubServer | GiteaServer | GitLabServer


@pytest.fixture(params=[HostKind.GITHUB, HostKind.GITLAB, HostKind.GITEA])
async def host(request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    kinds = {HostKind.GITHUB: GitHubServer, HostKind.GITLAB: GitLabServer, HostKind.GITEA: GiteaServer}
    async with kinds[request.param]() as made:
        made.kind = request.param
        yield made


def with_host(place: Place, host: Server) -> RevertProposals:
    return place.proposals(hosts={f"127.0.0.1:{place.server.port}": (host.kind, host.api)})


async def test_fifty_units_of_one_bad_commit_are_one_pull_request(place: Place, host: Server) -> None:
    bad = place.change({"shop/b.yaml": "b: bad\n"}, "Break")
    proposals = with_host(place, host)
    made = await asyncio.gather(*(proposals.propose(place.proposal(bad)) for _ in range(50)))
    assert len(set(made)) == 1 and made[0].number == 1 and made[0].url.startswith(host.url)
    assert len(host.pulls) == 1 and len(host.writes()) == 1
    text = host.pulls[0].get("body") or host.pulls[0].get("description")
    assert "It failed." in text and bad in text


async def test_a_restart_finds_what_was_proposed_and_opens_nothing_again(place: Place, host: Server) -> None:
    bad = place.change({"shop/b.yaml": "b: bad\n"}, "Break")
    first = await with_host(place, host).propose(place.proposal(bad))
    assert await with_host(place, host).propose(place.proposal(bad)) == first
    host.close(first.number)
    place.repository.delete_branch(first.branch)
    assert await with_host(place, host).propose(place.proposal(bad)) == first
    assert len(host.pulls) == 1 and not place.repository.head(first.branch)


async def test_a_crash_between_branch_and_pull_request_is_made_good(place: Place, host: Server) -> None:
    bad = place.change({"shop/b.yaml": "b: bad\n"}, "Break")
    await place.proposals().propose(place.proposal(bad))
    head = place.repository.head(branch_of(bad))
    made = await with_host(place, host).propose(place.proposal(bad))
    assert made.number == 1 and place.repository.head(made.branch) == head


async def test_a_host_that_is_down_is_asked_again_later(place: Place, host: Server) -> None:
    bad = place.change({"shop/b.yaml": "b: bad\n"}, "Break")
    proposals = place.proposals(hosts={f"127.0.0.1:{place.server.port}": (host.kind, "http://127.0.0.1:1")})
    with pytest.raises(ProposalError) as caught:
        await proposals.propose(place.proposal(bad))
    assert caught.value.retriable
    assert (await with_host(place, host).propose(place.proposal(bad))).number == 1


async def test_a_host_that_forbids_pull_requests_still_gets_the_branch(place: Place, host: Server) -> None:
    bad = place.change({"shop/b.yaml": "b: bad\n"}, "Break")
    real = host.answer
    host.answer = lambda method, *rest: None if method == "POST" else real(method, *rest)  # type: ignore[method-assign]
    made = await with_host(place, host).propose(place.proposal(bad))
    assert (made.branch, made.url) == (branch_of(bad), "") and place.repository.head(made.branch)


# ------------------------------------------------------------------------------------------------------ settings


def test_the_author_is_read_from_the_environment() -> None:
    read = ProposalSettings.from_environment({"TRUEUP_SCM_AUTHOR": "Ops Bot <bot@example.com>"})
    assert read.author == Author("Ops Bot", "bot@example.com")
    for wrong in ("Ops", "<a@b>", "Ops <>", "Ops\n<a@b>", "a>b <c@d>"):
        with pytest.raises(ValueError, match="TRUEUP_SCM_AUTHOR"):
            ProposalSettings.from_environment({"TRUEUP_SCM_AUTHOR": wrong})


def test_many_paths_are_folded_into_their_folders() -> None:
    assert folded(["a/b.yaml", "a/b.yaml", "c"]) == ["a/b.yaml", "c"]
    assert folded([f"a/{number % 5}/{number}.yaml" for number in range(MOST_PATHS * 2)]) == [f"a/{n}" for n in range(5)]
    assert folded(["", "a"]) == [] == folded([f"{number}" for number in range(MOST_PATHS + 1)])
