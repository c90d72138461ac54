"""Who has slept in virtual time, for how long, and on whose behalf."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_dxjobs import _intercept
from pytest_dxjobs._freezing import frozen_now, move, real_monotonic
from pytest_dxjobs._schedule import A_MOMENT, Schedule
from pytest_dxjobs._stand_ins import real_sleep

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Sleep:
    """A sleep in virtual time.

    Attributes:
        seconds: How long it was to take; a wait for an event that is set takes less.
        at: When it began: an aware datetime, in UTC.
        module: The name of the module that called: ``"exports"``, ``"tenacity.nap"``, or
            ``"botocore.endpoint"`` for what botocore waits before it tries a call again.
        is_backoff: Whether it was botocore that waited so, and not the code under test.
    """

    seconds: float
    at: datetime.datetime
    module: str
    is_backoff: bool = False


class Sleeping:
    """All that sleeps while one clock runs."""

    def __init__(self) -> None:
        self._schedule = Schedule(frozen_now, real_monotonic, real_sleep)
        self.sleeps: list[Sleep] = []
        self.slept = datetime.timedelta()

    def begin(self) -> None:
        """Count from now on."""
        self._begun = frozen_now()

    def passed(self) -> float:
        """Seconds since the clock was started."""
        return (frozen_now() - self._begun).total_seconds()

    def end(self) -> None:
        """Let those who sleep still go on in real time."""
        self._schedule.end()

    def note(self, seconds: float, module: str) -> None:
        """Note that the code under test begins to sleep."""
        self.sleeps.append(Sleep(seconds, frozen_now(), module))
        _intercept.sleeps()

    def let_pass(self, seconds: float, interrupted: Callable[[], object], *, patient: bool) -> None:
        """Wait, on behalf of the code under test."""
        least = A_MOMENT if patient else 0
        self._schedule.sleep_until(_after(seconds), self._move, interrupted, least)

    def back_off(self, seconds: float, module: str) -> None:
        """Sleep, on behalf of botocore."""
        self.sleeps.append(Sleep(seconds, frozen_now(), module, is_backoff=True))
        self._schedule.sleep_until(_after(seconds), move)

    def set(self, when: Callable[[datetime.datetime], datetime.datetime]) -> None:
        """Set the clock on behalf of the test, from what it shows."""
        with self._schedule.lock:
            move(when(frozen_now()))

    def _move(self, moment: datetime.datetime) -> None:
        self.slept += moment - frozen_now()
        move(moment)


def _after(seconds: float) -> datetime.datetime:
    """The end of a sleep, as exactly as a datetime can tell; one that takes time moves the clock."""
    span = datetime.timedelta(seconds=seconds)
    return frozen_now() + (max(span, datetime.timedelta.resolution) if seconds > 0 else span)
