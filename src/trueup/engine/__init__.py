"""The loop that keeps units true: one unit serially, different units in parallel.

The engine decides when something is reconciled, and carries out what the core has decided. It knows the core's values
and ports, and no dialect, client or process.
"""
