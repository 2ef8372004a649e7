"""Whether a commit, and the tag it was found by, bear a signature of a known key, in source-controller's words."""

from __future__ import annotations

import asyncio

from trueup.core.model.artifact import Fault, Revision, SourceError
from trueup.core.model.git import GitSpec, Verification
from trueup.git.signatures import (
    BadKeys,
    BadSignature,
    PublicKeys,
    Signed,
    check_signature,
    signed_commit,
    signed_tag,
    tagged,
)

_TAGS = "refs/tags/"


class Check:
    """What must be signed of one revision. `tag` is the full ref of the annotated tag, empty where none must be."""

    def __init__(self, spec: GitSpec, revision: Revision, raw: bytes, shown: str, ref: str = "") -> None:
        """Take the raw commit, how its repository is called, and the full ref that it was found by where that is known.

        Raises `SourceError` where a tag must be signed and none is followed.
        """
        self._mode = spec.verify
        self._revision = revision
        self._raw = raw
        self._shown = shown
        self.tag = _tag(spec, revision, shown) if spec.verify in (Verification.TAG, Verification.BOTH) else ""
        if spec.verify is Verification.ANY:
            self.tag = ref if ref.startswith(_TAGS) else f"{_TAGS}{revision.name}" if revision.name and not ref else ""
        self.must_have_tag = bool(self.tag) and spec.verify is not Verification.ANY

    def fits(self, tag: bytes | None) -> bool:
        """Say whether a raw tag is the one of this commit."""
        return tag is not None and tagged(tag) == self._revision.id

    async def run(self, tag: bytes | None, keys: PublicKeys) -> str:
        """Give whose signatures there are, empty where none must be. Raises `SourceError`."""
        if not self._mode:
            return ""
        return await asyncio.to_thread(self._checked, tag, keys)

    def _checked(self, tag: bytes | None, keys: PublicKeys) -> str:
        told, sha256 = [], len(self._revision.id) == 64
        if self.tag and (self.must_have_tag or self.fits(tag)):
            name = self.tag.removeprefix(_TAGS)
            if tag is None or not self.fits(tag):
                words = f"cannot verify signature of tag '{name}' since it is no annotated tag of the commit"
                raise SourceError(Fault.TAG_SIGNATURE, f"{self._shown}: {words}; make one by `git tag --sign`")
            key = self._key(signed_tag(tag), f"tag '{name}'", Fault.TAG_SIGNATURE, keys)
            told.append(f"tag '{name}' with key '{key}'")
        if self._mode in (Verification.HEAD, Verification.BOTH) or not told:
            commit = f"commit '{self._revision.id}'"
            try:
                parts = signed_commit(self._raw, sha256)
            except BadSignature as error:
                raise self._refused(Fault.COMMIT_SIGNATURE, commit, str(error)) from None
            told.append(f"{commit} with key '{self._key(parts, commit, Fault.COMMIT_SIGNATURE, keys)}'")
        return "verified signature of\n\t- " + "\n\t- ".join(told)

    def _key(self, parts: Signed, what: str, fault: Fault, keys: PublicKeys) -> str:
        try:
            return check_signature(parts, keys)
        except BadSignature as error:
            raise self._refused(fault, what, str(error)) from None
        except BadKeys as error:
            words = f"{self._shown}: PGP public keys secret error: {error}; correct it"
            raise SourceError(Fault.UNVERIFIED, words) from None

    def _refused(self, fault: Fault, what: str, why: str) -> SourceError:
        words = (
            f"{self._shown}: signature verification of {what} failed: {why}; sign it with one of the keys, "
            "or add its key to those that count; what was fetched before stays in use"
        )
        return SourceError(fault, words)


def _tag(spec: GitSpec, revision: Revision, shown: str) -> str:
    """Give the full ref of the tag that a revision was found by. Raises `SourceError` where it was by no tag."""
    if spec.ref.name.startswith(_TAGS):
        return spec.ref.name
    followed = not spec.ref.commit and not spec.ref.name and (spec.ref.semver or spec.ref.tag)
    if not followed or not revision.name:
        words = "cannot verify tag object's signature if a tag reference is not specified"
        raise SourceError(Fault.TAG_SIGNATURE, f"{shown}: {words}; follow a tag or a range, or set the mode to HEAD")
    return f"{_TAGS}{revision.name}"
