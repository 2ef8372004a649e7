"""Argo CD's `Application`: its type, its translation to a unit and its source, its status and its requests."""
