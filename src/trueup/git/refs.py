"""Which of a remote's refs answers a `GitRef`: a pure function of what the remote advertises."""

from __future__ import annotations

import re

import msgspec

from trueup.core.model.artifact import Fault, Revision, SourceError
from trueup.core.model.git import GitRef, git_revision
from trueup.core.model.version_ranges import VersionRange, loose_version

FULL_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
SHORT_COMMIT = re.compile(r"[0-9a-f]{7,63}")
HEADS, _TAGS = "refs/heads/", "refs/tags/"
_BAD_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|^-|^/|/$|\.lock$|\.$")
_SUGGESTED = 5


class Advertised(msgspec.Struct, frozen=True):
    """What a remote answered: each ref's object, annotated tags peeled to their commit, and what HEAD stands for."""

    refs: dict[str, str]
    default: str = ""


class Found(msgspec.Struct, frozen=True):
    """A commit, the full ref it was found by (empty: by its id) and the revision to show."""

    commit: str
    ref: str
    revision: Revision


def listed(answer: str) -> Advertised:
    """Read what `git ls-remote --symref` prints; a ref that names no object is as good as none.

    A remote whose HEAD is a symbolic ref to itself, or to a branch not born yet, is printed with an id of zeros.
    """
    refs: dict[str, str] = {}
    default = ""
    # Not `splitlines`: the name of a ref may hold what Unicode calls the end of a line.
    for line in answer.split("\n"):
        value, _, name = line.partition("\t")
        if value.startswith("ref: ") and name == "HEAD":
            default = value.removeprefix("ref: ")
        elif not FULL_COMMIT.fullmatch(value) or not value.strip("0"):
            continue
        elif name.endswith("^{}"):
            refs[name.removesuffix("^{}")] = value
        else:
            refs.setdefault(name, value)
    return Advertised(refs, default)


def check_ref(ref: GitRef) -> None:
    """Refuse what no ref can be. Raises SourceError (URL) that names the field."""
    for field in ("name", "tag", "branch", "revision"):
        value = getattr(ref, field)
        if value and _BAD_REF.search(value) and not (field == "revision" and _as_range(value)):
            raise SourceError(Fault.URL, f"ref {field} {value!r} is no valid Git ref name: correct it in the object")
    if ref.commit and not FULL_COMMIT.fullmatch(ref.commit):
        raise SourceError(Fault.URL, f"ref commit {ref.commit!r} is no full commit id (40 hexadecimal digits)")
    if ref.semver:
        try:
            VersionRange(ref.semver)
        except ValueError as error:
            raise SourceError(Fault.URL, f"ref semver: {error}; write for example '>=1.0.0 <2.0.0'") from error


def pinned(ref: GitRef) -> Revision | None:
    """The revision of a ref that names a full commit, which needs no question to the remote; else None."""
    if ref.commit:
        return git_revision(ref.commit, ref.branch)
    chosen = ref.name or ref.semver or ref.tag or ref.branch
    if not chosen and FULL_COMMIT.fullmatch(ref.revision):
        return git_revision(ref.revision)
    return None


def prefixes(ref: GitRef) -> tuple[str, ...]:
    """What to ask the remote for: prefixes of full ref names, as few as will do."""
    if ref.name:
        return (ref.name,)
    if ref.semver:
        return (_TAGS,)
    if ref.tag:
        return (_TAGS + ref.tag,)
    if ref.branch:
        return (HEADS + ref.branch,)
    word = ref.revision
    if word in ("", "HEAD"):
        return ("HEAD",)
    if _as_range(word) or SHORT_COMMIT.fullmatch(word):
        return (HEADS, _TAGS)
    return (word,) if word.startswith("refs/") else (HEADS + word, _TAGS + word)


NOTHING_LISTED = (
    "the remote lists no branch or tag at all: the repository is empty, or what answers there is a web page, such as a "
    "login; check the URL and the credentials"
)


def choose(ref: GitRef, remote: Advertised) -> Found | None:
    """Give the commit that `ref` stands for; None where only the objects can tell (a shortened commit).

    Raises SourceError (REF) that names what there is instead.
    """
    refs = remote.refs
    if ref.name:
        return _exact(refs, ref.name, ref.name, f"ref {ref.name}")
    if ref.semver:
        return _ranged(refs, ref.semver, ref.tag_prefix)
    if ref.tag:
        return _exact(refs, _TAGS + ref.tag, ref.tag, f"tag {ref.tag}")
    if ref.branch:
        return _exact(refs, HEADS + ref.branch, ref.branch, f"branch {ref.branch}")
    word = ref.revision
    if word in ("", "HEAD"):
        short = remote.default.removeprefix(HEADS)
        return _exact(refs, "HEAD", short, "default branch (HEAD)")
    if _as_range(word) and (best := VersionRange(word).best(_tags(refs), prefix=ref.tag_prefix)):
        return _exact(refs, _TAGS + best, best, f"tag {best}")
    for full in (word,) if word.startswith("refs/") else (HEADS + word, _TAGS + word):
        if full in refs:
            return Found(refs[full], full, git_revision(refs[full], word))
    if SHORT_COMMIT.fullmatch(word):
        for name, commit in refs.items():
            if commit.startswith(word):
                return Found(commit, name, git_revision(commit))
        return None
    raise SourceError(
        Fault.REF,
        f"revision {word!r} is no branch, tag, commit or version range with a tag of the repository{_instead(refs)}; "
        "check its spelling, or push it",
    )


def tied(ref: GitRef, remote: Advertised) -> tuple[Found, ...]:
    """Give all that answer a range equally well: tags whose versions differ by build metadata alone."""
    text = ref.semver or (ref.revision if ref.revision and _as_range(ref.revision) else "")
    if not text or ref.name:
        return ()
    tags = VersionRange(text).equals(_tags(remote.refs), prefix=ref.tag_prefix)
    return tuple(_exact(remote.refs, _TAGS + tag, tag, f"tag {tag}") for tag in tags)


def _exact(refs: dict[str, str], full: str, short: str, what: str) -> Found:
    if full not in refs:
        text = f"{what} does not exist in the repository{_instead(refs)}; check its spelling, or push it"
        raise SourceError(Fault.REF, text)
    return Found(refs[full], full, git_revision(refs[full], short))


def _ranged(refs: dict[str, str], text: str, prefix: str) -> Found:
    tags = _tags(refs)
    best = VersionRange(text).best(tags, prefix=prefix)
    if best is None:
        newest = VersionRange("*").best(tags, prefix=prefix)
        there = f"the newest is {newest}" if newest else f"none of its {len(tags)} tags is a version"
        raise SourceError(
            Fault.REF,
            f"no tag of the repository lies in the range {text!r}: {there} ({len(tags)} tags looked at); "
            "push such a tag, or widen the range",
        )
    return _exact(refs, _TAGS + best, best, f"tag {best}")


def _tags(refs: dict[str, str]) -> list[str]:
    return [name.removeprefix(_TAGS) for name in refs if name.startswith(_TAGS)]


def _as_range(word: str) -> bool:
    """Whether a word that may be anything is a range: an exact version is the tag of that name."""
    if loose_version(word) or word.startswith("refs/"):
        return False
    try:
        VersionRange(word)
    except ValueError:
        return False
    return True


def _instead(refs: dict[str, str]) -> str:
    names = sorted(name for name in refs if name.startswith(HEADS))
    if not names:
        return ""
    shown = ", ".join(name.removeprefix(HEADS) for name in names[:_SUGGESTED])
    return f"; branches with a like name: {shown}"
