"""Hosts of repositories (GitHub, GitLab, Gitea and Forgejo): pull requests, commit statuses, comments.

Each host is a client of its documented API behind one protocol, `Host`. This room knows no Git, no unit and no cluster;
whoever uses it brings the repository's URL and the way to be let in. A host's answers are bounded in size, number and
time, and read leniently; nothing in them is followed.
"""

from trueup.core.repository.hosts import HostKind
from trueup.scm.access import Access
from trueup.scm.connecting import connected
from trueup.scm.detection import Location, locate
from trueup.scm.host import CommitState, CommitStatus, Fault, Host, HostError, MergeRequest, State

__all__ = [
    "Access",
    "CommitState",
    "CommitStatus",
    "Fault",
    "Host",
    "HostError",
    "HostKind",
    "Location",
    "MergeRequest",
    "State",
    "connected",
    "locate",
]
