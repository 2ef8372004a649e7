"""Notifications as values: alerts, channels, messages, and the conditions and templates users write."""
