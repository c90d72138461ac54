"""The running clock: it records the sleeps of the code under test and passes them to the scheduler.

Tests read the sleeps, and the polling limits count them.
"""

from __future__ import annotations

import datetime
import os
import threading
from typing import TYPE_CHECKING

from pytest_dxjobs._botocore import intercept
from pytest_dxjobs._clock.blocked_threads import SAMPLING_WINDOW
from pytest_dxjobs._clock.freezegun_adapter import advance, frozen_now, move, real_monotonic
from pytest_dxjobs._clock.patched_sleep import real_sleep
from pytest_dxjobs._clock.scheduler import Scheduler
from pytest_dxjobs._core import timeutils
from pytest_dxjobs._core.timeutils import Sleep

if TYPE_CHECKING:
    from collections.abc import Callable


class RunningClock:
    """A clock from its start to its end, with all sleeps in it; see ``timeutils.Clock``."""

    def __init__(self) -> None:
        self.scheduler = Scheduler(frozen_now, real_monotonic, real_sleep)
        # The attributes of each ``Sleep``: there may be very many, and tuples are light.
        self._records: list[tuple[float, datetime.datetime, str, bool, int]] = []

    @property
    def sleeps(self) -> list[Sleep]:
        """The sleeps so far, in the order in which they started."""
        return [Sleep(*record) for record in self._records]

    def now(self) -> datetime.datetime:
        """Return the virtual time, plain and in UTC."""
        return frozen_now()

    def begin(self) -> None:
        """Start counting the elapsed seconds."""
        self._started_at, self._set_back = frozen_now(), datetime.timedelta()

    def elapsed(self) -> float:
        """Return the seconds since the start of the clock; setting it back subtracts nothing."""
        return (frozen_now() - self._started_at + self._set_back).total_seconds()

    def record_sleep(self, seconds: float, module: str) -> None:
        """Record a sleep for which an event loop will wait."""
        self._record(seconds, frozen_now(), module)

    def wait(self, seconds: float, interrupted: Callable[[], object], *, grace: bool) -> None:
        """Wait, on behalf of an event loop."""
        started_at = frozen_now()
        self._wait(started_at, _after(started_at, seconds), interrupted, grace)

    def sleep(
        self,
        seconds: float,
        module: str,
        interrupted: Callable[[], object] = bool,
        *,
        grace: bool = False,
    ) -> None:
        """Record a sleep of the code under test and wait for it."""
        started_at = frozen_now()
        wake = _after(started_at, seconds)
        self._record(seconds, started_at, module)
        self._wait(started_at, wake, interrupted, grace)

    def back_off(self, seconds: float, module: str) -> None:
        """Record a backoff of botocore and wait for it."""
        started_at = frozen_now()
        self._records.append((seconds, started_at, module, True, threading.get_ident()))
        self.scheduler.sleep_until(started_at, _after(started_at, seconds), advance, bool, 0)

    def set(self, when: Callable[[datetime.datetime], datetime.datetime]) -> None:
        """Set the clock, on behalf of the test, to a time computed from the current one."""
        with self.scheduler.lock:
            before = frozen_now()
            after = when(before)
            move(after)
            if after < before:
                self.scheduler.set_back(before, after)
                self._set_back += before - after

    def restart(self, start: datetime.datetime, *, keep_sleeps: bool) -> None:
        """Start again at a time; forget the sleeps unless they are to be kept."""
        self.set(lambda _: start)
        self.begin()
        if not keep_sleeps:
            self._records.clear()

    def _record(self, seconds: float, started_at: datetime.datetime, module: str) -> None:
        self._records.append((seconds, started_at, module, False, threading.get_ident()))
        intercept.notify_sleep()

    def _wait(
        self,
        started_at: datetime.datetime,
        wake: datetime.datetime,
        interrupted: Callable[[], object],
        grace: bool,
    ) -> None:
        min_samples = SAMPLING_WINDOW if grace else 0
        self.scheduler.sleep_until(started_at, wake, _sleep_forward, interrupted, min_samples)


def _reset_after_fork() -> None:
    if isinstance(timeutils.running_clock, RunningClock):
        timeutils.running_clock.scheduler.reset_after_fork()


# Windows does not fork and lacks the function.
getattr(os, "register_at_fork", dict)(after_in_child=_reset_after_fork)


def _sleep_forward(span: datetime.timedelta) -> None:
    timeutils.total_slept += span
    advance(span)


def _after(started_at: datetime.datetime, seconds: float) -> datetime.datetime:
    """Return the end of a sleep, at least one microsecond after its start."""
    try:
        return started_at + (datetime.timedelta(seconds=seconds) or datetime.timedelta.resolution)
    except OverflowError:
        raise OverflowError(f"a sleep of {seconds} s from {started_at} ends after the year 9999") from None
