"""Kubernetes as the database: what users declare is read from it, statuses and unit states are written to it.

This room knows the dialects only through their protocol, and the engine only through the ports it implements.
"""
