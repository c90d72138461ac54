"""The options of a test: what its markers say, the closest first, and else the ini file.

A mistake in one is told as the marker's or the file's, in the words of what takes the option.
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
# A TOML file may have a number as it is, for which pytest has a type since 9.2.
_NUMBER: Final = str | int | float if pytest.version_tuple >= (9, 2) else "string"
# The options with an ini twin: what the file may hold, the default, and what they say.
INI: Final[dict[str, tuple[Any, str, str]]] = {
    "region": ("string", "us-east-1", "region of jobs whose test names none"),
    "account_id": ("string", "123456789012", "account in the ARNs of jobs, 12 digits"),
    "strict": ("bool", "true", "whether what was not used, or not answered, fails a test"),
    "max_polls": (_NUMBER, "5000", "polls of one job with the same answer, or none for no bound"),
    "max_polls_after_end": (_NUMBER, "25", "polls of one job after its end, or none for no bound"),
    "max_wait": (
        _NUMBER,
        "86400",
        "seconds of virtual time that code sleeps while it polls one job, or none for no bound",
    ),
    "start": ("string", "2025-01-01", "when dxjobs_clock starts, in ISO 8601, in UTC"),
    "scenarios": (
        "args",
        "all but resilience and future",
        "groups and names of the scenarios that dxjobs_scenario takes, or all",
    ),
    "without": ("linelist", "none", "scenarios left out, one a line: name: reason"),
}

# What a message names that a file cannot hold, and what it can.
_IN_A_FILE: Final = {
    "or None": "or none",
    " or a timedelta": "",
    "a datetime, a date or a string": "an instant",
}


@contextlib.contextmanager
def fail_without_traceback(place: str = "") -> Iterator[None]:
    """Fail the test with a mistake of its author, or with a verdict, without a traceback: no line of it shows more."""
    from pytest_dxjobs._core.errors import UsageError

    try:
        yield
    except (AssertionError, UsageError) as failure:
        told = f"{type(failure).__name__}: {place}{failure}"
        raise pytest.fail.Exception(told, pytrace=False) from None


def fake_for(item: pytest.Item, usual: Mapping[str, Any]) -> FakeDataExchange:
    """A fake with the options of a test, and the usual ones where it has none."""
    from pytest_dxjobs._fake.fake import FakeDataExchange

    return _made(item, FakeDataExchange, usual)


def clock_for(item: pytest.Item) -> VirtualClock:
    """A clock with the options of a test."""
    from pytest_dxjobs._clock.virtual_clock import VirtualClock

    return _made(item, VirtualClock)


def _made(
    item: pytest.Item, make: Callable[..., _T], usual: Mapping[str, Any] = MappingProxyType({})
) -> _T:
    names = inspect.signature(make).parameters
    marked, configured = marked_options(item), _configured(item.config, make)
    with fail_without_traceback(_MARKER):
        if marked.get("start") is not None:  # also where no clock is asked for
            _check("start", marked["start"], make)
        return make(
            **{
                name: value
                for name, value in {**usual, **configured, **marked}.items()
                if name in names
            }
        )


def marked_options(item: Any) -> dict[str, Any]:
    """What the markers say."""
    from pytest_dxjobs._core.arguments import read
    from pytest_dxjobs._core.errors import UsageError
    from pytest_dxjobs._core.messages import not_one_of, show

    options: dict[str, Any] = {}
    with fail_without_traceback(_MARKER):
        for mark in item.iter_markers("dxjobs"):
            if mark.args:
                raise UsageError(
                    f"options go by name, not {show(mark.args)}; there are {', '.join(INI)}"
                )
            for name, value in mark.kwargs.items():
                if name not in INI:
                    raise UsageError(not_one_of(name, tuple(INI)))
                outer = options.setdefault(name, value)
                if isinstance(outer, Mapping) and isinstance(value, Mapping):
                    options[name] = read(name, value) | read(name, outer)
    return options


def _configured(config: pytest.Config, make: Callable[..., Any]) -> dict[str, Any]:
    """What the ini file says."""
    from pytest_dxjobs._core.errors import UsageError

    options: dict[str, Any] = {}
    with fail_without_traceback("ini option dxjobs_"):
        for name in INI.keys() & {*inspect.signature(make).parameters, "start"}:
            given = configured(config, name)
            if given not in (None, ""):
                options[name] = _number_or_none(given) if name.startswith("max_") else given
                try:
                    _check(name, options[name], make)
                except UsageError as error:
                    told = str(error)
                    for word, there in _IN_A_FILE.items():
                        told = told.replace(word, there)
                    raise UsageError(told) from None
    return options


def configured(config: pytest.Config, name: str) -> Any:
    """What the ini file says of an option."""
    from pytest_dxjobs._core.errors import UsageError

    with fail_without_traceback("ini option dxjobs_"):
        try:
            return config.getini(f"dxjobs_{name}")
        except (TypeError, ValueError, pytest.UsageError) as error:
            needed = "; true or false is needed" if name == "strict" else ""
            raise UsageError(f"{name}: {error}{needed}") from None


def _check(name: str, value: Any, make: Callable[..., object]) -> None:
    from pytest_dxjobs._core.arguments import instant

    if name == "start":
        instant(name, value)
    else:
        make(**{name: value})


def _number_or_none(given: Any) -> object:
    if not isinstance(given, str):  # of a TOML file
        return given
    if given.strip().lower() == "none":
        return None
    for kind in (int, float):
        try:
            return kind(given)
        except ValueError:
            pass
    return given
