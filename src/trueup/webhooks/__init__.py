"""Webhooks: requests of Git hosts and of `Receiver` callers, verified, and what they cause to be polled."""
