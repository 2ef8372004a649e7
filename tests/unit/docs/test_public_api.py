"""Every name a package exports exists and is documented, and every package says what it is for."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

import pytest

import trueup

PACKAGES = ["trueup"] + [
    module.name
    for module in pkgutil.walk_packages(trueup.__path__, "trueup.")
    if module.ispkg and ".migrations" not in module.name
]
EXPORTING = [name for name in PACKAGES if hasattr(importlib.import_module(name), "__all__")]


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_says_what_it_is_for(name: str) -> None:
    assert (importlib.import_module(name).__doc__ or "").strip()


@pytest.mark.parametrize("name", EXPORTING)
def test_what_a_package_exports_exists_and_is_documented(name: str) -> None:
    package = importlib.import_module(name)
    assert len(set(package.__all__)) == len(package.__all__)
    for exported in package.__all__:
        value = getattr(package, exported)
        if inspect.isclass(value) or inspect.isroutine(value):
            assert value.__doc__, exported
