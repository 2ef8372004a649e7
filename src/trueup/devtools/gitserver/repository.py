"""Bare repositories made and changed through `git fast-import`: one process for a commit, no working tree."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

_ENVIRONMENT = {
    "PATH": os.environ.get("PATH", os.defpath),
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
_AUTHOR = "Trueup <trueup@example.org>"


@dataclass(frozen=True)
class Symlink:
    """A symbolic link as a file's content."""

    target: str


@dataclass(frozen=True)
class Executable:
    """A file with its executable bit set."""

    content: str | bytes


@dataclass(frozen=True)
class Submodule:
    """A link to a commit of another repository."""

    commit: str


Content = str | bytes | Symlink | Executable | Submodule | None
"""What a path shall hold; None removes it."""


class Repository:
    """A bare repository on disk. Methods block for the few milliseconds that Git takes; commits are object ids."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, path: Path, *, branch: str = "main") -> Repository:
        """Make an empty bare repository at `path` that lets HTTP clients push; `branch` is its default branch."""
        path.mkdir(parents=True, exist_ok=True)
        repository = cls(path)
        repository.git("init", "--quiet", "--bare", f"--initial-branch={branch}", ".")
        repository.git("config", "http.receivepack", "true")
        repository.git("config", "gc.auto", "0")
        return repository

    def git(self, *arguments: str, stdin: bytes = b"") -> str:
        """Run a Git command inside and give what it prints, stripped. Raises RuntimeError with Git's words."""
        done = subprocess.run(["git", *arguments], cwd=self.path, env=_ENVIRONMENT, input=stdin, capture_output=True)
        if done.returncode:
            raise RuntimeError(f"git {arguments[0]}: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout.decode(errors="surrogateescape").strip()

    def commit(
        self,
        files: Mapping[str, Content],
        message: str,
        *,
        branch: str = "main",
        author: str = _AUTHOR,
        when: datetime | None = None,
        parents: Sequence[str] | None = None,
    ) -> str:
        """Change `files` on `branch` and give the new commit's id.

        `parents` replaces the branch's head as parent, the first of them giving the files to start from; an empty
        sequence starts a history of its own (the branch is forced).
        """
        head = self.head(branch)
        moment = when or datetime.now(UTC).astimezone()
        stamp = f"{int(moment.timestamp())} {moment.strftime('%z') or '+0000'}"
        scratch = f"refs/trueup/scratch-{os.getpid()}"
        out = [b"feature done\ncommit %s\n" % scratch.encode()]
        out.append(f"author {author} {stamp}\ncommitter {author} {stamp}\n".encode())
        out.append(_data(message.encode()))
        bases = list(parents) if parents is not None else [head] if head else []
        out += [b"%s %s\n" % (b"merge" if index else b"from", base.encode()) for index, base in enumerate(bases)]
        out += [_change(path, content) for path, content in files.items()]
        self.git("fast-import", "--quiet", "--force", stdin=b"".join([*out, b"\ndone\n"]))
        made = self.git("rev-parse", scratch)
        self.git("update-ref", "--stdin", stdin=f"update refs/heads/{branch} {made}\ndelete {scratch}\n".encode())
        return made

    def revert(self, branch: str = "main", *, author: str = _AUTHOR) -> str:
        """Take back the branch's last commit by a new one, as `git revert HEAD` would."""
        head = self.head(branch)
        subject = self.git("show", "-s", "--format=%s", head)
        name, _, mail = author.rstrip(">").partition(" <")
        identity = {f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER") for part, value in
                    (("NAME", name), ("EMAIL", mail))}  # fmt: skip
        message = f'Revert "{subject}"\n\nThis reverts commit {head}.\n'
        command = ["git", "commit-tree", f"{head}^^{{tree}}", "-p", head, "-m", message]
        done = subprocess.run(command, cwd=self.path, env=_ENVIRONMENT | identity, capture_output=True, check=True)
        made = done.stdout.decode().strip()
        self.git("update-ref", f"refs/heads/{branch}", made)
        return made

    def head(self, branch: str = "main") -> str:
        """The branch's commit, empty while there is none."""
        return self.git("for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}")

    def branch(self, name: str, commit: str) -> None:
        """Point a branch at a commit, new or by force."""
        self.git("update-ref", f"refs/heads/{name}", commit)

    def delete_branch(self, name: str) -> None:
        """Remove a branch."""
        self.git("update-ref", "-d", f"refs/heads/{name}")

    def tag(self, name: str, commit: str, *, message: str = "") -> None:
        """Tag a commit, by force; an annotated tag where there is a message."""
        extra = ["-a", "-m", message] if message else []
        name_and_mail = ["-c", "user.name=Trueup", "-c", "user.email=trueup@example.org"]
        self.git(*name_and_mail, "tag", "--force", *extra, name, commit)

    def push(self, target: str, *refspecs: str) -> None:
        """Push to another repository, as a person would from a clone."""
        self.git("push", "--quiet", "--force", target, *(refspecs or ("refs/heads/*:refs/heads/*",)))


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)


def _quoted(path: str) -> bytes:
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return b'"%s"' % escaped.encode(errors="surrogateescape")


def _change(path: str, content: Content) -> bytes:
    if content is None:
        return b"D %s\n" % _quoted(path)
    if isinstance(content, Submodule):
        return b"M 160000 %s %s\n" % (content.commit.encode(), _quoted(path))
    mode = "100644"
    if isinstance(content, Symlink):
        mode, content = "120000", content.target
    elif isinstance(content, Executable):
        mode, content = "100755", content.content
    data = content.encode() if isinstance(content, str) else content
    return b"M %s inline %s\n%s" % (mode.encode(), _quoted(path), _data(data))
