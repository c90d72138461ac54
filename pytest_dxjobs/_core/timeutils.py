"""What time it is, asked anew each time, so that a frozen or moved clock is followed.

Under freezegun every datetime is an instance of its own class, which must not outlive the freeze in what
we keep: the instants of this module are plain ones.
"""

from __future__ import annotations

import datetime
import weakref
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


# The class itself cannot be kept: freezegun replaces it wherever a module has a name for it.
_EPOCH: Final[datetime.datetime] = next(
    kind(1970, 1, 1, tzinfo=datetime.timezone.utc)
    for kind in datetime.datetime.__mro__
    if kind.__module__ == datetime.__name__
)

_since: Final = type(_EPOCH).__sub__  # and not freezegun's, which makes another one of its own


def now() -> datetime.datetime:
    """This instant, aware, in UTC."""
    if running_clock is not None:  # which tells the same in half the time
        return running_clock.now()
    return plain_utc(datetime.datetime.now(datetime.timezone.utc))


def plain_utc(moment: datetime.datetime) -> datetime.datetime:
    """The same instant as a plain datetime in UTC; a naive one is taken to be in UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.timezone.utc)
    if type(moment) is type(_EPOCH) and moment.tzinfo is datetime.timezone.utc:
        return moment
    return _EPOCH + _since(moment, _EPOCH)


def truncate_to_milliseconds(moment: datetime.datetime) -> datetime.datetime:
    """As fine as the service tells its times."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def format_instant(moment: datetime.datetime) -> str:
    """How messages tell an instant."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def format_seconds(seconds: float) -> str:
    """How messages tell a number of seconds: to the millisecond, if it is not less."""
    return f"{round(seconds, 3) or seconds:,.10g}"


def later(moment: datetime.datetime, span: datetime.timedelta) -> datetime.datetime:
    """The moment moved by a span; unmoved where no datetime can say the result."""
    try:
        return moment + span
    except OverflowError:  # the first or the last minutes that a datetime can say
        return moment


@dataclass(frozen=True, slots=True)
class Sleep:
    """A sleep in virtual time.

    Attributes:
        seconds: How long it was to take; a wait for an event that is set takes less.
        at: When it began: an aware datetime, in UTC.
        module: The name of the module that called: ``"exports"``, ``"tenacity.nap"``, or
            ``"botocore.endpoint"`` for what botocore waits before it tries a call again.
        is_backoff: Whether it was botocore that waited so, and not the code under test.
        thread: The thread that slept, as ``threading.get_ident`` tells it; two sleeps are equal without it.
    """

    seconds: float
    at: datetime.datetime
    module: str
    is_backoff: bool = False
    thread: int = field(default=0, compare=False, repr=False)


class Clock(Protocol):
    """Virtual time, as far as those who wait know it."""

    def now(self) -> datetime.datetime:
        """The time that it shows, plain and in UTC."""
        ...

    def elapsed(self) -> float:
        """Seconds since it was started."""
        ...

    def note(self, seconds: float, module: str) -> None:
        """Note that a module begins to sleep, where it is an event loop that waits for it."""
        ...

    def wait(self, seconds: float, interrupted: Callable[[], object], *, patient: bool) -> None:
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
        """Note that a module sleeps, and wait on its behalf, as ``wait`` does."""
        ...

    def back_off(self, seconds: float, module: str) -> None:
        """Sleep, on behalf of botocore."""
        ...


running_clock: Clock | None = None  # the one that runs
unstarted_tasks: Final[weakref.WeakSet[Any]] = (
    weakref.WeakSet()
)  # to executors, and no worker has begun it
total_slept = (
    datetime.timedelta()
)  # how far the code under test has moved virtual time by sleeping, ever


def back_off(seconds: float, module: str) -> bool:
    """Let a wait of botocore pass in virtual time; whether there is any."""
    if running_clock is None:
        return False
    running_clock.back_off(seconds, module)
    return True
