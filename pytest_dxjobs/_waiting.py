"""Where waits meet virtual time: who waits asks here, and the clock that runs, if one does, lets it pass.

The clock is above those who ask, so that it says here that it runs.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock(Protocol):
    """Virtual time, as far as those who wait know it."""

    slept: datetime.timedelta  # how far the code under test has moved it by sleeping

    def passed(self) -> float:
        """Seconds since it was started."""
        ...

    def note(self, seconds: float, module: str) -> None:
        """Note that a module begins to sleep."""
        ...

    def let_pass(self, seconds: float, interrupted: Callable[[], object], *, patient: bool) -> None:
        """Wait, on behalf of the code under test.

        Args:
            seconds: How long.
            interrupted: Ends it before its time when it is true.
            patient: Whether it gets a moment of real time to become true.
        """
        ...

    def back_off(self, seconds: float, module: str) -> None:
        """Sleep, on behalf of botocore."""
        ...


clock: Clock | None = None  # the one that runs


def back_off(seconds: float, module: str) -> bool:
    """Let a wait of botocore pass in virtual time; whether there is any."""
    if clock is None:
        return False
    clock.back_off(seconds, module)
    return True


def slept() -> datetime.timedelta:
    """How far the code under test has moved virtual time by sleeping; nothing without any."""
    return datetime.timedelta() if clock is None else clock.slept
