"""Checks of arguments: each function returns the value or raises a ``UsageError``."""

from __future__ import annotations

import contextlib
import datetime
import inspect
import itertools
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_dxjobs._core.errors import UsageError
from pytest_dxjobs._core.messages import listing, not_one_of, show
from pytest_dxjobs._core.timeutils import plain_utc
from pytest_dxjobs._core.values import plain_str

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


def one_of(name: str, value: object, *lists: tuple[str, ...]) -> str:
    """Return the value if one of the lists has it."""
    permitted = tuple(dict.fromkeys(itertools.chain(*lists)))
    given = plain_str(value)
    if not isinstance(given, str) or given not in permitted:
        raise UsageError(f"{name}: {not_one_of(value, permitted)}")
    return given


def raise_problems(headline: str, problems: Iterable[str]) -> None:
    """Raise one ``UsageError`` that lists all problems, if there are any."""
    raise_all_problems({headline: problems})


def raise_all_problems(problems: Mapping[str, Iterable[str]]) -> None:
    """Raise one ``UsageError`` that lists the problems under each headline, if there are any."""
    found = [listing(headline, lines) for headline, each in problems.items() if (lines := [*each])]
    if found:
        raise UsageError("\n".join(found))


def text(name: str, value: object, validate: Callable[[str], str] = lambda _: "") -> str:
    """Return the value if it is a string; ``validate`` returns what is wrong with it, or an empty string."""
    given = plain_str(value)
    if not isinstance(given, str):
        raise UsageError(f"{name}: a string is needed, not {show(value)}")
    if problem := validate(given):
        raise UsageError(f"{name}: {show(given)} {problem}")
    return given


def is_function(value: object) -> bool:
    """Return whether the value can be called and is not a coroutine function."""
    is_coroutine = inspect.isroutine(value) and inspect.iscoroutinefunction(value)
    return callable(value) and not is_coroutine


def flag(name: str, value: object) -> bool:
    """Return the value if it is True or False."""
    if not isinstance(value, bool):
        raise UsageError(f"{name}: True or False is needed, not {show(value)}")
    return value


def count(name: str, value: object, alternative: str = "", *, least: int = 1, most: int = sys.maxsize) -> int:
    """Return the value if it is a whole number within the bounds; messages name the ``alternative``."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        bounds = f"from {least}" if most == sys.maxsize else f"from {least} to {most}"
        raise UsageError(f"{name}: a whole number {bounds} is needed{alternative}, not {show(value)}")
    return int(value)


def count_or_none(name: str, value: object) -> int | None:
    """Return the value if it is a whole number from 1 or None."""
    return None if value is None else count(name, value, ", or None for no limit")


@dataclass(frozen=True, slots=True)
class Times:
    """Bounds for how often something should have happened."""

    exactly: int | None
    at_least: int | None
    at_most: int | None

    def violated_by(self, found: int) -> str:
        """Return the bounds that a number violates, as text."""
        violated = []
        if self.exactly is not None and found != self.exactly:
            violated.append(f"exactly {self.exactly}")
        if self.at_least is not None and found < self.at_least:
            violated.append(f"at least {self.at_least}")
        if self.at_most is not None and found > self.at_most:
            violated.append(f"at most {self.at_most}")
        return " and ".join(violated)


def times(name: str, exactly: object, at_least: object, at_most: object) -> Times:
    """Return the bounds that an assertion was given; without any, at least once."""
    given = {"times": exactly, "at_least": at_least, "at_most": at_most}
    checked = {
        option: None if value is None else count(f"{name}: {option}", value, least=0) for option, value in given.items()
    }
    least, most = checked["at_least"], checked["at_most"]
    if exactly is not None and (least, most) != (None, None):
        raise UsageError(f"{name}: give either times, or at_least and at_most")
    if least is not None and most is not None and least > most:
        raise UsageError(f"{name}: at_least={least} is more than at_most={most}")
    if not any(value is not None for value in checked.values()):
        least = 1
    return Times(checked["times"], least, most)


def span(name: str, value: object) -> datetime.timedelta:
    """Return seconds or a ``timedelta`` as a ``timedelta``, from 0."""
    found = _timedelta(value)
    if found is None or found < datetime.timedelta():
        raise UsageError(f"{name}: seconds or a timedelta from 0 is needed, not {show(value)}")
    return found


def duration_or_none(name: str, value: object) -> datetime.timedelta | None:
    """Return seconds or a ``timedelta`` as a ``timedelta`` above 0, or None."""
    if value is None:
        return None
    found = _timedelta(value)
    if found is None or found <= datetime.timedelta():
        raise UsageError(f"{name}: seconds or a timedelta above 0 is needed, or None for no limit, not {show(value)}")
    return found


def instant(name: str, value: object) -> datetime.datetime:
    """Return a datetime, a date or an ISO 8601 string as a datetime in UTC, which is the default zone."""
    found: object = value
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            found = datetime.datetime.fromisoformat(re.sub("[Zz]$", "+00:00", value))
    elif isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        found = datetime.datetime.combine(value, datetime.time())
    if isinstance(found, datetime.datetime):
        # Its offset may move it beyond the years that a datetime holds.
        with contextlib.suppress(OverflowError):
            return plain_utc(found)
    raise UsageError(
        f"{name}: a datetime, a date or a string such as '2024-03-31T12:00:00Z' is needed, not {show(value)}"
    )


def _timedelta(value: object) -> datetime.timedelta | None:
    if isinstance(value, datetime.timedelta):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return datetime.timedelta(seconds=value)
    except (OverflowError, ValueError):  # more than a timedelta holds, or not a number
        return None
