"""`trueup history`: its subcommands, and what they print."""
