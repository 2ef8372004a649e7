"""Trueup: brings clusters true to Git and keeps them there."""

__version__ = "0.1.0"
