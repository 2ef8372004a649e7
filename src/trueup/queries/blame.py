"""Who gave each field of a live object its value: which commit, by whom, in which file and line; or which manager.

What a unit has applied is told from its own managed fields. Where each field came from is proven by experiment
(`inspection.experiments`), and the commit is that which last changed the line. A field that could not be proven is
told with its object's file, and the last commit that touched that. An artifact without a history of its lines tells
of each what it tells of itself.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from trueup.core.fields.ownership import APPLY, FieldSet, ManagedEntry, entry_of
from trueup.core.fields.provenance import Place
from trueup.core.model.artifact import Provenance, Resolved
from trueup.core.model.git import GitSpec
from trueup.core.model.objects import Body, ObjectRef
from trueup.dialects import owner_of
from trueup.git.credentials import git_credentials
from trueup.git.log import GitLog
from trueup.kube.client import KubeClient
from trueup.kube.discovery import Mapper
from trueup.kube.errors import KubeError
from trueup.queries.experiments import SPEC, Experiment, Findings
from trueup.queries.managers import FieldBlame, also, entries_of, others, shown, unowned, within
from trueup.queries.subject import CannotInspect, OpenedSource, Subject, live_object, opened
from trueup.storage.unit_states import RESOURCE as STATES


class Blame(msgspec.Struct, frozen=True):
    """The fields of one object, by path; the unit that delivers it, and the revision and repository it came from."""

    ref: ObjectRef
    unit: ObjectRef | None
    revision: str
    repository: str
    fields: tuple[FieldBlame, ...]
    note: str = ""


async def blame(client: KubeClient, mapper: Mapper, body: Body, field: str = "") -> Blame:
    """Tell of each field of a live object, or of those at and below `field`, who gave it its value.

    Raises `KubeError`. What keeps the unit's own fields from being traced is told in `note`.
    """
    ref = ObjectRef.of(body)
    entries = entries_of(body)
    nobodys = await unowned(client, mapper, body, entries, field)
    unit = owner_of(body) or await _unit_that_owns(client, ref)
    declared = await live_object(client, mapper, unit) if unit is not None else None
    if unit is None or declared is None:
        note = f"{unit} is gone" if unit else "no unit delivers this object"
        return Blame(ref, unit, "", "", _sorted([*others(body, entries, None, field), *nobodys]), note)
    async with opened(client, mapper, declared) as subject:
        mine = entry_of(entries, subject.unit.field_manager, APPLY)
        rows = [*others(body, entries, mine, field), *nobodys]
        if mine is None:
            note = f"{unit} owns no field of it"
            return Blame(ref, unit, "", _urls(subject.sources), _sorted(rows), note)
        traced, (one, resolved), note = await _traced(subject, body, mine, entries, field)
        return Blame(ref, unit, str(resolved.revision), _urls([one]), _sorted([*rows, *traced]), note)


def _urls(sources: Iterable[OpenedSource]) -> str:
    return ", ".join(dict.fromkeys(one.declaration.spec.url for one in sources))


async def _unit_that_owns(client: KubeClient, ref: ObjectRef) -> ObjectRef | None:
    """Find a unit by the inventories: for objects that bear no mark of their owner."""
    try:
        states = (await client.list_all(STATES)).items
    except KubeError:
        # Who may not list what is remembered of all units is told the managers.
        return None
    for state in states:
        for entry in ((state.get("state") or {}).get("inventory") or {}).get("entries") or ():
            if tuple(entry[:4]) == tuple(ref):
                owner = (state["metadata"].get("ownerReferences") or [{}])[0]
                group = str(owner.get("apiVersion") or "").rpartition("/")[0]
                return ObjectRef(group, str(owner.get("kind")), state["metadata"]["namespace"], str(owner.get("name")))
    return None


def _sorted(rows: Iterable[FieldBlame]) -> tuple[FieldBlame, ...]:
    return tuple(sorted(rows, key=lambda row: (row.path, row.manager)))


# -------------------------------------------------------------------------------------------- the unit's own


async def _traced(
    subject: Subject, body: Body, mine: ManagedEntry, entries: Sequence[ManagedEntry], field: str
) -> tuple[list[FieldBlame], tuple[OpenedSource, Resolved], str]:
    """Trace the unit's own fields: their rows, the source at the revision that they came from, and a note."""
    fields = mine.fields
    asked = {path: value for path, value in fields.values(body).items() if within(path, field)}
    all_resolved = await subject.applied()
    number, findings, note = await _experiment(subject, all_resolved, ObjectRef.of(body), fields)
    one, resolved = subject.sources[number], all_resolved[number]
    spec = one.declaration.spec
    if isinstance(spec, GitSpec):
        git_log = await subject.git.git_log(spec, resolved, git_credentials(one.credentials))
        dated = await _Dated.read(git_log, resolved, findings, asked)
    else:
        dated = _Dated.whole(resolved, findings, asked)
        note = note or f"{one.declaration.ref} keeps no history: its fields are told with what the whole artifact is of"
    rows = [
        dated.completed(
            FieldBlame(
                path,
                shown(body, path, value),
                mine.manager,
                mine.operation,
                since=mine.time,
                others=also(entries, mine, path),
                unit=str(subject.unit.ref),
            ),
            findings,
        )
        for path, value in asked.items()
    ]
    return rows, (one, resolved), note


