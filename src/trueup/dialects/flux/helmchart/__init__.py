"""Flux's `HelmChart`: its type, its translation to a source, its status."""
