"""Watches, and the copies of objects that they keep current."""
