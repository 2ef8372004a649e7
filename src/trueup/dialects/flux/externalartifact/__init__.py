"""Flux's `ExternalArtifact`: an artifact that another controller makes, by RFC-0012."""
