"""Flux's `HelmRepository`: its type, its translation to a source, its status."""
