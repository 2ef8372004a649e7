"""Flux's `Bucket`: its type, its translation to a source, its status."""
