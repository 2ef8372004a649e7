"""Who proposes reverts, as a port."""

from __future__ import annotations

from typing import Protocol

from trueup.core.rollback.proposal import Proposal, Proposed


class Proposals(Protocol):
    """Offers people a change that takes a bad commit back."""

    async def propose(self, proposal: Proposal) -> Proposed:
        """Make it once for a repository and its bad commit, and give what was made, also to all who ask again.

        What people have closed is not opened again. Raises `ProposalError`.
        """
        ...
