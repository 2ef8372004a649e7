"""Benchmarks: `make bench`, or `python -m bench --units 200`. They print rates and ratios and never fail on time."""
