"""Who sleeps in virtual time until when, and when the clock may move.

As on a real clock, what is earlier must happen first: a sleep of 10 s in one thread must not end before
another thread, which is about to sleep for 5 s, has come to say so. So the clock is moved by the sleeper
that wakes first, to its own time and no further, and only once every other thread sleeps as well, or
waits for something.
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
_LOOK: Final = 0.0001  # from one look to the next, in which other threads run
_NAP: Final = 0.001  # the same for a sleeper that is not the next to wake, until it is
_AFTERWARDS: Final = 0.02  # the same when the clock has ended


class _Sleeper:
    """A thread that sleeps, until when, and what ends that before its time when it is true."""

    def __init__(self, wake: datetime.datetime, interrupted: Callable[[], object]) -> None:
        self.wake, self.interrupted = wake, interrupted
        self._called = threading.Lock()
        self._called.acquire()

    def nap(self) -> None:
        """Let a moment pass, or until it is called."""
        self._called.acquire(timeout=_NAP)

    def call(self) -> None:
        """Let it look at once, since it is the next to wake; whoever calls holds the lock of the schedule."""
        if self._called.locked():
            self._called.release()


class Scheduler:
    """The threads that sleep in virtual time.

    Args:
        now: Tells it.
        real_monotonic: Tells real seconds.
        real_sleep: Sleeps in real time.
    """

    def __init__(
        self,
        now: Callable[[], datetime.datetime],
        real_monotonic: Callable[[], float],
        real_sleep: Callable[[float], None],
    ) -> None:
        self.lock = (
            threading.RLock()
        )  # whoever moves the clock holds it, and a signal handler may do so within
        self._now, self._real_monotonic, self._real_sleep = now, real_monotonic, real_sleep
        self._sleepers: dict[int, _Sleeper] = {}
        self._others = OtherThreads(real_monotonic)
        self._seen = datetime.datetime.min.replace(tzinfo=datetime.timezone.utc)  # at the last look
        self._over = False

    def restart(self) -> None:
        """Go on in a process that was forked, in which the other threads are not, and hold no lock."""
        self.lock = threading.RLock()
        self._sleepers = {}
        self._others = OtherThreads(self._real_monotonic)

    def set_back(self, before: datetime.datetime, after: datetime.datetime) -> None:
        """Move the ends of all sleeps, since the clock has been set back; whoever calls holds the lock."""
        for sleeper in self._sleepers.values():
            sleeper.wake = after + (max(sleeper.wake, before) - before)

    def end(self) -> None:
        """Let those who sleep still, in threads that have been left behind, go on in real time."""
        with self.lock:
            ended, started_at = self._seen, self._real_monotonic()
            self._now = lambda: (
                ended + datetime.timedelta(seconds=self._real_monotonic() - started_at)
            )
            self._over = True

    def sleep_until(
        self,
        started_at: datetime.datetime,
        wake: datetime.datetime,
        advance: Advance,
        interrupted: Callable[[], object],
        least: int,
    ) -> None:
        """Sleep until the clock stands at ``wake``, or later; at once, where there is no other thread.

        Args:
            started_at: The time at which this is called.
            wake: When to wake up.
            advance: Moves the clock forward, where it is this sleeper that wakes first.
            interrupted: Ends the sleep before its time when it is true.
            least: Looks for which other threads, or a socket, may interrupt it, at the least.
        """
        me = threading.get_ident()
        with self.lock:
            alone = len(sys._current_frames()) == 1  # noqa: SLF001 - documented
            if alone and not least and not self._over:
                if started_at < wake and not interrupted():
                    advance(wake - started_at)
                return
            self._seen = self._now()
            outer = self._sleepers.get(me)  # whose signal handler this is
            sleeper = self._sleepers[me] = _Sleeper(wake, interrupted)
            self._others.unsettle()
        try:
            while not (interrupted() or self._reached(sleeper, advance, least)):
                self._pause(sleeper)
                least -= 1
        finally:
            with self.lock:
                del self._sleepers[me]
                if outer is not None:
                    self._sleepers[me] = outer
                self._others.unsettle()
                if self._sleepers:
                    self._first().call()

    def _reached(self, sleeper: _Sleeper, advance: Advance, least: int) -> bool:
        """Whether it is that late, also by moving the clock."""
        with self.lock:
            self._seen = self._now()
            if self._seen >= sleeper.wake:
                return True
            if self._over or sleeper is not self._first():
                return False
            if not self._others.all_wait(self._sleepers) or least > 0 or self._one_is_interrupted():
                return False
            advance(sleeper.wake - self._seen)
            return True

    def _one_is_interrupted(self) -> bool:
        """Whether a sleeper is about to go on; those that do not wake first look less often themselves."""
        return any(sleeper.interrupted() for sleeper in self._sleepers.values())

    def _pause(self, sleeper: _Sleeper) -> None:
        """Wait for the next look."""
        with self.lock:
            over, is_first = self._over, sleeper is self._first()
        if not over and not is_first:
            sleeper.nap()
        else:
            self._real_sleep(_AFTERWARDS if over else _LOOK)

    def _first(self) -> _Sleeper:
        """The one that wakes first: it is the only one that looks, and moves the clock."""
        return min(self._sleepers.values(), key=operator.attrgetter("wake"))
