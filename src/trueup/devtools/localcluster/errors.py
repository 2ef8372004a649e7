"""What can go wrong with a local cluster, in words for the person who started it."""


class ClusterError(Exception):
    """A local cluster could not do what was asked; the message says what to do next."""


class AlreadyRunning(ClusterError):
    """Another process runs the cluster in this folder."""


class StartFailed(ClusterError):
    """A part ended or did not become ready; the message ends with the last lines of its log."""
