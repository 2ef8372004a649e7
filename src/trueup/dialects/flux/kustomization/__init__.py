"""Flux's `Kustomization`: its type, its translation to a unit, its status."""
