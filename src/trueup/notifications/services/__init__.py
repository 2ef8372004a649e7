"""The services that messages can go to, one file each. A file knows one service's API and nothing else."""
