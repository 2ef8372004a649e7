"""Fixtures for all tests."""

pytest_plugins = ["trueup.localcluster.fixtures"]
