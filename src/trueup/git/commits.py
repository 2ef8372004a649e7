"""Reading a commit as Git stores it, and the pull request that its message names."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from trueup.core.model.artifact import Provenance, PullRequest, Signature

_IDENTITY = re.compile(r"(?P<name>.*?) ?<(?P<email>[^<>]*)>(?: (?P<seconds>-?\d+) (?P<zone>[+-]\d{4}))?.*")
_TRAILER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)\s?:\s+(\S.*)")
_LONGEST_MESSAGE = 64 * 1024

_MERGES = (
    # GitHub, Bitbucket Server: Merge pull request #12 from owner/branch; … in PROJECT/repo from branch to main
    re.compile(r"Merge pull request #(?P<number>\d+) (?:in \S+ )?from (?P<branch>\S+)(?: to \S+)?$"),
    # Gitea, Forgejo: Merge pull request 'title' (#12) from branch into main
    re.compile(r"Merge pull request '(?P<title>.*)' \([#!](?P<number>\d+)\) from (?P<branch>\S+)(?: into \S+)?$"),
    # Bitbucket: Merged in branch (pull request #12)
    re.compile(r"Merged in (?P<branch>\S+) \(pull request #(?P<number>\d+)\)$"),
    # Azure DevOps: Merged PR 12: title
    re.compile(r"Merged PR (?P<number>\d+): (?P<title>.*)$"),
    # Squashed by GitHub, Gitea or Bitbucket: title (#12)
    re.compile(r"(?P<title>.*\S)\s+\((?:#|pull request #)(?P<number>\d+)\)$"),
)
_GITLAB = re.compile(r"^See merge request (?:\S*[^\s!])?!(?P<number>\d+)\s*$", re.MULTILINE)
_GITLAB_BRANCH = re.compile(r"Merge branch '(?P<branch>[^']+)'")


def pull_request_of(message: str) -> PullRequest | None:
    """Give the pull or merge request that a commit's message names in the way a forge writes it, else None."""
    subject, _, body = message.strip().partition("\n")
    first = next((line.strip() for line in body.splitlines() if line.strip()), "")
    if merged := _GITLAB.search(body):
        branch = _GITLAB_BRANCH.match(subject)
        title = first if branch and not _GITLAB.match(first) else "" if branch else subject
        return PullRequest(int(merged["number"]), title, branch["branch"] if branch else "")
    for pattern in _MERGES:
        if found := pattern.match(subject.strip()):
            named = found.groupdict()
            title = named.get("title") or (first if "branch" in named else "")
            return PullRequest(int(named["number"]), title, named.get("branch") or "")
    return None


def trailers_of(message: str) -> tuple[tuple[str, str], ...]:
    """Give the `Key: value` lines that close a message (`Signed-off-by`, `Co-authored-by`…); the subject is none."""
    paragraphs = re.split(r"\n[ \t]*\n", message.strip())
    if len(paragraphs) < 2:
        return ()
    found: list[tuple[str, str]] = []
    for line in paragraphs[-1].splitlines():
        if trailer := _TRAILER.fullmatch(line):
            found.append((trailer[1], trailer[2].strip()))
        elif found and line[:1] in " \t":
            found[-1] = (found[-1][0], f"{found[-1][1]} {line.strip()}")
        elif not line.startswith("(cherry picked from"):
            return ()
    return tuple(found)


def parse_commit(commit: str, raw: bytes) -> Provenance:
    """Read a raw commit object. Raises ValueError where it has no tree; all else that is odd is taken as it is."""
    head, _, body = raw.partition(b"\n\n")
    fields: list[tuple[str, bytes]] = []
    for line in head.split(b"\n"):
        key, _, value = line.partition(b" ")
        if key:  # a line that begins with a space goes on with the one before (signatures)
            fields.append((key.decode("ascii", "replace"), value))
    first = dict(reversed(fields))
    if "tree" not in first:
        raise ValueError(f"commit {commit} has no tree")
    encoding = first.get("encoding", b"utf-8").decode("ascii", "replace")
    message = _decode(body[:_LONGEST_MESSAGE], encoding)
    return Provenance(
        id=commit,
        tree=first["tree"].decode("ascii"),
        author=_signature(_decode(first.get("author", b""), encoding)),
        committer=_signature(_decode(first.get("committer", b""), encoding)),
        message=message,
        parents=tuple(value.decode("ascii") for key, value in fields if key == "parent"),
        trailers=trailers_of(message),
        pull_request=pull_request_of(message),
    )


def _decode(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding, "replace")
    except LookupError:
        return data.decode("utf-8", "replace")


def _signature(text: str) -> Signature:
    found = _IDENTITY.match(text)
    if not found:
        return Signature(text.strip(), "", datetime.fromtimestamp(0, UTC))
    zone = found["zone"] or "+0000"
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:5])) * (-1 if zone[0] == "-" else 1)
    try:
        when = datetime.fromtimestamp(int(found["seconds"] or 0), timezone(offset))
    except (ValueError, OverflowError, OSError):
        when = datetime.fromtimestamp(0, UTC)
    return Signature(found["name"].strip(), found["email"], when)