async def _experiment(
    subject: Subject, resolved: Sequence[Resolved], ref: ObjectRef, fields: FieldSet
) -> tuple[int, Findings, str]:
    """Find the source that the object comes from, by its number, and where in it; of several, the last counts."""
    note, number = "", 0
    async with subject.taken(resolved) as taken:
        for one in reversed([one for one in taken if one.recipe is not None]):
            with tempfile.TemporaryDirectory(prefix="trueup-blame-") as folder:
                try:
                    return one.number, await Experiment(subject, one, Path(folder), ref, fields).run(), ""
                except CannotInspect as error:
                    note, number = str(error), one.number
    return number, Findings(None, {}, {}), note


def _places(findings: Findings, path: str) -> tuple[Place, ...]:
    """Give the places of a field; where none was proven, its object's file, without a line."""
    if places := findings.places.get(path):
        return places
    if findings.origin is None or findings.origin.root or _by_trueup(findings, path):
        return ()
    return (Place(findings.origin.path, 0, ""),)


def _by_trueup(findings: Findings, path: str) -> bool:
    return bool(findings.values) and path not in findings.values


class _Dated(msgspec.Struct, frozen=True):
    """Who wrote which line, of all files that fields came from."""

    lines: dict[str, tuple[str, ...]]
    last: dict[str, str]
    commits: dict[str, Provenance]
    merges: dict[str, Provenance]

    @classmethod
    async def read(cls, git_log: GitLog, resolved: Resolved, findings: Findings, paths: Iterable[str]) -> _Dated:
        """Ask Git, once for each file."""
        tip = resolved.revision.id
        places = {place for path in paths for place in _places(findings, path) if place.path != SPEC}
        lines = {path: await git_log.lines(tip, path) for path in sorted({item.path for item in places if item.line})}
        last = {path: await git_log.last(tip, path) for path in sorted({item.path for item in places if not item.line})}
        used = {
            *(found[item.line - 1] for item in places if 0 < item.line <= len(found := lines.get(item.path, ()))),
            *filter(None, last.values()),
        }
        return cls(lines, last, await git_log.commits(used), await git_log.merges(sorted(used), tip))

    @classmethod
    def whole(cls, resolved: Resolved, findings: Findings, paths: Iterable[str]) -> _Dated:
        """Say of every file what an artifact says of itself: the commit that it was made from, if it names one."""
        made = resolved.provenance
        files = {place.path for path in paths for place in _places(findings, path) if place.path != SPEC}
        return cls({}, dict.fromkeys(files, made.id), {made.id: made}, {})

    def completed(self, row: FieldBlame, findings: Findings) -> FieldBlame:
        """Give a row with its place, its commit and its pull request."""
        places = _places(findings, row.path)
        if not places:
            key = "set by Trueup to name the object's owner" if _by_trueup(findings, row.path) else ""
            return msgspec.structs.replace(row, key=key)
        # Of several places the one that changed last; what stands in the unit's own object has no date.
        place = max(places, key=self._when)
        commit = self._commit(place)
        merge = self.merges.get(commit.id) if commit else None
        request = commit.pull_request or (merge.pull_request if merge else None) if commit else None
        return msgspec.structs.replace(
            row,
            file=place.path,
            line=place.line if place.path != SPEC else 0,
            key=f"spec: {place.key}" if place.path == SPEC else place.key,
            more=tuple(f"{item.path or 'spec'}:{item.line or item.key}" for item in places if item != place),
            commit=commit,
            pull_request=request,
        )

    def _when(self, place: Place) -> float:
        commit = self._commit(place)
        return commit.committer.when.timestamp() if commit and commit.committer else 0.0

    def _commit(self, place: Place) -> Provenance | None:
        if place.path == SPEC:
            return None
        lines = self.lines.get(place.path, ())
        one = lines[place.line - 1] if 0 < place.line <= len(lines) else self.last.get(place.path, "")
        return self.commits.get(one)
