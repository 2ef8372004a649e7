"""Controllers of the kinds that are no units: receivers, alerts, providers."""
