"""Public names, their documentation, dependencies and changelog."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import pickle
import pkgutil
import re
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

import pytest_dxjobs as dx
from pytest_dxjobs import faults, strategies as dxst
from pytest_dxjobs._core import constants

ROOT = Path(__file__).parents[2]


def test_lazy_imports_match_those_for_type_checkers() -> None:
    tree = ast.parse(Path(dx.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    module_of = {
        alias.asname: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert module_of == {
        **dict.fromkeys(dx._MODULES, "pytest_dxjobs"),
        **{name: f"pytest_dxjobs.{module}" for name, module in dx._MODULE_OF.items()},
    }


@pytest.mark.parametrize("name", dx.__all__)
def test_every_public_name_is_documented(name: str) -> None:
    value = getattr(dx, name)
    if inspect.isclass(value) or inspect.isfunction(value):
        assert inspect.getdoc(value)
        members = vars(value).items() if inspect.isclass(value) else ()
        for attribute, member in members:
            if not attribute.startswith("_") and (callable(member) or isinstance(member, property)):
                assert inspect.getdoc(member), f"{name}.{attribute}"
    assert name in dir(dx)


@pytest.mark.parametrize("name", dx._NAMES_BY_MODULE["_core.constants"].split())
def test_every_constant_is_documented_below_its_value(name: str) -> None:
    source = Path(constants.__file__).read_text()
    lines = [ast.unparse(statement) for statement in ast.parse(source).body]
    [index] = [number for number, line in enumerate(lines) if re.match(rf"{name}[ :]", line)]
    assert re.match(rf"({name}\.__doc__ = )?['\"]", lines[index + 1])


def callables_with_arguments() -> dict[str, Any]:
    """Return what users call with arguments: functions, methods and the classes of fake and clock."""
    called = {
        f"{module.__name__}.{name}": getattr(module, name)
        for module in (dx, faults, dxst)
        for name in module.__all__
        if inspect.isfunction(getattr(module, name))
    }
    for kind in (dx.FakeDataExchange, dx.VirtualClock, dx.Job, dx.Scenario):
        methods = inspect.getmembers(kind, inspect.isfunction)
        called |= {f"{kind.__name__}.{name}": method for name, method in methods if name[0] != "_"}
    called |= {kind.__name__: kind for kind in (dx.FakeDataExchange, dx.VirtualClock)}
    return {name: value for name, value in called.items() if {*inspect.signature(value).parameters} - {"self"}}


@pytest.mark.parametrize("name", callables_with_arguments())
def test_arguments_and_exceptions_are_documented(name: str) -> None:
    called = callables_with_arguments()[name]
    documentation = inspect.getdoc(called)
    assert documentation
    # A function may refer to its module for arguments that all functions of the module take.
    if f"See ``{called.__module__}`` for the " in documentation:
        documentation += f"\n{inspect.getdoc(inspect.getmodule(called))}"
    for parameter in {*inspect.signature(called).parameters} - {"self"}:
        assert re.search(rf"^    \**{parameter}: [^ ]", documentation, re.MULTILINE), parameter
    raises = called is not dx.find_problems
    assert ("\nRaises:\n    " in documentation) == raises


@pytest.mark.parametrize("error", [dx.UsageError, dx.UnexpectedCall, dx.RunawayPolling])
def test_exceptions_pickle_by_their_public_name(error: type[Exception]) -> None:
    assert error.__module__ == "pytest_dxjobs"
    assert type(pickle.loads(pickle.dumps(error("message")))) is error


def test_dataclasses_have_slots_and_those_that_change_are_listed() -> None:
    classes: set[Any] = {
        value
        for module in pkgutil.walk_packages(dx.__path__, "pytest_dxjobs.")
        for value in vars(importlib.import_module(module.name)).values()
        if isinstance(value, type) and dataclasses.is_dataclass(value)
    }
    assert len(classes) > 20
    assert {kind for kind in classes if "__slots__" not in vars(kind)} == set()
    mutable = {kind.__name__ for kind in classes if not kind.__dataclass_params__.frozen}
    assert mutable == {
        "StubbedResponse",
        "PlannedFault",
        "IdCounter",
        "PollingMonitor",
        "CallContext",
    }


def test_unknown_name_raises_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'pytest_dxjobs' has no attribute 'add_job'"):
        dx.add_job  # type: ignore[attr-defined]  # noqa: B018


def test_changelog_begins_with_this_version() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text()
    first = re.search(
        r"^## \[(?:Unreleased\]\n\nThis will be (.+)\.|(.+)\] - \d{4}-\d\d-\d\d)$",
        changes,
        re.MULTILINE,
    )
    assert first is not None
    assert first.start() == changes.index("\n## ") + 1
    assert (first[1] or first[2]) == metadata.version("pytest-dxjobs")


def test_four_dependencies_without_upper_bounds() -> None:
    requirements = [line for line in metadata.requires("pytest-dxjobs") or [] if "extra ==" not in line]
    assert sorted(re.split("[<>=!~]", line)[0] for line in requirements) == [
        "botocore",
        "freezegun",
        "hypothesis",
        "pytest",
    ]
    assert not any(sign in line for line in requirements for sign in ("<", "~", "=="))


def test_tox_tests_the_oldest_version_of_each_dependency() -> None:
    oldest = {line for line in metadata.requires("pytest-dxjobs") or [] if "extra" not in line}
    pins = re.findall(r"(\w+): \1(==\S+)", (ROOT / "tox.ini").read_text())
    assert {f"{name}{version}".replace("==", ">=") for name, version in pins} == oldest
