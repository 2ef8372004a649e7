"""Argo CD's `AppProject`: what its Applications may deliver, and where to."""
