"""The schedule of sleeping threads, which decides when virtual time advances.

What is earlier on the clock must happen first. A sleep of 10 s in one thread must not end before another
thread has started its sleep of 5 s. So only the sleeper that wakes first advances the clock, to its own
wake time and no further, once every other thread sleeps as well or is blocked.
"""

from __future__ import annotations

import datetime
import operator
import sys
import threading
from typing import TYPE_CHECKING, Final

from pytest_dxjobs._clock.blocked_threads import OtherThreads

if TYPE_CHECKING:
    from collections.abc import Callable

    Advance = Callable[[datetime.timedelta], None]

# In real seconds.
_SAMPLE_INTERVAL: Final = 0.0001  # of the sleeper that wakes next; other threads run meanwhile
_NAP: Final = 0.001  # of any other sleeper
_INTERVAL_AFTER_END: Final = 0.02  # of all sleepers, once the clock has ended


class _Sleeper:
    """A sleeping thread: its wake time, and a function that returns true to end the sleep early."""

    def __init__(self, wake: datetime.datetime, interrupted: Callable[[], object]) -> None:
        self.wake, self.interrupted = wake, interrupted
        self._notified = threading.Lock()
        self._notified.acquire()

    def nap(self) -> None:
        """Wait for a real millisecond, or until notified."""
        self._notified.acquire(timeout=_NAP)

    def notify(self) -> None:
        """End the nap: this sleeper wakes next. The caller holds the scheduler's lock."""
        if self._notified.locked():
            self._notified.release()


class Scheduler:
    """The threads that sleep in virtual time.

    Args:
        now: Returns the virtual time.
        real_monotonic: Returns real seconds.
        real_sleep: Sleeps in real time.
    """

    def __init__(
        self,
        now: Callable[[], datetime.datetime],
        real_monotonic: Callable[[], float],
        real_sleep: Callable[[float], None],
    ) -> None:
        # Held to move the clock; reentrant, since a signal handler may sleep while its thread holds it.
        self.lock = threading.RLock()
        self._now, self._real_monotonic, self._real_sleep = now, real_monotonic, real_sleep
        self._sleepers: dict[int, _Sleeper] = {}
        self._others = OtherThreads(real_monotonic)
        self._last_now = datetime.datetime.min.replace(tzinfo=datetime.timezone.utc)
        self._ended = False

    def reset_after_fork(self) -> None:
        """Forget the other threads, which do not exist in a forked process and hold no lock there."""
        self.lock = threading.RLock()
        self._sleepers = {}
        self._others = OtherThreads(self._real_monotonic)

    def set_back(self, before: datetime.datetime, after: datetime.datetime) -> None:
        """Move all wake times, after the clock was set back. The caller holds the lock."""
        for sleeper in self._sleepers.values():
            sleeper.wake = after + (max(sleeper.wake, before) - before)

    def end(self) -> None:
        """Let the remaining sleepers, in threads that outlive the clock, go on in real time."""
        with self.lock:
            ended, started_at = self._last_now, self._real_monotonic()
            self._now = lambda: ended + datetime.timedelta(seconds=self._real_monotonic() - started_at)
            self._ended = True

    def sleep_until(
        self,
        started_at: datetime.datetime,
        wake: datetime.datetime,
        advance: Advance,
        interrupted: Callable[[], object],
        min_samples: int,
    ) -> None:
        """Sleep until the clock shows ``wake`` or later; without other threads, advance it at once.

        The sleep ends early when ``interrupted`` returns true, for which there are at least ``min_samples`` samples.
        """
        me = threading.get_ident()
        with self.lock:
            alone = len(sys._current_frames()) == 1  # noqa: SLF001 - documented
            if alone and not min_samples and not self._ended:
                if started_at < wake and not interrupted():
                    advance(wake - started_at)
                return
            self._last_now = self._now()
            outer = self._sleepers.get(me)  # if this is its signal handler
            sleeper = self._sleepers[me] = _Sleeper(wake, interrupted)
            self._others.reset()
        try:
            while not (interrupted() or self._reached(sleeper, advance, min_samples)):
                self._pause(sleeper)
                min_samples -= 1
        finally:
            with self.lock:
                del self._sleepers[me]
                if outer is not None:
                    self._sleepers[me] = outer
                self._others.reset()
                if self._sleepers:
                    self._next().notify()

    def _reached(self, sleeper: _Sleeper, advance: Advance, min_samples: int) -> bool:
        """Return whether the clock has reached the wake time; advance it there if that is permitted."""
        with self.lock:
            self._last_now = self._now()
            if self._last_now >= sleeper.wake:
                return True
            if self._ended or sleeper is not self._next():
                return False
            all_blocked = self._others.all_blocked(self._sleepers)
            if not all_blocked or min_samples > 0 or self._any_interrupted():
                return False
            advance(sleeper.wake - self._last_now)
            return True

    def _any_interrupted(self) -> bool:
        """Return whether a sleeper is about to end early; those that nap have not noticed yet."""
        return any(sleeper.interrupted() for sleeper in self._sleepers.values())

    def _pause(self, sleeper: _Sleeper) -> None:
        with self.lock:
            ended, is_next = self._ended, sleeper is self._next()
        if not ended and not is_next:
            sleeper.nap()
        else:
            self._real_sleep(_INTERVAL_AFTER_END if ended else _SAMPLE_INTERVAL)

    def _next(self) -> _Sleeper:
        """Return the sleeper that wakes next, which alone takes samples and advances the clock."""
        return min(self._sleepers.values(), key=operator.attrgetter("wake"))
