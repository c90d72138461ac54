"""Who has slept in virtual time, for how long, and on whose behalf.

A test looks at that, and so do the budgets that end a loop; when the clock may move is for ``_schedule`` to say.
"""

from __future__ import annotations

import datetime
import os
import threading
from typing import TYPE_CHECKING

from pytest_dxjobs._botocore import intercept
from pytest_dxjobs._clock.blocked_threads import A_MOMENT
from pytest_dxjobs._clock.freezegun_adapter import advance, frozen_now, move, real_monotonic
from pytest_dxjobs._clock.patched_sleep import real_sleep
from pytest_dxjobs._clock.scheduler import Scheduler
from pytest_dxjobs._core import timeutils
from pytest_dxjobs._core.timeutils import Sleep

if TYPE_CHECKING:
    from collections.abc import Callable


class RunningClock:
    """All that sleeps while one clock runs."""

    def __init__(self) -> None:
        self._schedule = Scheduler(frozen_now, real_monotonic, real_sleep)
        # The attributes of each: there may be very many, and tuples of them are light.
        self._noted: list[tuple[float, datetime.datetime, str, bool, int]] = []

    @property
    def sleeps(self) -> list[Sleep]:
        """The sleeps so far, in the order in which they began."""
        return [Sleep(*noted) for noted in self._noted]

    def now(self) -> datetime.datetime:
        """The time, plain and in UTC."""
        return frozen_now()

    def begin(self) -> None:
        """Count from now on."""
        self._started_at, self._set_back = frozen_now(), datetime.timedelta()

    def elapsed(self) -> float:
        """Seconds since the clock was started."""
        return (frozen_now() - self._started_at + self._set_back).total_seconds()

    def end(self) -> None:
        """Let those who sleep still go on in real time."""
        self._schedule.end()

    def note(self, seconds: float, module: str) -> None:
        """Note that the code under test begins to sleep."""
        self._note(seconds, frozen_now(), module)

    def wait(self, seconds: float, interrupted: Callable[[], object], *, patient: bool) -> None:
        """Wait, on behalf of an event loop."""
        started_at = frozen_now()
        self._wait(started_at, _after(started_at, seconds), interrupted, patient)

    def sleep(
        self,
        seconds: float,
        module: str,
        interrupted: Callable[[], object] = bool,
        *,
        patient: bool = False,
    ) -> None:
        """Sleep, on behalf of the code under test."""
        started_at = frozen_now()
        wake = _after(started_at, seconds)
        self._note(seconds, started_at, module)
        self._wait(started_at, wake, interrupted, patient)

    def back_off(self, seconds: float, module: str) -> None:
        """Sleep, on behalf of botocore."""
        started_at = frozen_now()
        self._noted.append((seconds, started_at, module, True, threading.get_ident()))
        self._schedule.sleep_until(started_at, _after(started_at, seconds), advance, bool, 0)

    def set(self, when: Callable[[datetime.datetime], datetime.datetime]) -> None:
        """Set the clock on behalf of the test, from what it shows."""
        with self._schedule.lock:
            before = frozen_now()
            after = when(before)
            move(after)
            if after < before:  # which makes no sleep longer
                self._schedule.set_back(before, after)
                self._set_back += before - after

    def restart(self, start: datetime.datetime, *, keep_sleeps: bool) -> None:
        """Start again as if nobody had slept."""
        self.set(lambda _: start)
        self.begin()
        if not keep_sleeps:
            self._noted.clear()

    def go_on_in_a_fork(self) -> None:
        """Forget the threads that are not in this process."""
        self._schedule.restart()

    def _note(self, seconds: float, started_at: datetime.datetime, module: str) -> None:
        self._noted.append((seconds, started_at, module, False, threading.get_ident()))
        intercept.notify_sleep()

    def _wait(
        self,
        started_at: datetime.datetime,
        wake: datetime.datetime,
        interrupted: Callable[[], object],
        patient: bool,
    ) -> None:
        least = A_MOMENT if patient else 0
        self._schedule.sleep_until(started_at, wake, _advance_by_sleeping, interrupted, least)


def _go_on_in_a_fork() -> None:
    if isinstance(timeutils.running_clock, RunningClock):
        timeutils.running_clock.go_on_in_a_fork()


# There is none on Windows, which does not fork.
getattr(os, "register_at_fork", dict)(after_in_child=_go_on_in_a_fork)


def _advance_by_sleeping(span: datetime.timedelta) -> None:
    timeutils.total_slept += span
    advance(span)


def _after(started_at: datetime.datetime, seconds: float) -> datetime.datetime:
    """The end of a sleep, as exactly as a datetime can tell; one that takes time moves the clock."""
    try:
        return started_at + (datetime.timedelta(seconds=seconds) or datetime.timedelta.resolution)
    except OverflowError:
        raise OverflowError(
            f"a sleep of {seconds} s from {started_at} leads beyond the year 9999"
        ) from None
