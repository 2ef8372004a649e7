"""Where a bucket lies: the store's endpoint and the bucket's name, checked."""

from __future__ import annotations

import re

import msgspec

from trueup.core.model.artifact import Fault, SourceError
from trueup.core.repository.bucket import BucketSpec
from trueup.git.urls import GitUrl

_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
_REGION = re.compile(r"[a-z0-9-]{0,64}")
_AMAZON = "s3.amazonaws.com"
DEFAULT_REGION = "us-east-1"


class BucketAddress(msgspec.Struct, frozen=True):
    """A store (`host` with its port, `scheme`) and a bucket in it; `shown` is for messages."""

    scheme: str
    host: str
    bucket: str
    shown: str

    @property
    def address(self) -> str:
        """The one form: what is kept is found by it."""
        return f"s3+{self.scheme}://{self.host}/{self.bucket}"

    @property
    def kept(self) -> GitUrl:
        """What is kept of it on disk, as the mirrors name it."""
        return GitUrl("s3", self.host, self.address, self.shown)

    def host_in(self, region: str) -> str:
        """Give the host to ask for a region: Amazon's answers for its own region alone."""
        return f"s3.{region}.amazonaws.com" if self.host == _AMAZON and region != DEFAULT_REGION else self.host


def read_address(spec: BucketSpec) -> BucketAddress:
    """Read where a bucket lies. Raises `SourceError` (URL) that says what is wrong with it."""
    endpoint = spec.endpoint.strip()
    if "://" in endpoint or "/" in endpoint:
        words = f"endpoint {endpoint.rpartition('@')[2]!r} is no HOST or HOST:PORT: write it without a scheme and path"
        raise SourceError(Fault.URL, words)
    if not _HOST.fullmatch(endpoint):
        raise SourceError(Fault.URL, f"endpoint {endpoint.rpartition('@')[2]!r} has no valid host name")
    if not _NAME.fullmatch(spec.bucket) or ".." in spec.bucket:
        raise SourceError(Fault.URL, f"{spec.bucket!r} is no bucket's name: letters, digits, dots and dashes")
    if not _REGION.fullmatch(spec.region):
        raise SourceError(Fault.URL, f"{spec.region!r} is no region: lower case letters, digits and dashes")
    scheme = "http" if spec.insecure else "https"
    host = endpoint.lower()
    return BucketAddress(scheme, host, spec.bucket, f"bucket {spec.bucket!r} at {host}")
