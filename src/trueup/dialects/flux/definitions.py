"""The definitions of Flux' kinds, which all look alike."""

from __future__ import annotations

import msgspec

from trueup.dialects.crds.definitions import Definition, Version, definition
from trueup.dialects.crds.schema import Schema, any_object


class FluxNames(msgspec.Struct, frozen=True):
    """A kind of Flux: its names, and its versions with the newest first."""

    group: str
    kind: str
    plural: str
    versions: tuple[str, ...]
    description: str
    short: tuple[str, ...] = ()


def flux_definition(flux: FluxNames, spec: Schema, columns: list[Definition]) -> Definition:
    """Serve every version with the same schema, so that no conversion webhook is needed."""
    status = any_object() | {
        "default": {"observedGeneration": -1},
        "properties": {"observedGeneration": {"type": "integer", "format": "int64"}},
    }
    made = [
        Version(
            name,
            {"spec": spec, "status": status},
            columns,
            description=flux.description,
            storage=number == 0,
            subresource=True,
            deprecated=f"{flux.group}/{name} {flux.kind} is deprecated, upgrade to {flux.versions[0]}"
            if number
            else "",
        ).written()
        for number, name in enumerate(flux.versions)
    ]
    return definition(flux.group, flux.kind, flux.plural, made, flux.short)
