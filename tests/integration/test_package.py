"""What the package promises as a package."""

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


def test_what_is_imported_lazily_is_what_type_checkers_see() -> None:
    tree = ast.parse(Path(dx.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    homes = {
        alias.asname: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert homes == {
        **dict.fromkeys(dx._MODULES, "pytest_dxjobs"),
        **{name: f"pytest_dxjobs.{home}" for name, home in dx._MODULE_OF.items()},
    }


@pytest.mark.parametrize("name", dx.__all__)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    value = getattr(dx, name)
    if inspect.isclass(value) or inspect.isfunction(value):
        assert inspect.getdoc(value)
        members = vars(value).items() if inspect.isclass(value) else ()
        for member, thing in members:
            if not member.startswith("_") and (callable(thing) or isinstance(thing, property)):
                assert inspect.getdoc(thing), f"{name}.{member}"
    assert name in dir(dx)


@pytest.mark.parametrize("name", dx._NAMES_BY_MODULE["_core.constants"])
def test_every_constant_has_its_documentation_below(name: str) -> None:
    lines = [ast.unparse(each) for each in ast.parse(Path(constants.__file__).read_text()).body]
    [place] = [at for at, line in enumerate(lines) if re.match(rf"{name}[ :]", line)]
    assert re.match(rf"({name}\.__doc__ = )?['\"]", lines[place + 1])


def called_with_arguments() -> dict[str, Any]:
    """What a user calls with arguments: functions, methods, and classes that are no mere values."""
    called = {
        f"{home.__name__}.{name}": getattr(home, name)
        for home in (dx, faults, dxst)
        for name in home.__all__
        if inspect.isfunction(getattr(home, name))
    }
    for kind in (dx.FakeDataExchange, dx.VirtualClock, dx.Job, dx.Scenario):
        methods = inspect.getmembers(kind, inspect.isfunction)
        called |= {f"{kind.__name__}.{name}": each for name, each in methods if name[0] != "_"}
    called |= {kind.__name__: kind for kind in (dx.FakeDataExchange, dx.VirtualClock)}
    return {
        name: each
        for name, each in called.items()
        if {*inspect.signature(each).parameters} - {"self"}
    }


@pytest.mark.parametrize("name", called_with_arguments())
def test_every_argument_is_documented_and_what_is_raised(name: str) -> None:
    called = called_with_arguments()[name]
    documentation = inspect.getdoc(called) or ""
    for parameter in {*inspect.signature(called).parameters} - {"self"}:
        assert re.search(rf"^    \**{parameter}: [^ ]", documentation, re.MULTILINE), parameter
    assert ("\nRaises:\n    " in documentation) == (
        called is not dx.find_problems
    )  # which never does


@pytest.mark.parametrize("error", [dx.UsageError, dx.UnexpectedCall, dx.RunawayPolling])
def test_an_error_goes_by_its_public_name(error: type[Exception]) -> None:
    assert error.__module__ == "pytest_dxjobs"
    assert type(pickle.loads(pickle.dumps(error("told")))) is error


def test_values_are_frozen_and_slotted_unless_something_happens_to_them() -> None:
    values: set[Any] = {
        each
        for module in pkgutil.walk_packages(dx.__path__, "pytest_dxjobs.")
        for each in vars(importlib.import_module(module.name)).values()
        if isinstance(each, type) and dataclasses.is_dataclass(each)
    }
    assert len(values) > 20
    assert {each for each in values if "__slots__" not in vars(each)} == set()
    changing = {each.__name__ for each in values if not each.__dataclass_params__.frozen}
    assert changing == {"StubbedResponse", "PlannedFault", "IdCounter", "PollingMonitor"}


def test_a_name_that_is_not_there_is_told() -> None:
    with pytest.raises(AttributeError, match="'pytest_dxjobs' has no attribute 'add_job'"):
        dx.add_job  # type: ignore[attr-defined]  # noqa: B018


def test_the_changelog_begins_with_this_version_released_or_not() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text()
    first = re.search(
        r"^## \[(?:Unreleased\]\n\nThis will be (.+)\.|(.+)\] - \d{4}-\d\d-\d\d)$",
        changes,
        re.MULTILINE,
    )
    assert first is not None
    assert first.start() == changes.index("\n## ") + 1
    assert (first[1] or first[2]) == metadata.version("pytest-dxjobs")


def test_run_time_dependencies_are_four_and_have_no_upper_bound() -> None:
    requirements = [
        line for line in metadata.requires("pytest-dxjobs") or [] if "extra ==" not in line
    ]
    assert sorted(re.split("[<>=!~]", line)[0] for line in requirements) == [
        "botocore",
        "freezegun",
        "hypothesis",
        "pytest",
    ]
    assert not any(sign in line for line in requirements for sign in ("<", "~", "=="))


def test_the_gate_tries_the_oldest_of_each_dependency() -> None:
    oldest = {each for each in metadata.requires("pytest-dxjobs") or [] if "extra" not in each}
    attempt_rows = re.findall(r"(\w+): \1(==\S+)", (ROOT / "tox.ini").read_text())
    assert {f"{name}{version}".replace("==", ">=") for name, version in attempt_rows} == oldest
