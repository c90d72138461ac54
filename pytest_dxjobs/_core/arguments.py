"""Arguments judged at the call that gives them: each function returns the value or says what it may be."""

from __future__ import annotations

import contextlib
import datetime
import inspect
import itertools
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_dxjobs._core.errors import UsageError
from pytest_dxjobs._core.messages import describe_error, listing, not_one_of, show
from pytest_dxjobs._core.timeutils import plain_utc
from pytest_dxjobs._core.values import bare, bare_throughout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


def one_of(what: str, value: object, *lists: tuple[str, ...]) -> str:
    """A name that one of the lists has."""
    permitted = tuple(dict.fromkeys(itertools.chain(*lists)))
    name = bare(value)
    if not isinstance(name, str) or name not in permitted:
        raise UsageError(f"{what}: {not_one_of(value, permitted)}")
    return name


def read(what: str, value: object, how: Callable[[Any], Any] = bare_throughout) -> Any:
    """The value as it is read; refused where that raises, since it contains itself or its own methods do."""
    try:
        return how(value)
    except Exception as error:
        raise UsageError(f"{what}: {show(value)} cannot be read: {describe_error(error)}") from None


def refuse(headline: str, problems: Iterable[str]) -> None:
    """Raise all the problems at once, where there are any."""
    refuse_all({headline: problems})


def refuse_all(found: Mapping[str, Iterable[str]]) -> None:
    """The same for several headlines, each with its own problems."""
    told = [listing(headline, lines) for headline, each in found.items() if (lines := list(each))]
    if told:
        raise UsageError("\n".join(told))


def text(name: str, value: object, wrong: Callable[[str], str] = lambda _: "") -> str:
    """A string, of a certain form where ``wrong`` says what is wrong with others."""
    given = bare(value)
    if not isinstance(given, str):
        raise UsageError(f"{name}: a string is needed, not {show(value)}")
    if problem := wrong(given):
        raise UsageError(f"{name}: {show(given)} {problem}")
    return given


def is_function(value: object) -> bool:
    """Whether it can be called and answers at once: what a coroutine function returns says nothing yet."""
    is_coroutine = inspect.isroutine(value) and inspect.iscoroutinefunction(value)
    return callable(value) and not is_coroutine


def flag(name: str, value: object) -> bool:
    """True or False, and nothing that merely passes for it."""
    if not isinstance(value, bool):
        raise UsageError(f"{name}: True or False is needed, not {show(value)}")
    return value


def count(
    name: str, value: object, otherwise: str = "", *, least: int = 1, most: int = sys.maxsize
) -> int:
    """A whole number that is neither too small nor too large; ``otherwise`` says what else the caller permits."""
    given = bare(value)
    if isinstance(given, bool) or not isinstance(given, int) or not least <= given <= most:
        raise UsageError(
            f"{name}: a whole number from {least} is needed{otherwise}, not {show(given)}"
        )
    return given


@dataclass(frozen=True, slots=True)
class Times:
    """How often something should have happened."""

    exactly: int | None
    at_least: int | None
    at_most: int | None

    def missed_by(self, found: int) -> str:
        """What was expected and is not so; empty where it is as often as it should be."""
        wanted = []
        if self.exactly is not None and found != self.exactly:
            wanted.append(f"exactly {self.exactly}")
        if self.at_least is not None and found < self.at_least:
            wanted.append(f"at least {self.at_least}")
        if self.at_most is not None and found > self.at_most:
            wanted.append(f"at most {self.at_most}")
        return " and ".join(wanted)


def times(what: str, exactly: object, at_least: object, at_most: object) -> Times:
    """How often something should have happened; without a number, ever."""
    given = {"times": exactly, "at_least": at_least, "at_most": at_most}
    checked = {
        name: None if value is None else count(f"{what}: {name}", value, least=0)
        for name, value in given.items()
    }
    least, most = checked["at_least"], checked["at_most"]
    if exactly is not None and (least, most) != (None, None):
        raise UsageError(f"{what}: either times, or at_least and at_most")
    if least is not None and most is not None and least > most:
        raise UsageError(f"{what}: at_least={least} is more than at_most={most}")
    if not any(value is not None for value in checked.values()):
        least = 1
    return Times(checked["times"], least, most)


def bound(name: str, value: object) -> int | None:
    """A whole number from 1, or None for no bound."""
    return None if value is None else count(name, value, ", or None for no bound")


def duration(name: str, value: object) -> datetime.timedelta | None:
    """Seconds or a ``timedelta``, more than none, or None for no bound."""
    if value is None:
        return None
    found = _timedelta(value)
    if found is None or found <= datetime.timedelta():
        raise UsageError(
            f"{name}: seconds or a timedelta above 0 is needed, or None for no bound, not {show(value)}"
        )
    return found


def span(name: str, value: object) -> datetime.timedelta:
    """Seconds or a ``timedelta``, none at the least."""
    found = _timedelta(value)
    if found is None or found < datetime.timedelta():
        raise UsageError(f"{name}: seconds or a timedelta from 0 is needed, not {show(value)}")
    return found


def instant(name: str, value: object) -> datetime.datetime:
    """An instant: a datetime, a date or a string in ISO 8601; without an offset it is in UTC."""
    found: object = value
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            found = datetime.datetime.fromisoformat(re.sub("[Zz]$", "+00:00", value))
    elif isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        found = datetime.datetime.combine(value, datetime.time())
    if isinstance(found, datetime.datetime):
        # Its offset may lead beyond what a datetime can say, or raise, or be none.
        with contextlib.suppress(Exception):
            return plain_utc(found)
    raise UsageError(
        f"{name}: a datetime, a date or a string such as '2024-03-31T12:00:00Z' is needed, not {show(value)}"
    )


def _timedelta(value: object) -> datetime.timedelta | None:
    given = bare(value)
    if isinstance(given, datetime.timedelta):
        return given
    if isinstance(given, bool) or not isinstance(given, (int, float)):
        return None
    try:
        return datetime.timedelta(seconds=given)
    except (OverflowError, ValueError):  # more than a timedelta holds, or not a number
        return None
