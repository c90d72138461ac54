"""Where waits meet virtual time: who waits asks here, and the clock that runs, if one does, lets it pass.

The clock is above those who ask, so that it says here that it runs.
"""

from __future__ import annotations

import datetime
import weakref
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock(Protocol):
    """Virtual time, as far as those who wait know it."""

    def now(self) -> datetime.datetime:
        """The time that it shows, plain and in UTC."""
        ...

    def passed(self) -> float:
        """Seconds since it was started."""
        ...

    def note(self, seconds: float, module: str) -> None:
        """Note that a module begins to sleep, where it is an event loop that waits for it."""
        ...

    def let_pass(self, seconds: float, interrupted: Callable[[], object], *, patient: bool) -> None:
        """Wait, on behalf of an event loop.

        Args:
            seconds: How long.
            interrupted: Ends it before its time when it is true.
            patient: Whether it gets a moment of real time to become true.
        """
        ...

    def sleep(
        self,
        seconds: float,
        module: str,
        interrupted: Callable[[], object] = bool,
        *,
        patient: bool = False,
    ) -> None:
        """Note that a module sleeps, and wait on its behalf, as ``let_pass`` does."""
        ...

    def back_off(self, seconds: float, module: str) -> None:
        """Sleep, on behalf of botocore."""
        ...


clock: Clock | None = None  # the one that runs
given: Final[weakref.WeakSet[Any]] = weakref.WeakSet()  # to executors, and no worker has begun it
slept = datetime.timedelta()  # how far the code under test has moved virtual time by sleeping, ever


def back_off(seconds: float, module: str) -> bool:
    """Let a wait of botocore pass in virtual time; whether there is any."""
    if clock is None:
        return False
    clock.back_off(seconds, module)
    return True
