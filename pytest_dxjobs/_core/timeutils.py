"""Time helpers, and the protocol of the running virtual clock.

Under freezegun every datetime is an instance of freezegun's class, and a stored one would outlive the freeze:
the functions here return plain datetimes. They read the time at each call, so they follow a moved clock.

The clock puts itself into ``running_clock``, where the rooms that it imports find it.
"""

from __future__ import annotations

import datetime
import weakref
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


# The class cannot be kept under a name of this module: freezegun replaces every such name.
_EPOCH: Final[datetime.datetime] = next(
    kind(1970, 1, 1, tzinfo=datetime.timezone.utc)
    for kind in datetime.datetime.__mro__
    if kind.__module__ == datetime.__name__
)

_subtract: Final = type(_EPOCH).__sub__  # freezegun's would return an instance of its own class


def now() -> datetime.datetime:
    """Return the current time, aware and in UTC."""
    if running_clock is not None:  # the same time, twice as fast
        return running_clock.now()
    return plain_utc(datetime.datetime.now(datetime.timezone.utc))


def plain_utc(at: datetime.datetime) -> datetime.datetime:
    """Return the same instant as a plain datetime in UTC; a naive one is taken to be in UTC."""
    if at.tzinfo is None:
        at = at.replace(tzinfo=datetime.timezone.utc)
    if type(at) is type(_EPOCH) and at.tzinfo is datetime.timezone.utc:
        return at
    return _EPOCH + _subtract(at, _EPOCH)


def truncate_to_milliseconds(at: datetime.datetime) -> datetime.datetime:
    """Return the time with the precision of the service's timestamps."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def shift(at: datetime.datetime, span: datetime.timedelta) -> datetime.datetime:
    """Return the time moved by a span, or unmoved if the result is beyond what a datetime holds."""
    try:
        return at + span
    except OverflowError:
        return at


def format_instant(at: datetime.datetime) -> str:
    """Return a time as messages show it."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def format_seconds(seconds: float) -> str:
    """Return a number of seconds as messages show it: rounded to milliseconds, unless that is 0."""
    return f"{round(seconds, 3) or seconds:,.10g}"


@dataclass(frozen=True, slots=True)
class Sleep:
    """A sleep in virtual time.

    Attributes:
        seconds: The requested duration; a wait for an event that gets set is shorter.
        at: The start: an aware datetime, in UTC.
        module: The name of the calling module: ``"exports"``, ``"tenacity.nap"``, or
            ``"botocore.endpoint"`` for botocore's backoff before a retry.
        is_backoff: Whether botocore slept, and not the code under test.
        thread: The ``threading.get_ident()`` of the sleeping thread; ignored by ``==``.
    """

    seconds: float
    at: datetime.datetime
    module: str
    is_backoff: bool = False
    thread: int = field(default=0, compare=False, repr=False)


class Clock(Protocol):
    """The running virtual clock, as its callers see it."""

    def now(self) -> datetime.datetime:
        """Return the virtual time, plain and in UTC."""

    def elapsed(self) -> float:
        """Return the seconds since the start of the clock."""

    def record_sleep(self, seconds: float, module: str) -> None:
        """Record a sleep for which an event loop will wait."""

    def wait(self, seconds: float, interrupted: Callable[[], object], *, grace: bool) -> None:
        """Wait for an event loop, until ``interrupted`` returns true; ``grace`` gives it a few real milliseconds."""

    def sleep(
        self,
        seconds: float,
        module: str,
        interrupted: Callable[[], object] = bool,
        *,
        grace: bool = False,
    ) -> None:
        """Record a sleep and wait for it, as ``wait`` does."""

    def back_off(self, seconds: float, module: str) -> None:
        """Sleep, on behalf of botocore."""


running_clock: Clock | None = None
# Tasks that were submitted to executors and that no worker has started.
unstarted_tasks: Final[weakref.WeakSet[Any]] = weakref.WeakSet()
# How far the sleeps of the code under test have moved virtual time, in all clocks.
total_slept = datetime.timedelta()


def back_off(seconds: float, module: str) -> bool:
    """Sleep in virtual time on behalf of botocore; return whether a clock is running."""
    if running_clock is None:
        return False
    running_clock.back_off(seconds, module)
    return True
