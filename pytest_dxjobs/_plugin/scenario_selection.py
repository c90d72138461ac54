"""Which scenarios a test runs through: those of its groups, and a project's own, but for those left out."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from pytest_dxjobs._core.arguments import one_of, read
from pytest_dxjobs._core.errors import UsageError
from pytest_dxjobs._core.messages import show
from pytest_dxjobs._plugin.options import configured, fail_without_traceback, marked_options
from pytest_dxjobs._scenarios.catalogue import GROUPS, USUAL_GROUPS, catalogue
from pytest_dxjobs._scenarios.scenario import Scenario

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_OWN = "own"
_ALL = "all"


def scenarios_for(test: Any) -> list[Any]:
    """The parameters of a test that takes ``dxjobs_scenario``.

    A test that calls ``check_creating`` gets those for code that creates its jobs, and any other gets those
    for code that waits for one; one that is named is taken as it is.
    """
    with fail_without_traceback():
        return _chosen(test)


def _chosen(test: Any) -> list[Any]:
    known = _known(test)
    marked = marked_options(test)
    place, given = _option(test, marked, "scenarios")
    wanted = _wanted(place, given, known)
    place, given = _option(test, marked, "without")
    if "without" not in marked and given is not None:
        given = _by_name(given)
    reasons = _reasons(place, given, known)
    calls = _calls(test.obj)
    return [
        pytest.param(
            each,
            id=name,
            marks=[pytest.mark.skip(reason=reasons[name])] if name in reasons else [],
        )
        for name, each in known.items()
        if name in wanted
        or (wanted & {each.group, _ALL} and (each.only is None or each.only in calls))
    ]


def _calls(test: Any) -> set[str]:
    """Which checks the test calls; both where it does not do so itself."""
    names = getattr(inspect.unwrap(test), "__code__", None)
    return {"check", "check_creating"}.intersection(names.co_names if names else ()) or {
        "check",
        "check_creating",
    }


def _option(test: Any, marked: dict[str, Any], name: str) -> tuple[str, Any]:
    if name in marked:
        return f"@pytest.mark.dxjobs: {name}", marked[name]
    return f"ini option dxjobs_{name}", configured(test.config, name)


def _by_name(lines: Sequence[str]) -> dict[str, str]:
    """The reasons of the ini file."""
    parted = (line.partition(":") for line in lines)
    return {name.strip(): reason.strip() for name, _, reason in parted}


def _known(test: Any) -> dict[str, Scenario]:
    known = {each.name: each for each in catalogue()}
    for several in test.ihook.pytest_dxjobs_scenarios(config=test.config):
        for each in several if isinstance(several, Iterable) else [several]:
            if not isinstance(each, Scenario):
                raise UsageError(
                    f"pytest_dxjobs_scenarios: dx.Scenario objects are needed, not {show(each)}"
                )
            if each.name in (*known, _ALL, _OWN, *GROUPS):
                raise UsageError(
                    f"pytest_dxjobs_scenarios: there is a scenario or group {each.name!r} already"
                )
            if each.group == _ALL:
                raise UsageError(
                    f"pytest_dxjobs_scenarios: {each.name}: no group is called {_ALL!r}, which means all"
                )
            known[each.name] = each
    return known


def _wanted(place: str, given: Any, known: Mapping[str, Scenario]) -> set[str]:
    """Names of groups and of scenarios."""
    groups = {each.group for each in known.values()}
    several = [given] if isinstance(given, str) else () if given is None else given
    if not isinstance(several, (list, tuple, set, frozenset)):
        raise UsageError(f"{place}: names are needed, not {show(given)}")
    names = read(place, several, tuple)
    if not names:
        return {*USUAL_GROUPS, *groups.difference(GROUPS)}
    groups |= {_OWN, *GROUPS}
    return {one_of(place, each, (_ALL, *sorted(groups)), tuple(known)) for each in names}


def _reasons(place: str, given: Any, known: Collection[str]) -> dict[str, str]:
    """Why scenarios are left out, by name."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise UsageError(f"{place}: a dict of names and reasons is needed, not {show(given)}")
    reasons: dict[Any, Any] = read(place, given)
    for name, reason in reasons.items():
        one_of(place, name, tuple(known))
        if not isinstance(reason, str) or not reason.strip():
            raise UsageError(f"{place}: {name}: a reason is needed, not {show(reason)}")
    return reasons
