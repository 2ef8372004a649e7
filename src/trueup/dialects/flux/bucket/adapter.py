"""All that is known of Flux' `Bucket`."""

from __future__ import annotations

from trueup.core.model.dialect import Role, WatchedKind
from trueup.dialects.crds.definitions import AGE, READY, STATUS, Definition, column
from trueup.dialects.crds.schema import schema_of
from trueup.dialects.flux.bucket import types as bucket
from trueup.dialects.flux.bucket.translate import bucket_status, translate_bucket
from trueup.dialects.flux.definitions import FluxNames, flux_definition
from trueup.dialects.flux.source_adapter import source_adapter

PLURAL = "buckets"


def _definition() -> Definition:
    words = "Bucket is the Schema for the buckets API."
    names = FluxNames(bucket.GROUP, bucket.KIND, PLURAL, bucket.VERSIONS, words)
    return flux_definition(names, schema_of(bucket.Spec), [column("Endpoint", ".spec.endpoint"), AGE, READY, STATUS])


ADAPTER = source_adapter(
    WatchedKind(bucket.GROUP, bucket.KIND, PLURAL, bucket.VERSIONS, Role.SOURCE),
    _definition,
    translate_bucket,
    bucket_status,
)
