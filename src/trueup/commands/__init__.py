"""What people ask a controller for: a sync, a pause, an earlier deployment. Called by the command line and the API.

Each command changes users' objects in the way that their dialect's own clients do, and waits for the outcome where it
is asked to. Raises `Problem`. `progress` is told of what was asked for while its outcome is still awaited.
"""

from trueup.commands.approval import approve
from trueup.commands.pinning import PinRequest, UnpinRequest, pin, unpin
from trueup.commands.settled import WaitRequest, settled
from trueup.commands.suspension import Resumed, ResumeRequest, Suspended, resume, suspend
from trueup.commands.sync import SyncRequest, sync
from trueup.commands.waiting import Outcome, Progress

__all__ = [
    "Outcome",
    "PinRequest",
    "Progress",
    "ResumeRequest",
    "Resumed",
    "Suspended",
    "SyncRequest",
    "UnpinRequest",
    "WaitRequest",
    "approve",
    "pin",
    "resume",
    "settled",
    "suspend",
    "sync",
    "unpin",
]
