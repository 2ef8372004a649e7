"""Rollback carried out: the preflight, the way back to the last good inputs, and why a unit is not rolled back."""
