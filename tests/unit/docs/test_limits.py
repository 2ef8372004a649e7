"""The code keeps to its limits: files, packages and argument lists that a reader takes in at once."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[3] / "src" / "trueup"
LINES = 400
MODULES = 15
PARAMETERS = 6


def modules() -> list[Path]:
    found = sorted(SOURCE.rglob("*.py"))
    assert len(found) > 100, "the tree is not where it was"
    return found


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    names = [each.arg for each in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]
    return names[1:] if names and names[0] in ("self", "cls") else names


def is_command(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether the parameters are a command's options, which the command line's library reads from them."""
    return any(
        isinstance(decorator, ast.Call) and ast.unparse(decorator.func).endswith((".command", ".callback"))
        for decorator in function.decorator_list
    )


def test_no_file_is_long() -> None:
    long = {path.name: count for path in modules() if (count := len(path.read_text().splitlines())) > LINES}
    assert not long


def test_no_package_is_flat() -> None:
    packages = {path.parent for path in modules()}
    flat = {
        str(package): count
        for package in packages
        if (count := sum(1 for path in package.glob("*.py") if path.name != "__init__.py")) > MODULES
    }
    assert not flat


def test_no_function_takes_many_things() -> None:
    many = [
        f"{path.relative_to(SOURCE)}: {function.name} takes {len(parameters(function))}"
        for path in modules()
        for function in functions(ast.parse(path.read_text()))
        if len(parameters(function)) > PARAMETERS and not is_command(function)
    ]
    assert not many


def test_ports_say_what_they_take_and_give() -> None:
    vague = [
        str(path.relative_to(SOURCE))
        for path in (SOURCE / "core" / "ports").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Name) and node.id == "Any"
    ]
    assert not vague
