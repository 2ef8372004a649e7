"""Buckets of stores that speak Amazon's S3: listed by their etags, and only what has changed is fetched."""

from trueup.sources.bucket.buckets import BucketSource
from trueup.sources.bucket.provider import BucketProvider

__all__ = ["BucketProvider", "BucketSource"]
