"""The subcommands and their options, by what they are for; each registers its part on the one application.

What a subcommand does stands in a module of its own in `trueup.cli`, imported when it is used.
"""
