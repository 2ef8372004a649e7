"""Manifests that tests read as users write them: our own, and well-known repositories that lie beside the project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

MANIFESTS = Path(__file__).parents[1] / "manifests"

FIRST_STEPS = MANIFESTS / "first_steps"
"""What a beginner's guide to either project has its reader write; `shop-config` is the repository."""

TENANCY = MANIFESTS / "tenancy"
"""The units and sources of a cluster that a platform team shares with tenants."""

REALWORLD = Path(os.environ.get("TRUEUP_REALWORLD") or Path(__file__).parents[3] / "shared" / "realworld")
"""Checkouts of argocd-example-apps, podinfo, flux2-kustomize-helm-example and flux2-multi-tenancy."""

needs_realworld = pytest.mark.skipif(
    not REALWORLD.is_dir(),
    reason="needs checkouts of the projects' example repositories: name their folder by $TRUEUP_REALWORLD",
)
