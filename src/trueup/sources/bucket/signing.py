"""Requests to a store, signed as Amazon's version 4 of signatures has it."""

from __future__ import annotations

from functools import cache
from typing import Any

from trueup.sources.bucket.credentials import BucketCredentials


def signed_headers(method: str, url: str, region: str, creds: BucketCredentials) -> dict[str, str]:
    """Give the headers that sign a request without a body (blocking). Without keys there are none."""
    if not creds.access_key:
        return {}
    auth, request_of, keys_of = _parts()
    request = request_of(method=method, url=url)
    auth(keys_of(creds.access_key, creds.secret_key), "s3", region).add_auth(request)
    return {name: str(value) for name, value in request.headers.items()}


@cache
def _parts() -> tuple[Any, Any, Any]:
    # It takes some tenths of a second to load, which nobody waits for who has no buckets.
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    return S3SigV4Auth, AWSRequest, Credentials
