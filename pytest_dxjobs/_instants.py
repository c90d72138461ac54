"""What time it is, asked anew each time, so that a frozen or moved clock is followed.

Under freezegun every datetime is an instance of its own class, which must not outlive the freeze in what
we keep: the instants of this module are plain ones.
"""

from __future__ import annotations

import datetime
from typing import Final

_PLAIN: Final[type[datetime.datetime]] = next(
    kind for kind in datetime.datetime.__mro__ if kind.__module__ == datetime.__name__
)
_EPOCH: Final = _PLAIN(1970, 1, 1, tzinfo=datetime.timezone.utc)


def now() -> datetime.datetime:
    """This instant, aware, in UTC."""
    return _EPOCH + (datetime.datetime.now(datetime.timezone.utc) - _EPOCH)


def in_milliseconds(moment: datetime.datetime) -> datetime.datetime:
    """As fine as the service tells its times."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def later(moment: datetime.datetime, span: datetime.timedelta) -> datetime.datetime:
    """The moment moved by a span, as far as a datetime goes."""
    try:
        return moment + span
    except OverflowError:  # the first or the last minutes that a datetime can say
        return moment
