"""Frozen time through freezegun, which nothing else in the package touches.

A freeze that is active already is adopted: of nested freezes only the innermost one sets the time. So the
innermost one is read and moved, even if it started later: ``@freeze_time`` on a test starts after its
fixtures.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import freezegun
from freezegun import api
from freezegun.api import real_monotonic as real_monotonic

from pytest_dxjobs._core.errors import UsageError
from pytest_dxjobs._core.timeutils import plain_utc

if TYPE_CHECKING:
    import datetime

# pytest measures the durations of tests. The others compute real deadlines.
_IN_REAL_TIME: Final = ("_pytest.", "concurrent.futures", "subprocess")
# How many callers freezegun checks for those packages. It exempts ``threading`` itself, which is at the
# bottom of every thread's stack: a higher limit would exempt code near the start of a thread.
_CALLERS_CHECKED: Final = 1


class Freeze:
    """Frozen time, from creation until ``end``.

    Args:
        default: The start, unless a freeze is active already.

    Raises:
        UsageError: time-machine is travelling.
    """

    def __init__(self, default: datetime.datetime) -> None:
        _reject_time_machine()
        self._own: Any = None
        if not api.freeze_factories:
            self._own = freezegun.freeze_time(default, ignore=[*_IN_REAL_TIME])
            self._own.start()
        self._original_limit = api.call_stack_inspection_limit
        api.call_stack_inspection_limit = _CALLERS_CHECKED
        self._original_ignored = api.ignore_lists[-1]
        self._ignored = api.ignore_lists[-1] = (*self._original_ignored, *_IN_REAL_TIME)

    def end(self) -> None:
        """Restore freezegun; an adopted freeze stays active."""
        api.call_stack_inspection_limit = self._original_limit
        api.ignore_lists[:] = [  # without ours, if an adopted freeze has ended already
            self._original_ignored if each is self._ignored else each for each in api.ignore_lists
        ]
        if self._own is not None:
            self._own.stop()


def frozen_now() -> datetime.datetime:
    """Return the time of the innermost freeze."""
    return plain_utc(_innermost()())


def move(to: datetime.datetime) -> None:
    """Set the innermost freeze."""
    _innermost().move_to(to)


def advance(span: datetime.timedelta) -> None:
    """Move the innermost freeze forward."""
    _innermost().tick(span)


def _innermost() -> Any:
    if not api.freeze_factories:
        raise UsageError(
            "VirtualClock: the freeze that was active when the clock started has ended. "
            "End the clock before the freeze."
        )
    return api.freeze_factories[-1]


def _reject_time_machine() -> None:
    time_machine = sys.modules.get("time_machine")
    if time_machine is not None and time_machine.escape_hatch.is_travelling():
        raise UsageError(
            "VirtualClock: time-machine is travelling, and only one of the two can set the time. "
            "Remove time-machine and set this clock, or remove this clock (the fixture dxjobs_clock)."
        )
