"""``VirtualClock``: time that moves when somebody sleeps, or when the test says so."""

from __future__ import annotations

import contextlib
import datetime
from typing import TYPE_CHECKING, Final

from pytest_dxjobs._botocore.retry_state import limiters_in_virtual_time
from pytest_dxjobs._clock.freezegun_adapter import Freeze, frozen_now, move
from pytest_dxjobs._clock.patched_sleep import SleepPatches
from pytest_dxjobs._clock.sleeps import RunningClock
from pytest_dxjobs._core import timeutils
from pytest_dxjobs._core.arguments import instant, span
from pytest_dxjobs._core.errors import UsageError
from pytest_dxjobs._core.messages import show

if TYPE_CHECKING:
    from types import TracebackType

    from pytest_dxjobs._core.timeutils import Sleep

START: Final = datetime.datetime(2025, 1, 1, tzinfo=datetime.timezone.utc)


class VirtualClock:
    """Time that moves when somebody sleeps, or when the test says so.

    While it runs, ``time.sleep`` and ``asyncio.sleep``, by whatever name a module knows them, the
    timeouts of asyncio, ``threading.Event.wait`` with a timeout, and what botocore waits between its
    retries take no real time and move the clock. ``time.time``, ``time.monotonic``,
    ``time.perf_counter`` and ``datetime.now`` tell its time, in every thread.

    A sleep moves the clock to its own end and no further, so that threads which sleep at the same time
    take as long as one. What comes earlier on the clock happens first: the clock moves when every other thread
    sleeps, too, or has waited for something for a few real milliseconds. One that goes on computing is
    waited for, for a second, and then left out until it waits for something.

    It runs from entering to leaving a ``with`` block. The fixture ``dxjobs_clock`` is one that runs.

    Args:
        start: When it starts, as in ``move_to``; 2025-01-01 00:00 UTC if nothing is said. Where freezegun
            has frozen the time already, that freeze is used, from where it is if nothing is said.

    Raises:
        UsageError: This is no instant; on entering, that another clock runs, or time-machine does.
    """

    __slots__ = ("_sleeping", "_start", "_undo")

    def __init__(self, start: datetime.date | str | None = None) -> None:
        self._start = None if start is None else instant("start", start)
        self._sleeping = RunningClock()

    def __enter__(self) -> VirtualClock:
        if timeutils.running_clock is not None:
            raise UsageError(
                "VirtualClock: a clock runs already (the fixture dxjobs_clock is one); use that one"
            )
        self._sleeping = RunningClock()
        with contextlib.ExitStack() as undo:
            freeze = Freeze(self._start or START)
            undo.callback(freeze.end)
            if self._start is not None:  # also where the freeze is not our own
                move(self._start)
            undo.callback(self._sleeping.end)
            undo.callback(SleepPatches().undo)
            undo.enter_context(limiters_in_virtual_time())
            self._sleeping.begin()
            timeutils.running_clock = self._sleeping
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._check_that_it_runs("__exit__")
        timeutils.running_clock = None
        self._undo.close()

    @property
    def now(self) -> datetime.datetime:
        """The time: an aware datetime, in UTC.

        Raises:
            UsageError: The clock does not run.
        """
        self._check_that_it_runs("now")
        return frozen_now()

    @property
    def sleeps(self) -> list[Sleep]:
        """The sleeps so far, in the order in which they began."""
        return self._sleeping.sleeps

    def tick(self, delta: float | datetime.timedelta = 1) -> None:
        """Move the clock forward; who would have woken by then wakes.

        Args:
            delta: Seconds or a ``timedelta``, from 0.

        Raises:
            UsageError: It is not, or leads beyond the year 9999; or the clock does not run.
        """
        self._check_that_it_runs("tick")
        elapsed = span("tick", delta)
        try:
            self._sleeping.set(lambda now: now + elapsed)
        except OverflowError:
            raise UsageError(
                f"tick: {show(delta)} from {self.now} leads beyond the year 9999"
            ) from None

    def move_to(self, when: datetime.date | str) -> None:
        """Set the clock, forward or back.

        Args:
            when: A datetime, a date, or a string in ISO 8601; without an offset it is in UTC.

        Raises:
            UsageError: It is no instant; or the clock does not run.
        """
        self._check_that_it_runs("move_to")
        moment = instant("move_to", when)
        self._sleeping.set(lambda _: moment)

    def _restart(self, start: datetime.datetime, *, keep_sleeps: bool) -> None:
        """Start again, for another example of Hypothesis."""
        self._sleeping.restart(start, keep_sleeps=keep_sleeps)

    def __repr__(self) -> str:
        return f"<VirtualClock {frozen_now() if self._runs() else 'not running'}>"

    def _runs(self) -> bool:
        return timeutils.running_clock is self._sleeping

    def _check_that_it_runs(self, what: str) -> None:
        if not self._runs():
            raise UsageError(
                f"{what}: this clock does not run; it does within `with` and its block"
            )
