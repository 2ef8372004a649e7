"""Config management plugins: commands of the operator's that make manifests, kept where they belong."""

from trueup.render.plugins.declared import Plugin, PluginsInvalid, known, read_plugins

__all__ = ["Plugin", "PluginsInvalid", "known", "read_plugins"]
