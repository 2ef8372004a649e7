"""Manifests of well-known repositories are understood, as their authors published them."""

from __future__ import annotations

import yaml

from support.manifests import REALWORLD, needs_realworld
from trueup.core.model.dialect import Context
from trueup.core.model.unit import Unit
from trueup.dialects import dialect_of

pytestmark = needs_realworld


def test_every_object_of_the_example_repositories_is_read_without_an_unknown_field() -> None:
    seen = 0
    for path in sorted(REALWORLD.glob("flux2-*/**/*.yaml")):
        if "charts" in path.parts:
            continue
        for body in yaml.safe_load_all(path.read_text()):
            if not isinstance(body, dict):
                continue
            dialect = dialect_of(str(body.get("apiVersion", "")).split("/")[0], str(body.get("kind")))
            if dialect is None:
                continue
            found = dialect.translate(body, Context())
            for item in (*([found.unit] if found.unit else []), *found.sources):
                seen += 1
                assert not any("unknown field" in text for text in item.warnings), (path, item.warnings)
                # Patches of tenants are parts of objects; others may only lack what the compatibility table refuses.
                if isinstance(item, Unit) and "patch" not in path.name:
                    assert all("not supported yet" in text for text in item.problems), (path, item.problems)
    assert seen >= 10
