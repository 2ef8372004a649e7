"""Requests to servers that users declare: bounded, let in by their Secrets, and led nowhere they must not go."""
