"""Putting the controller together: settings, leadership, event sinks."""
