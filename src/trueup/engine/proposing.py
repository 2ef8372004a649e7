"""Proposing reverts: beside the passes, so that no host of a repository ever holds up a sync.

What is to be proposed stands in the unit's state; what has come of it is handed to the unit's next pass, which alone
writes that state.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import structlog

from trueup.core.artifact import CommitInfo, Revision, SourceError
from trueup.core.objects import ObjectRef
from trueup.core.ports import Proposals
from trueup.core.proposal import Proposal, ProposalError, body_of, title_of
from trueup.core.state import Offer
from trueup.core.unit import SourceDeclaration, Unit
from trueup.engine.run import Memory
from trueup.engine.sources import SourceKeeper
from trueup.workqueue import WorkQueue

log = structlog.get_logger(__name__)

WORKERS = 2
FIRST_PAUSE = 10.0
LONGEST_PAUSE = 600.0


class Proposer:
    """Makes what units offer. `units` and `memory_of` find a unit and what is known of it, `wake` has it looked at."""

    def __init__(
        self,
        proposals: Proposals,
        keeper: SourceKeeper,
        units: Callable[[ObjectRef], Unit | None],
        memory_of: Callable[[ObjectRef], Memory | None],
        wake: Callable[[ObjectRef], None],
    ) -> None:
        """Take the port and the ways to units. Nothing is made before `start`."""
        self._proposals = proposals
        self._keeper = keeper
        self._units = units
        self._memory_of = memory_of
        self._wake = wake
        self._failures: dict[ObjectRef, int] = {}
        self.queue: WorkQueue[ObjectRef] = WorkQueue("proposals", self._work, WORKERS)

    def start(self) -> None:
        """Begin to work."""
        self.queue.start()

    async def stop(self) -> None:
        """Stop; what is not made yet is made after the next start."""
        await self.queue.stop()

    def forget(self, ref: ObjectRef) -> None:
        """Let go of a unit that is gone."""
        self._failures.pop(ref, None)
        self.queue.forget(ref)

    async def _work(self, ref: ObjectRef) -> None:
        unit, memory = self._units(ref), self._memory_of(ref)
        if unit is None or memory is None:
            return
        for offer in memory.state.offers:
            if not offer.pending or offer.revision in memory.offered:
                continue
            if (made := await self._made(unit, offer)) is None:
                return
            memory.offered[offer.revision] = made
            self._wake(ref)
        self._failures.pop(ref, None)

    async def _made(self, unit: Unit, offer: Offer) -> Offer | None:
        """Make one; `None`: later again."""
        state = self._keeper.state(unit.source)
        if state is None:
            return msgspec.structs.replace(offer, refused=f"{unit.source} does not exist any more")
        commit = await self._commit(unit, offer)
        proposal = Proposal(
            unit=unit.ref,
            source=unit.source,
            repository=state.declaration.git.url,
            bad=Revision.parse(offer.revision).commit,
            good=Revision.parse(offer.good).commit,
            branch=_branch(state.declaration, offer),
            paths=offer.paths,
            title=title_of(Revision.parse(offer.revision).commit, commit),
            body=body_of(unit.ref, offer.revision, commit, (offer.failed,) if offer.failed else (), offer.good),
        )
        try:
            return msgspec.structs.replace(offer, made=str(await self._proposals.propose(proposal)))
        except ProposalError as error:
            if not error.retriable:
                return msgspec.structs.replace(offer, refused=str(error))
            log.warning("a revert could not be proposed; trying again", unit=str(unit.ref), error=str(error))
        except Exception:
            # A host may answer with anything; should its adapter fail over it, no other unit may suffer.
            log.exception("a revert could not be proposed; trying again", unit=str(unit.ref))
        failures = self._failures[unit.ref] = self._failures.get(unit.ref, 0) + 1
        self.queue.add_after(unit.ref, min(FIRST_PAUSE * 2.0 ** min(failures - 1, 16), LONGEST_PAUSE))
        return None

    async def _commit(self, unit: Unit, offer: Offer) -> CommitInfo | None:
        try:
            return (await self._keeper.recall(unit.source, offer.revision)).commit
        except (SourceError, ValueError):
            return None


def _branch(declaration: SourceDeclaration, offer: Offer) -> str:
    """Give the branch that the bad revision was found by, where it was found by a name; a tag's is one too."""
    return declaration.git.ref.branch or Revision.parse(offer.revision).name.removeprefix("refs/heads/")
