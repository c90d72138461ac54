"""What time it is, asked anew each time, so that a frozen or moved clock is followed.

Under freezegun every datetime is an instance of its own class, which must not outlive the freeze in what
we keep: the instants of this module are plain ones.
"""

from __future__ import annotations

import datetime
from typing import Final

from pytest_dxjobs._core import waiting

# The class itself cannot be kept: freezegun replaces it wherever a module has a name for it.
_EPOCH: Final[datetime.datetime] = next(
    kind(1970, 1, 1, tzinfo=datetime.timezone.utc)
    for kind in datetime.datetime.__mro__
    if kind.__module__ == datetime.__name__
)

_since: Final = type(_EPOCH).__sub__  # and not freezegun's, which makes another one of its own


def now() -> datetime.datetime:
    """This instant, aware, in UTC."""
    clock = waiting.clock
    if clock is not None:  # which tells the same in half the time
        return clock.now()
    return plain(datetime.datetime.now(datetime.timezone.utc))


def plain(moment: datetime.datetime) -> datetime.datetime:
    """The same instant as a plain datetime in UTC; a naive one is taken to be in UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.timezone.utc)
    if type(moment) is type(_EPOCH) and moment.tzinfo is datetime.timezone.utc:
        return moment
    return _EPOCH + _since(moment, _EPOCH)


def in_milliseconds(moment: datetime.datetime) -> datetime.datetime:
    """As fine as the service tells its times."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def in_full(moment: datetime.datetime) -> str:
    """How messages tell an instant."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def in_seconds(seconds: float) -> str:
    """How messages tell a number of seconds: to the millisecond, if it is not less."""
    return f"{round(seconds, 3) or seconds:,.10g}"


def later(moment: datetime.datetime, span: datetime.timedelta) -> datetime.datetime:
    """The moment moved by a span; unmoved where no datetime can say the result."""
    try:
        return moment + span
    except OverflowError:  # the first or the last minutes that a datetime can say
        return moment
