"""Who sleeps in virtual time until when, and when the clock may move.

As on a real clock, what is earlier must happen first: a sleep of 10 s in one thread must not end before
another thread, which is about to sleep for 5 s, has come to say so. So the clock is moved by the sleeper
that wakes first, to its own time and no further, and only once every other thread sleeps as well, or
waits for something: a lock, a queue, a socket. Python does not tell which threads wait. One that stands
at the same instruction, look after look, while it is given the time to go on, is taken to.

Looks are counted, not milliseconds, since on a busy machine all threads are slow alike.
"""

from __future__ import annotations

import datetime
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Container

# In looks. A moment is a few real milliseconds, by which a thread that was woken has moved.
A_MOMENT: Final = 20
_LONG: Final = 200  # after which a thread is taken to wait for all the others
_SHORT: Final = 4  # and then that many are enough
_TOO_LONG: Final = 250  # after which it does not matter what the system tells

_STATE: Final = 64  # bytes, among which is the state
# In real seconds.
_PATIENCE: Final = 1.0  # for a thread that computes
_LOOK: Final = 0.0001  # from one look to the next, in which other threads run
_NAP: Final = 0.001  # the same for a sleeper that is not the next to wake
_AFTERWARDS: Final = 0.02  # the same when the clock has ended


class Schedule:
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
        self.lock = threading.Lock()  # whoever moves the clock holds it
        self._now, self._real_monotonic, self._real_sleep = now, real_monotonic, real_sleep
        self._sleepers: dict[int, datetime.datetime] = {}
        self._others = _Others(real_monotonic)
        self._seen = datetime.datetime.min.replace(tzinfo=datetime.timezone.utc)  # at the last look
        self._over = False

    def end(self) -> None:
        """Let those who sleep still, in threads that have been left behind, go on in real time."""
        with self.lock:
            ended, begun = self._seen, self._real_monotonic()
            self._now = lambda: ended + datetime.timedelta(seconds=self._real_monotonic() - begun)
            self._over = True

    def sleep_until(
        self,
        wake: datetime.datetime,
        move_to: Callable[[datetime.datetime], None],
        interrupted: Callable[[], object] = bool,
        least: int = 0,
    ) -> None:
        """Sleep until the clock stands at ``wake``, or later; at once, where there is no other thread.

        Args:
            wake: When to wake up.
            move_to: Moves the clock, where it is this sleeper that wakes first.
            interrupted: Ends the sleep before its time when it is true.
            least: Looks for which other threads may interrupt it, at the least.
        """
        me = threading.get_ident()
        with self.lock:
            if len(sys._current_frames()) == 1 and not self._over:  # noqa: SLF001 - documented
                if not interrupted() and self._now() < wake:
                    move_to(wake)
                return
            self._seen = self._now()
            self._sleepers[me] = wake
            self._others.unsettle()
        try:
            while not (interrupted() or self._reached(me, wake, move_to, least)):
                self._real_sleep(self._pause(me))
                least -= 1
        finally:
            with self.lock:
                del self._sleepers[me]
                self._others.unsettle()

    def _reached(
        self,
        me: int,
        wake: datetime.datetime,
        move_to: Callable[[datetime.datetime], None],
        least: int,
    ) -> bool:
        """Whether it is that late, also by moving the clock."""
        with self.lock:
            self._seen = self._now()
            if self._seen >= wake:
                return True
            if self._over or me != self._first():
                return False
            if not self._others.all_wait(self._sleepers) or least > 0:
                return False
            move_to(wake)
            return True

    def _pause(self, me: int) -> float:
        """Real seconds until the next look."""
        with self.lock:
            if self._over:
                return _AFTERWARDS
            return _LOOK if me == self._first() else _NAP

    def _first(self) -> int:
        """The one that wakes first: it is the only one that looks, and moves the clock."""
        return min(self._sleepers, key=self._sleepers.__getitem__)


@dataclass(frozen=True, slots=True)
class _Stand:
    """Where a thread stood at the last look.

    Attributes:
        place: Its frame and its instruction.
        looks: For how many looks it has stood there.
        waited: When it was last taken to wait, or first seen, in real seconds.
    """

    place: tuple[int, int]
    looks: int
    waited: float

    def then(self, place: tuple[int, int], moment: float) -> _Stand:
        """The same one look later."""
        looks = self.looks + 1 if place == self.place else 0
        return _Stand(place, looks, moment if looks >= A_MOMENT else self.waited)


class _Others:
    """The threads that do not sleep."""

    def __init__(self, real_monotonic: Callable[[], float]) -> None:
        self._real_monotonic = real_monotonic
        self._stands: dict[int, _Stand] = {}
        self._quiet = 0  # looks since anything has changed

    def unsettle(self) -> None:
        """Note that a thread has come or gone, and may have woken another."""
        self._quiet = 0

    def all_wait(self, sleepers: Container[int]) -> bool:
        """Look once more: whether each of them waits for something that no other will bring."""
        moment = self._real_monotonic()
        new = _Stand((0, 0), 0, moment)
        frames = sys._current_frames()  # noqa: SLF001 - documented
        stands = {
            thread: self._stands.get(thread, new).then((id(frame), frame.f_lasti), moment)
            for thread, frame in frames.items()
            if thread not in sleepers
        }
        waited_for = [each for each in stands.values() if moment - each.waited <= _PATIENCE]
        if stands.keys() != self._stands.keys() or any(stand.looks == 0 for stand in waited_for):
            self.unsettle()
        self._stands = stands
        self._quiet += 1
        if not waited_for:
            return True
        for_long = all(stand.looks >= _LONG for stand in waited_for)
        if self._quiet <= (_SHORT if for_long else A_MOMENT):
            return False
        return self._quiet > _TOO_LONG or not any(
            thread.ident not in stands or _is_about_to_run(thread)  # or has just been started
            for thread in threading.enumerate()
            if thread.ident not in sleepers
        )


def _is_about_to_run(thread: threading.Thread) -> bool:
    """Whether a thread waits for nothing but a processor, as far as the system tells: Linux does."""
    try:
        with open(f"/proc/self/task/{thread.native_id}/stat", "rb", buffering=0) as told:
            return b") R" in told.read(_STATE)
    except OSError:
        return False
