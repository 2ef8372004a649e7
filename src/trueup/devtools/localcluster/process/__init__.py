"""Processes of a local cluster: started, told apart, supervised, and their ports and folders."""
