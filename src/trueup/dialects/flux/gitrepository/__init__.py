"""Flux's `GitRepository`: its type, its translation to a source, its status."""
