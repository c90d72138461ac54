"""A job along virtual time, drawn as text: what it told, when it was asked, and what was waited for.

Two lines for a job, as wide as there is room: a list of calls tells what happened, and a picture how it went.
"""

from __future__ import annotations

import itertools
import operator
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_dxjobs._calls import Attempt, Record

    Span = tuple[datetime.datetime, float]

_LEGEND: Final = " o poll, 2-9 # several, x failed, ~ backoff, . sleep "
_LEAST: Final = 20


@dataclass(frozen=True, slots=True)
class _Axis:
    """Time, from left to right.

    Attributes:
        begun: The time at the left.
        seconds: How much of it there is.
        width: The columns.
    """

    begun: datetime.datetime
    seconds: float
    width: int

    def column(self, at: datetime.datetime, after: float = 0) -> int:
        """Where a time is, or so many seconds after it; at the right what is later than all."""
        seconds = min((at - self.begun).total_seconds() + after, self.seconds)
        return round(seconds / self.seconds * (self.width - 1))


def picture(polls: Sequence[Record], slept: Iterable[Span], width: int) -> list[str]:
    """The lines; none where no time has passed between the polls, in which there is nothing to see.

    Args:
        polls: The ``get_job`` calls for one job.
        slept: When the code slept meanwhile, and for how many seconds.
        width: Columns there are; where they are very few, more are used.
    """
    attempts = [attempt for poll in polls for attempt in poll.attempts]
    times = sorted(each.at for each in attempts)
    if not times or times[0] == times[-1]:
        return []
    told = [(poll.begun, poll.told) for poll in polls if poll.succeeded]
    room = len(told[-1][1]) if told else 0  # for a state that is told at the very end
    seconds = (times[-1] - times[0]).total_seconds()
    axis = _Axis(times[0], seconds, max(width - room, _LEAST))
    states = _states(axis, told)
    return [*filter(None, [states]), _marks(axis, attempts, slept), _scale(axis)]


def _scale(axis: _Axis) -> str:
    """Where the axis begins and ends, and between them what the marks mean, if there is room."""
    begin, end = "0 s", f"+{axis.seconds:g} s"
    room = axis.width - len(begin) - len(end)
    return f"{begin}{(_LEGEND if len(_LEGEND) <= room else '').center(room)}{end}"


def _states(axis: _Axis, told: Iterable[tuple[datetime.datetime, str]]) -> str:
    """Each state from where it was first told, as far as there is room for its name."""
    line = ""
    for state, group in itertools.groupby(told, operator.itemgetter(1)):
        column = axis.column(next(group)[0])
        line = line[:column].ljust(column, "-" if line else " ") + state
    return line


def _marks(axis: _Axis, attempts: Sequence[Attempt], slept: Iterable[Span]) -> str:
    marks: dict[int, str] = {}
    for mark, spans in (".", slept), ("~", ((each.at, each.backoff) for each in attempts)):
        marks.update(dict.fromkeys(_covered(axis, spans), mark))
    answered = Counter(axis.column(each.at) for each in attempts if each.error_code is None)
    for column, number in answered.items():
        marks[column] = "o" if number == 1 else str(number) if number < 10 else "#"
    for each in attempts:
        if each.error_code is not None:
            marks[axis.column(each.at)] = "x"
    return "".join(marks.get(column, " ") for column in range(axis.width))


def _covered(axis: _Axis, spans: Iterable[Span]) -> Iterator[int]:
    """The columns during which something lasted."""
    for at, seconds in spans:
        if seconds:
            yield from range(axis.column(max(at, axis.begun)), axis.column(at, seconds) + 1)
