"""The pure core: values and decisions of Trueup, with no I/O, clock, logging or client.

Nothing here may import another room of the package; `make lint` checks it.
"""
