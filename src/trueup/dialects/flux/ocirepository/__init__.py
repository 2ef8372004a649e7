"""Flux's `OCIRepository`: its type, its translation to a source, its status."""
