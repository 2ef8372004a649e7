"""Proposals as branches and pull requests: Git makes and pushes the branch, the repository's host opens the request.

Made once for a repository and its bad commit, over restarts too: the branch's name comes from the commit, a branch that
is there is not pushed again, and a pull request of that branch, whatever became of it, is the answer.
"""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import msgspec
import structlog

from trueup.core.model.artifact import SourceError
from trueup.core.model.git import GitSpec
from trueup.core.model.objects import ObjectRef
from trueup.core.model.unit import SourceDeclaration
from trueup.core.ports import Credentials
from trueup.core.rollback.proposal import BODY_LIMIT, Proposal, ProposalError, Proposed
from trueup.git.credentials import GitCredentials, git_credentials
from trueup.git.reverting import Author, NothingToTakeBack, Pushed, Wanted
from trueup.scm import Access, Fault, Host, HostError, HostKind, Location, connected, locate
from trueup.scm.detection import read_hosts
from trueup.sources.git.repositories import GitSource

log = structlog.get_logger(__name__)

BRANCH = "trueup/revert-"
KEPT = 1000
"""Proposals remembered without asking anybody."""


class ProposalSettings(msgspec.Struct, frozen=True):
    """Who makes commits, and which kinds of hosts an operator has named."""

    author: Author = Author("Trueup", "trueup@localhost")
    hosts: Mapping[str, tuple[HostKind, str]] = {}

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> ProposalSettings:
        """Read TRUEUP_SCM_HOSTS and TRUEUP_SCM_AUTHOR. Raises ValueError that names the variable."""
        text = environ.get("TRUEUP_SCM_AUTHOR", "")
        author = cls().author
        if text:
            name, bracket, mail = text.removesuffix(">").partition("<")
            if not name.strip() or not bracket or not mail or any(sign in text.rstrip(">") for sign in ">\n\r\0"):
                raise ValueError(f"TRUEUP_SCM_AUTHOR: {text!r} is no NAME <MAIL>")
            author = Author(name.strip(), mail.strip())
        return cls(author, read_hosts(environ.get("TRUEUP_SCM_HOSTS", "")))


class RevertProposals:
    """Implements `Proposals`. `declaration_of` gives a source's declaration, for its credentials."""

    def __init__(
        self,
        git: GitSource,
        credentials: Credentials,
        declaration_of: Callable[[ObjectRef], SourceDeclaration | None],
        settings: ProposalSettings,
    ) -> None:
        """Take the ports; nothing is asked before a proposal is made."""
        self._git = git
        self._credentials = credentials
        self._declaration_of = declaration_of
        self._settings = settings
        self._made: OrderedDict[tuple[str, str], Proposed] = OrderedDict()
        self._locks: dict[tuple[str, str], asyncio.Lock] = {}

    async def propose(self, proposal: Proposal) -> Proposed:
        """Make it, or give what was made of it before. Raises `ProposalError`."""
        key = (proposal.repository, proposal.bad)
        lock = self._locks.setdefault(key, asyncio.Lock())
        try:
            async with lock:
                known = self._made.get(key)
                if known is None:
                    known = self._made[key] = await self._propose(proposal)
                    while len(self._made) > KEPT:
                        self._made.popitem(last=False)
                return known
        except SourceError as error:
            raise ProposalError(f"the revert cannot be pushed: {error}", retriable=not error.stalled) from error
        except HostError as error:
            retriable = error.fault in (Fault.UNREACHABLE, Fault.RATE_LIMITED, Fault.ANSWER)
            raise ProposalError(f"the pull request cannot be opened: {error}", retriable=retriable) from error
        except NothingToTakeBack as error:
            raise ProposalError(f"there is nothing to revert: {error}") from error
        finally:
            self._locks.pop(key, None)

    async def _propose(self, proposal: Proposal) -> Proposed:
        declaration = self._declaration_of(proposal.source)
        if declaration is None:
            raise ProposalError(f"nobody declares the source {proposal.source} any more")
        spec = declaration.spec
        if not isinstance(spec, GitSpec):
            raise ProposalError(f"{proposal.source} is no Git repository, so nothing can be reverted in it")
        creds = git_credentials(await self._credentials.of(declaration))
        wanted = Wanted(
            bad=proposal.bad,
            good=proposal.good,
            base=spec.ref.branch or proposal.branch.removeprefix("refs/heads/"),
            branch=f"{BRANCH}{proposal.bad[:12]}",
            paths=proposal.paths,
            author=self._settings.author,
        )
        found = self._host(spec.url, creds)
        if found is None:
            await self._git.take_back(spec, creds, wanted)
            return Proposed(wanted.branch)
        async with connected(*found) as host:
            known = await host.find(wanted.branch)
            if known is not None:
                return Proposed(wanted.branch, known.url, known.number)
            pushed = await self._git.take_back(spec, creds, wanted)
            return await self._opened(host, proposal, wanted, pushed)

    async def _opened(self, host: Host, proposal: Proposal, wanted: Wanted, pushed: Pushed) -> Proposed:
        body = f"{proposal.body}\n\n{_said(pushed)}"[:BODY_LIMIT]
        try:
            made = await host.create(wanted.branch, pushed.base, proposal.title, body)
        except HostError as error:
            if error.fault in (Fault.CREDENTIALS, Fault.NOT_FOUND):
                log.warning("only a branch was pushed: no pull request may be opened", error=str(error))
                return Proposed(wanted.branch)
            # Another controller may have opened it at the same moment, or the answer was lost on the way.
            known = await host.find(wanted.branch)
            if known is None:
                raise
            made = known
        return Proposed(wanted.branch, made.url, made.number)

    def _host(self, url: str, creds: GitCredentials | None) -> tuple[Location, Access] | None:
        """Find whom to ask for a pull request: `None` where no token is at hand, or nobody knows what the host is."""
        access = _access(creds) if creds is not None else Access()
        if not access.admits:
            return None
        try:
            return locate(url, hosts=self._settings.hosts), access
        except HostError as error:
            host = urlsplit(url).hostname or ""
            log.info("only a branch is pushed", host=host, reason=str(error))
            return None


def _access(credentials: GitCredentials) -> Access:
    """Take what lets Git in over HTTP: hosts accept the same token for their API."""
    return Access(
        token=credentials.bearer or ("" if credentials.ssh_key else credentials.password),
        app_id=credentials.app_id,
        installation=credentials.app_installation,
        app_key=credentials.app_key,
        ca=credentials.ca,
        proxy=credentials.proxy,
        insecure=credentials.insecure,
    )


def _said(pushed: Pushed) -> str:
    """Say in the pull request's text how its commits were made."""
    if pushed.existed:
        return "The branch was there already."
    if pushed.restored:
        return "The commits could not be reverted one by one: the files are brought back to their earlier content."
    return "Reverted, newest first:\n" + "\n".join(f"- {commit}" for commit in pushed.reverted)
