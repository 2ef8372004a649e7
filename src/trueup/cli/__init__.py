"""The `trueup` command: thin, since everything it does is done by the rooms below."""
