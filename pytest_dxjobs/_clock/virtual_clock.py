"""``VirtualClock``: virtual time, which sleeps advance without real waiting."""

from __future__ import annotations

import contextlib
import datetime
from typing import TYPE_CHECKING, Final

from pytest_dxjobs._botocore.retry_state import limiters_in_virtual_time
from pytest_dxjobs._clock.freezegun_adapter import Freeze, frozen_now, move
from pytest_dxjobs._clock.patched_sleep import SleepPatches
from pytest_dxjobs._clock.running_clock import RunningClock
from pytest_dxjobs._core import timeutils
from pytest_dxjobs._core.arguments import instant, span
from pytest_dxjobs._core.errors import UsageError
from pytest_dxjobs._core.messages import show

if TYPE_CHECKING:
    from types import TracebackType

    from pytest_dxjobs._core.timeutils import Sleep

START: Final = datetime.datetime(2025, 1, 1, tzinfo=datetime.timezone.utc)


class VirtualClock:
    """Virtual time: a sleep advances the clock and takes no real time.

    The clock runs within its ``with`` block. The fixture ``dxjobs_clock`` is a running clock.

    These advance the clock: ``time.sleep`` and ``asyncio.sleep`` under any name that a module imports, timeouts
    of asyncio, ``threading.Event.wait`` with a timeout, and botocore's backoff between retries. ``time.time``,
    ``time.monotonic``, ``time.perf_counter`` and ``datetime.now`` return virtual time, in every thread.

    A sleep advances the clock to its own end and no further, so threads that sleep at the same time take as
    long as one. The clock advances when every other thread sleeps, or has been blocked for a few real
    milliseconds. It waits one second for a thread that computes, and then ignores it until it blocks.

    Args:
        start: The start time, as in ``move_to``; by default 2025-01-01 00:00 UTC. If a freezegun freeze is
            active already, the clock uses it, and its current time is the default.

    Raises:
        UsageError: ``start`` is not an instant. On entering: another clock is running, or time-machine is
            travelling.
    """

    __slots__ = ("_running", "_start", "_undo")

    def __init__(self, start: datetime.date | str | None = None) -> None:
        self._start = None if start is None else instant("start", start)
        self._running = RunningClock()

    def __enter__(self) -> VirtualClock:
        if timeutils.running_clock is not None:
            raise UsageError(
                "VirtualClock: a clock is already running (the fixture dxjobs_clock is one). Use that clock."
            )
        self._running = RunningClock()
        with contextlib.ExitStack() as undo:
            freeze = Freeze(self._start or START)
            undo.callback(freeze.end)
            if self._start is not None:  # an adopted freeze has another time
                move(self._start)
            undo.callback(self._running.scheduler.end)
            undo.callback(SleepPatches().undo)
            undo.enter_context(limiters_in_virtual_time())
            self._running.begin()
            timeutils.running_clock = self._running
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._require_running("__exit__")
        timeutils.running_clock = None
        self._undo.close()

    @property
    def now(self) -> datetime.datetime:
        """The virtual time: an aware datetime, in UTC.

        Raises:
            UsageError: The clock is not running.
        """
        self._require_running("now")
        return frozen_now()

    @property
    def sleeps(self) -> list[Sleep]:
        """The sleeps so far, in the order in which they started."""
        return self._running.sleeps

    def tick(self, delta: float | datetime.timedelta = 1) -> None:
        """Move the clock forward, and wake the threads whose sleep ends by then.

        Args:
            delta: Seconds or a ``timedelta``, from 0.

        Raises:
            UsageError: ``delta`` is invalid or ends after the year 9999, or the clock is not running.
        """
        self._require_running("tick")
        elapsed = span("tick", delta)
        try:
            self._running.set(lambda now: now + elapsed)
        except OverflowError:
            raise UsageError(f"tick: {show(delta)} from {self.now} ends after the year 9999") from None

    def move_to(self, when: datetime.date | str) -> None:
        """Set the clock, forward or back.

        Args:
            when: A datetime, a date, or a string in ISO 8601; in UTC if it has no offset.

        Raises:
            UsageError: ``when`` is not an instant, or the clock is not running.
        """
        self._require_running("move_to")
        to = instant("move_to", when)
        self._running.set(lambda _: to)

    def _restart(self, start: datetime.datetime, *, keep_sleeps: bool) -> None:
        """Start again, for another example of Hypothesis."""
        self._running.restart(start, keep_sleeps=keep_sleeps)

    def __repr__(self) -> str:
        return f"<VirtualClock {frozen_now() if self._is_running() else 'not running'}>"

    def _is_running(self) -> bool:
        return timeutils.running_clock is self._running

    def _require_running(self, what: str) -> None:
        if not self._is_running():
            raise UsageError(f"{what}: this clock is not running. It runs within its `with` block.")
