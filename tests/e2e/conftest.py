"""A cluster and a controller for each module of end-to-end tests."""

from support.worlds import a_world, kubectl_of_the_world

__all__ = ["a_world", "kubectl_of_the_world"]
