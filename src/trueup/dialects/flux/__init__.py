"""Flux's dialect: `Kustomization` of `kustomize.toolkit.fluxcd.io`, `GitRepository` of `source.toolkit.fluxcd.io`."""

from trueup.dialects.flux.dialect import Flux

__all__ = ["Flux"]
