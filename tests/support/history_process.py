"""A process that keeps a history until it is killed: `python -m support.history_process FOLDER URL IDENTITY`.

It notes records without end and prints each one's number once the spool has it.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from pathlib import Path

from support.deployments import a_record
from trueup.core.model.events import SyncEnded
from trueup.history import HistorySettings, keeping
from trueup.history.journal import HistoryEventSink
from trueup.testing import a_unit


async def main(folder: Path, url: str, identity: str) -> None:
    """Note records until killed, never more than a hundred ahead of the disk."""
    unit = a_unit("web", a_record(0).unit)
    async with keeping(HistorySettings(folder, url), identity) as journal:
        assert isinstance(journal, HistoryEventSink)
        for number in itertools.count():
            journal.publish(SyncEnded(unit, a_record(number)))
            if number % 50 == 0:
                await asyncio.sleep(0.01)
                while journal.waiting:
                    await asyncio.sleep(0.001)
                print(number, flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
