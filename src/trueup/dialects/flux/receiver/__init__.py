"""Flux's `Receiver`: its type, its translation and its status."""
