"""What options and arguments ask when a shell completes them; what answers is loaded only then."""

from __future__ import annotations

import typer

from trueup.cli.where import Where


def complete_unit(ctx: typer.Context, incomplete: str) -> list[str]:
    """Give the units and sources that a word may become."""
    from trueup.cli.completion.answers import names

    return names(_where(ctx), incomplete)


def complete_shown(ctx: typer.Context, incomplete: str) -> list[str]:
    """Give what `get` may show: all units, all sources, or one."""
    return [word for word in ("units", "sources") if word.startswith(incomplete)] + complete_unit(ctx, incomplete)


def complete_object(ctx: typer.Context, incomplete: str) -> list[str]:
    """Give the kinds and objects of the cluster that a word may become."""
    from trueup.cli.completion.answers import objects

    return objects(_where(ctx), incomplete)


def complete_namespace(ctx: typer.Context, incomplete: str) -> list[str]:
    """Give the cluster's namespaces."""
    from trueup.cli.completion.answers import namespaces

    return namespaces(_where(ctx), incomplete)


def complete_context(ctx: typer.Context, incomplete: str) -> list[str]:
    """Give the contexts of the kubeconfig."""
    from trueup.cli.completion.answers import contexts

    return contexts(ctx.params.get("kubeconfig") or "", incomplete)


def complete_deployment(ctx: typer.Context, incomplete: str) -> list[str]:
    """Give the numbers and revisions of a unit's short history."""
    from trueup.cli.completion.answers import deployments

    # An option that has no value yet keeps what stands before it from being taken for arguments.
    return deployments(_where(ctx), ctx.params.get("unit") or next(iter(ctx.args), ""), incomplete)


def complete_record(ctx: typer.Context, incomplete: str) -> list[str]:
    """Give the ids of the newest deployments in the history."""
    from trueup.cli.completion.answers import records

    return records(ctx.params.get("history_url") or "", incomplete)


def complete_outcome(incomplete: str) -> list[str]:
    """Give the ways in which a deployment may end."""
    from trueup.core.model.deployment_record import Ending

    return [word for word in Ending if word.startswith(incomplete)]


def complete_cause(incomplete: str) -> list[str]:
    """Give what may begin a deployment."""
    from trueup.core.model.deployment_record import Cause

    return [word for word in Cause if word.startswith(incomplete)]


def complete_policy(incomplete: str) -> list[str]:
    """Give the rollback policies."""
    from trueup.core.model.unit import ReturnPolicy

    return [word for word in ReturnPolicy if word.startswith(incomplete)]


def _where(ctx: typer.Context) -> Where:
    given = ctx.params
    return Where(given.get("kubeconfig") or "", given.get("context") or "", given.get("namespace") or "")
