"""Time that stands still until it is moved: the only place that touches freezegun.

A freeze that runs already is adopted, since of two nested ones only the inner one tells the time. For the
same reason it is the innermost one that is read and moved, whenever it began: ``@freeze_time`` on a test
starts after its fixtures.
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

# pytest measures its tests, and its durations must stay real. The others wait in real time, until a time.
_ON_REAL_TIME: Final = ("_pytest.", "concurrent.futures", "subprocess")
# How many of its callers freezegun asks whether they are on real time. At the bottom of every thread's
# stack is ``threading``, which is, so that with more of them code near the start of a thread would be, too.
_CALLERS_ASKED: Final = 1


class Freeze:
    """Frozen time, from when it is made until ``end``.

    Args:
        default: Where it starts if none runs already.

    Raises:
        UsageError: time-machine has changed the time.
    """

    def __init__(self, default: datetime.datetime) -> None:
        _refuse_time_machine()
        self._own: Any = None
        if not api.freeze_factories:
            self._own = freezegun.freeze_time(default, ignore=[*_ON_REAL_TIME])
            self._own.start()
        self._asked, api.call_stack_inspection_limit = (
            api.call_stack_inspection_limit,
            _CALLERS_ASKED,
        )
        self._theirs = api.ignore_lists[-1]
        self._ours = api.ignore_lists[-1] = (*self._theirs, *_ON_REAL_TIME)

    def end(self) -> None:
        """Let time go on as before; an adopted freeze stays."""
        api.call_stack_inspection_limit = self._asked
        api.ignore_lists[:] = [  # ours is not there where an adopted one has ended before
            self._theirs if each is self._ours else each for each in api.ignore_lists
        ]
        if self._own is not None:
            self._own.stop()


def frozen_now() -> datetime.datetime:
    """The time that the innermost freeze tells."""
    return plain_utc(_innermost()())


def move(moment: datetime.datetime) -> None:
    """Set the innermost freeze."""
    _innermost().move_to(moment)


def advance(span: datetime.timedelta) -> None:
    """Move the innermost freeze forward."""
    _innermost().tick(span)


def _innermost() -> Any:
    if not api.freeze_factories:
        raise UsageError(
            "VirtualClock: the freeze that ran when the clock was started has ended; "
            "the clock is to end before it"
        )
    return api.freeze_factories[-1]


def _refuse_time_machine() -> None:
    time_machine = sys.modules.get("time_machine")
    if time_machine is not None and time_machine.escape_hatch.is_travelling():
        raise UsageError(
            "VirtualClock: time-machine is travelling, and only one of the two can set the time. Leave "
            "time-machine out and set this clock, or leave this clock (the fixture dxjobs_clock) out."
        )
