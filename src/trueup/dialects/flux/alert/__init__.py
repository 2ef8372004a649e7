"""Flux's `Alert` and `Provider`: their types, their translation and their status."""
