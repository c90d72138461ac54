"""The options of a test: from its markers, the closest first, and then from the ini file.

A message about an option begins with the place that sets it: the marker or the ini option.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeVar

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_dxjobs._clock.virtual_clock import VirtualClock
    from pytest_dxjobs._fake.fake import FakeDataExchange

_T = TypeVar("_T")
_MARKER: Final = "@pytest.mark.dxjobs: "
_INI: Final = "ini option dxjobs_"
# pytest 9.2 and later accept a number in a TOML file.
_NUMBER: Final = str | int | float if pytest.version_tuple >= (9, 2) else "string"
# For each option of the marker, which is an ini option too: the ini type, the default and the help text.
OPTIONS: Final[dict[str, tuple[Any, str, str]]] = {
    "region": ("string", "us-east-1", "region of jobs, and of clients that have none"),
    "account_id": ("string", "123456789012", "account in the ARNs of jobs, 12 digits"),
    "strict": (
        "bool",
        "true",
        "fail a test that leaves responses, faults or histories unused, or calls unanswered",
    ),
    "max_polls": (_NUMBER, "5000", "polls of one job with the same response, None for no limit"),
    "max_polls_after_end": (_NUMBER, "25", "polls of one job after its end, None for no limit"),
    "max_wait": (
        _NUMBER,
        "86400",
        "seconds of virtual time slept while one job is polled, None for no limit",
    ),
    "start": (
        "string",
        "2025-01-01",
        "start of dxjobs_clock: ISO 8601, in UTC if it has no offset",
    ),
    "scenarios": (
        "args",
        "all but resilience and future",
        "groups and names of scenarios for dxjobs_scenario, or all",
    ),
    "without": (
        "linelist",
        "none",
        "scenarios to skip, with reasons; in the ini file a line 'name: reason' for each",
    ),
}


@contextlib.contextmanager
def fail_without_traceback(place: str = "") -> Iterator[None]:
    """Turn a failed check or a ``UsageError`` into a failure of the test without a traceback."""
    from pytest_dxjobs._core.errors import UsageError

    try:
        yield
    except (AssertionError, UsageError) as failure:
        message = f"{type(failure).__name__}: {place}{failure}"
        raise pytest.fail.Exception(message, pytrace=False) from None


def fake_for(item: pytest.Item, defaults: Mapping[str, Any]) -> FakeDataExchange:
    """Return a fake with the options of a test; ``defaults`` apply to options that it does not set."""
    from pytest_dxjobs._fake.fake import FakeDataExchange

    return _create(item, FakeDataExchange, defaults)


def clock_for(item: pytest.Item) -> VirtualClock:
    """Return a clock with the options of a test."""
    from pytest_dxjobs._clock.virtual_clock import VirtualClock

    return _create(item, VirtualClock)


def _create(item: pytest.Item, create: Callable[..., _T], defaults: Mapping[str, Any] = MappingProxyType({})) -> _T:
    names = inspect.signature(create).parameters
    marked, configured = marker_options(item), _ini_options(item.config, create)
    with fail_without_traceback(_MARKER):
        if marked.get("start") is not None:  # also in a test without a clock
            _check("start", marked["start"], create)
        options = {**defaults, **configured, **marked}
        return create(**{name: value for name, value in options.items() if name in names})


def marker_options(item: Any) -> dict[str, Any]:
    """Return the options that the markers of a test set; those of ``without`` are merged."""
    from pytest_dxjobs._core.errors import UsageError
    from pytest_dxjobs._core.messages import not_one_of, show

    options: dict[str, Any] = {}
    with fail_without_traceback(_MARKER):
        for mark in item.iter_markers("dxjobs"):
            if mark.args:
                raise UsageError(
                    f"options are given by name, not as {show(mark.args)}; the names are {', '.join(OPTIONS)}"
                )
            for name, value in mark.kwargs.items():
                if name not in OPTIONS:
                    raise UsageError(not_one_of(name, tuple(OPTIONS)))
                closer = options.setdefault(name, value)
                if isinstance(closer, Mapping) and isinstance(value, Mapping):
                    options[name] = {**value, **closer}
    return options


def _ini_options(config: pytest.Config, create: Callable[..., Any]) -> dict[str, Any]:
    """Return the options of the ini file that a constructor takes, and the start of the clock."""
    options: dict[str, Any] = {}
    for name in OPTIONS.keys() & {*inspect.signature(create).parameters, "start"}:
        value = ini_option(config, name)
        if value not in (None, ""):
            options[name] = _number_or_none(value) if name.startswith("max_") else value
            with fail_without_traceback(_INI):
                _check(name, options[name], create)
    return options


def ini_option(config: pytest.Config, name: str) -> Any:
    """Return an option of the ini file as pytest reads it; None if it is not set."""
    from pytest_dxjobs._core.errors import UsageError

    with fail_without_traceback(_INI):
        try:
            return config.getini(f"dxjobs_{name}")
        except (TypeError, ValueError, pytest.UsageError) as error:
            hint = "; true or false is needed" if name == "strict" else ""
            raise UsageError(f"{name}: {error}{hint}") from None


def _check(name: str, value: Any, create: Callable[..., object]) -> None:
    from pytest_dxjobs._core.arguments import instant

    if name == "start":
        instant(name, value)
    else:
        create(**{name: value})


def _number_or_none(value: Any) -> object:
    if not isinstance(value, str):  # from a TOML file
        return value
    if value.strip().lower() == "none":
        return None
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            pass
    return value
