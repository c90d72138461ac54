"""Select the scenarios of a test: by group and name, without those that it skips."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from pytest_dxjobs._core.arguments import one_of
from pytest_dxjobs._core.errors import UsageError
from pytest_dxjobs._core.messages import show
from pytest_dxjobs._core.values import plain_copy
from pytest_dxjobs._plugin.options import fail_without_traceback, ini_option, marker_options
from pytest_dxjobs._scenarios.catalogue import DEFAULT_GROUPS, GROUPS, catalogue
from pytest_dxjobs._scenarios.scenario import Scenario

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_OWN = "own"
_ALL = "all"
_CHECKS = frozenset({"check", "check_creating"})


def scenarios_for(test: Any) -> list[Any]:
    """Return the parameters for a test that uses ``dxjobs_scenario``.

    A group yields the scenarios that apply to the check that the test calls, ``check`` or ``check_creating``.
    A scenario selected by name is always included.
    """
    with fail_without_traceback():
        scenarios = _all_scenarios(test)
        options = marker_options(test)
        place, value = _option(test, options, "scenarios")
        selected = _selected_names(place, value, scenarios)
        place, value = _option(test, options, "without")
        if "without" not in options and value is not None:
            value = _parse_reasons(value)
        reasons = _check_reasons(place, value, scenarios)
    applicable = {None, *_called_checks(test.obj)}
    return [
        pytest.param(
            scenario,
            id=name,
            marks=[pytest.mark.skip(reason=reasons[name])] if name in reasons else [],
        )
        for name, scenario in scenarios.items()
        if name in selected or (selected & {scenario.group, _ALL} and scenario.only in applicable)
    ]


def _called_checks(test: Any) -> frozenset[str]:
    """Return which checks the test function calls; both if it calls none itself."""
    code = getattr(inspect.unwrap(test), "__code__", None)
    return _CHECKS.intersection(code.co_names if code else ()) or _CHECKS


def _option(test: Any, options: dict[str, Any], name: str) -> tuple[str, Any]:
    """Return where an option is set, and its value."""
    if name in options:
        return f"@pytest.mark.dxjobs: {name}", options[name]
    return f"ini option dxjobs_{name}", ini_option(test.config, name)


def _parse_reasons(lines: Sequence[str]) -> dict[str, str]:
    """Return names and reasons from the lines ``name: reason`` of the ini file."""
    parted = (line.partition(":") for line in lines)
    return {name.strip(): reason.strip() for name, _, reason in parted}


def _all_scenarios(test: Any) -> dict[str, Scenario]:
    """Return the scenarios of the package and of the project, by name."""
    scenarios = {scenario.name: scenario for scenario in catalogue()}
    for returned in test.ihook.pytest_dxjobs_scenarios(config=test.config):
        for scenario in returned if isinstance(returned, Iterable) else [returned]:
            if not isinstance(scenario, Scenario):
                raise UsageError(f"pytest_dxjobs_scenarios: dx.Scenario objects are needed, not {show(scenario)}")
            name = scenario.name
            if name in (*scenarios, _ALL, _OWN, *GROUPS):
                raise UsageError(f"pytest_dxjobs_scenarios: the name {name!r} belongs to another scenario or group")
            if scenario.group == _ALL:
                raise UsageError(
                    f"pytest_dxjobs_scenarios: {name}: the group name {_ALL!r} is reserved for all scenarios"
                )
            scenarios[name] = scenario
    return scenarios


def _selected_names(place: str, value: Any, scenarios: Mapping[str, Scenario]) -> set[str]:
    """Return the selected names of groups and scenarios; the default groups if there are none."""
    groups = {scenario.group for scenario in scenarios.values()}
    given = [value] if isinstance(value, str) else () if value is None else value
    if not isinstance(given, (list, tuple, set, frozenset)):
        raise UsageError(f"{place}: a name or a list of names is needed, not {show(value)}")
    names = tuple(given)
    if not names:
        return {*DEFAULT_GROUPS, *groups.difference(GROUPS)}
    groups |= {_OWN, *GROUPS}
    return {one_of(place, name, (_ALL, *sorted(groups)), tuple(scenarios)) for name in names}


def _check_reasons(place: str, value: Any, scenarios: Collection[str]) -> dict[str, str]:
    """Return the reasons for skipping scenarios, by name."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise UsageError(f"{place}: a dict such as {{'timed-out': 'the reason'}} is needed, not {show(value)}")
    reasons: dict[Any, Any] = plain_copy(value)
    for name, reason in reasons.items():
        one_of(place, name, tuple(scenarios))
        if not isinstance(reason, str) or not reason.strip():
            raise UsageError(f"{place}: {name}: a reason is needed, not {show(reason)}")
    return reasons
