"""The steps of a reconciliation, in the order in which `reconciler.STEPS` names them.

Each step is a coroutine over (run, parts). It fills in its part of the run, or raises `Halt`.
"""
