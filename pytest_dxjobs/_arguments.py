"""Arguments judged at the call that gives them: each function returns the value or says what it may be."""

from __future__ import annotations

import datetime
import itertools
from typing import TYPE_CHECKING

from pytest_dxjobs._errors import UsageError
from pytest_dxjobs._messages import listing, not_one_of, show

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def one_of(what: str, value: object, *lists: tuple[str, ...]) -> str:
    """A name that one of the lists has."""
    permitted = tuple(dict.fromkeys(itertools.chain(*lists)))
    if not isinstance(value, str) or value not in permitted:
        raise UsageError(f"{what}: {not_one_of(value, permitted)}")
    return value


def refuse(headline: str, problems: Iterable[str]) -> None:
    """Raise all the problems at once, where there are any."""
    if found := list(problems):
        raise UsageError(listing(headline, found))


def text(name: str, value: object, wrong: Callable[[str], str]) -> str:
    """A string of a certain form."""
    problem = wrong(value) if isinstance(value, str) else wrong("")
    if problem or not isinstance(value, str):
        raise UsageError(f"{name}: {show(value)} {problem}")
    return value


def flag(name: str, value: object) -> bool:
    """True or False, and nothing that merely passes for it."""
    if not isinstance(value, bool):
        raise UsageError(f"{name}: True or False is needed, not {show(value)}")
    return value


def count(name: str, value: object, otherwise: str = "", *, least: int = 1) -> int:
    """A whole number that is not too small; ``otherwise`` says what else the caller permits."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise UsageError(
            f"{name}: a whole number from {least} is needed{otherwise}, not {show(value)}"
        )
    return value


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


def _timedelta(value: object) -> datetime.timedelta | None:
    if isinstance(value, datetime.timedelta):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return datetime.timedelta(seconds=value)
    except (OverflowError, ValueError):  # more than a timedelta holds, or not a number
        return None
