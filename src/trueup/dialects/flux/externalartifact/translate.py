"""`ExternalArtifact`: translation to a source. Its status is another controller's, so none is written."""

from __future__ import annotations

import hashlib

from trueup.core.model.artifact import Revision
from trueup.core.model.dialect import Context, Translated
from trueup.core.model.objects import Body, ObjectRef
from trueup.core.model.unit import SourceDeclaration
from trueup.core.repository.archive import ArchiveSpec
from trueup.dialects.decode import mapping_of, metadata_of, number_of, read, text_of
from trueup.dialects.flux.externalartifact.types import GROUP, KIND, Spec, StoredArtifact
from trueup.dialects.sync_options import UNKNOWN

INTERVAL = 3600.0
"""Seconds between two looks; nobody is asked, for a new artifact is told by the object's status."""

MISSING = "status.artifact is not there yet: the controller that makes it has stored nothing"


def translate_external(body: Body, context: Context) -> Translated:
    """Translate; an artifact that is not there, or cannot be read, is a problem that names its field."""
    metadata, told = metadata_of(body), mapping_of(body, "status").get("artifact")
    ref = ObjectRef(GROUP, KIND, text_of(metadata, "namespace"), text_of(metadata, "name"))
    spec = read(body.get("spec"), Spec)
    problems = list(spec.problems)
    artifact = StoredArtifact()
    if told is None:
        problems.append(MISSING)
    else:
        found = read(told, StoredArtifact, "status.artifact")
        problems += found.problems
        artifact = found.value
    revision = _revision(artifact)
    declaration = SourceDeclaration(
        ref=ref,
        uid=text_of(metadata, "uid"),
        generation=number_of(metadata, "generation"),
        spec=ArchiveSpec(artifact.url, name=str(ref), digest=artifact.digest, revision=revision),
        interval=INTERVAL,
        remembered=str(revision) if artifact.revision else "",
        problems=tuple(problems),
        warnings=tuple(UNKNOWN.format(path) for path in spec.unknown),
    )
    return Translated(sources=(declaration,))


def _revision(artifact: StoredArtifact) -> Revision:
    """Read the revision; one in other words is a name for the tarball's digest."""
    try:
        return Revision.parse(artifact.revision)
    except ValueError:
        pass
    try:
        digest = Revision.parse(artifact.digest).digest
    except ValueError:
        digest = f"sha256:{hashlib.sha256(artifact.digest.encode()).hexdigest()}"
    return Revision(artifact.revision, digest)
