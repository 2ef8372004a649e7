"""Proposing reverts: beside the reconciliations, so that no host of a repository ever holds up a sync.

What is to be proposed stands in the unit's state; what has come of it is handed to the unit's next reconciliation,
which alone writes that state.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import structlog

from trueup.core.model.artifact import Provenance, Revision, SourceError
from trueup.core.model.objects import ObjectRef
from trueup.core.model.state import RevertProposal
from trueup.core.model.unit import Unit
from trueup.core.ports import Proposals
from trueup.core.rollback.proposal import Proposal, ProposalError, body_of, title_of
from trueup.engine.runtime import UnitRuntime
from trueup.engine.source_controller import SourceController
from trueup.workqueue import WorkQueue

log = structlog.get_logger(__name__)

WORKERS = 2
FIRST_PAUSE = 10.0
LONGEST_PAUSE = 600.0


class Proposer:
    """Makes what units offer. `units` and `runtime_of` find a unit and its runtime, `requeue` requeues it."""

    def __init__(
        self,
        proposals: Proposals,
        source_controller: SourceController,
        units: Callable[[ObjectRef], Unit | None],
        runtime_of: Callable[[ObjectRef], UnitRuntime | None],
        requeue: Callable[[ObjectRef], None],
    ) -> None:
        """Take the port and the ways to units. Nothing is made before `start`."""
        self._proposals = proposals
        self._source_controller = source_controller
        self._units = units
        self._memory_of = runtime_of
        self._wake = requeue
        self._failures: dict[ObjectRef, int] = {}
        self.queue: WorkQueue[ObjectRef] = WorkQueue(
            "proposals", self._work, WORKERS, tenant_of=lambda ref: ref.namespace
        )

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
        unit, runtime = self._units(ref), self._memory_of(ref)
        if unit is None or runtime is None:
            return
        for offer in runtime.state.proposals:
            if not offer.pending or offer.revision in runtime.rollback.proposals_made:
                continue
            if (made := await self._made(unit, offer)) is None:
                return
            runtime.rollback.proposals_made[offer.revision] = made
            self._wake(ref)
        self._failures.pop(ref, None)

    async def _made(self, unit: Unit, offer: RevertProposal) -> RevertProposal | None:
        """Make one; `None`: later again."""
        source = offer.source or unit.source
        state = self._source_controller.state(source)
        if state is None:
            return msgspec.structs.replace(offer, refused=f"{source} does not exist any more")
        commit = await self._commit(unit, offer)
        bad = Revision.parse(offer.revision)
        proposal = Proposal(
            unit=unit.ref,
            source=source,
            repository=state.declaration.spec.url,
            bad=bad.id,
            good=Revision.parse(offer.good).id,
            branch=bad.name,
            paths=offer.paths,
            title=title_of(bad.id, commit),
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

    async def _commit(self, unit: Unit, offer: RevertProposal) -> Provenance | None:
        try:
            return (await self._source_controller.recall(offer.source or unit.source, offer.revision)).provenance
        except (SourceError, ValueError):
            return None
