"""The values of bucket sources: which objects of a store that speaks Amazon's S3 are wanted."""

from __future__ import annotations

from trueup.core.model.artifact import SourceSpec

BUCKET = "bucket"
"""The tag of bucket sources."""


class BucketSpec(SourceSpec, frozen=True, tag=BUCKET):
    """The objects of one bucket at `endpoint` (`HOST` or `HOST:PORT`); `url` is both in one, for people.

    `prefix`: only keys that begin with it. `ignore`: rules in gitignore's syntax for keys that are left out, beside
    those of the object `.sourceignore`. `insecure`: HTTP is spoken, and not HTTPS. `timeout`: seconds for a listing,
    and for fetching all that has changed.
    """

    endpoint: str = ""
    bucket: str = ""
    region: str = ""
    prefix: str = ""
    ignore: str | None = None
    insecure: bool = False
    timeout: float = 60.0
