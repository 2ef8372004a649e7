"""Rollback as decisions on values: whether, how far, together with whom, what stands in the way."""
