"""The values of OCI sources: which artifact of a registry's repository is wanted, and what of it."""

from __future__ import annotations

import msgspec

from trueup.core.model.artifact import SourceSpec

OCI = "oci"
"""The tag of OCI sources."""

SCHEME = "oci://"
LATEST = "latest"


class OciRef(msgspec.Struct, frozen=True):
    """Which artifact is wanted. The first field that is set wins, in the order they stand here.

    `digest`: `sha256:…`. `semver`: a range over the tags, of which `semver_filter` (a regular expression) leaves some.
    `tag`: a tag. `revision`: any of these in one word, as Argo CD's `targetRevision` has it. All empty: `latest`.
    """

    digest: str = ""
    semver: str = ""
    semver_filter: str = ""
    tag: str = ""
    revision: str = ""

    def __str__(self) -> str:
        """Say it to people: `tag 1.0`, `digest sha256:…`."""
        for kind in ("digest", "semver", "tag", "revision"):
            if value := getattr(self, kind):
                return f"{kind} {value}"
        return f"tag {LATEST}"


class OciSpec(SourceSpec, frozen=True, tag=OCI):
    """A registry's repository (`oci://host/name`) and what is wanted of it.

    `media_type`: the first layer of this type is taken, the first of all when empty. `only`: the artifact must have one
    layer, and a Helm chart is given without the folder that it is packed in. `insecure`: the registry may speak HTTP.
    `timeout`: seconds for one exchange with the registry, a download included. `unwrap`: a Helm chart is given without
    its folder, whatever layers there are beside it. `apart` keeps what is fetched apart from others of the same URL.
    `signed`: it must bear a signature by one of the source's keys, made by cosign.
    """

    ref: OciRef = OciRef()
    media_type: str = ""
    only: bool = False
    insecure: bool = False
    timeout: float = 60.0
    unwrap: bool = False
    apart: str = ""
    signed: bool = False
