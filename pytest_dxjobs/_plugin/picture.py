"""A job along virtual time, drawn as text: what it told, when it was asked, and what was waited for.

Three lines for a job, as wide as there is room: a list of calls tells what happened, and a picture how it went.
"""

from __future__ import annotations

import itertools
import operator
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_dxjobs._core.timeutils import in_seconds

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_dxjobs._clock.sleeps import Sleep
    from pytest_dxjobs._service.record import Attempt, Record

    Told = tuple[datetime.datetime, str]

LEGEND: Final = "o poll, 2-9 # several, x failed, ~ backoff, . sleep"
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


def picture(
    polls: Sequence[Record],
    sleeps: Sequence[Sleep],
    since: datetime.datetime,
    reached: Told | None,
    width: int,
) -> list[str]:
    """The lines; none where no time has passed, in which there is nothing to see.

    Args:
        polls: The ``get_job`` calls for one job.
        sleeps: Those of the code meanwhile.
        since: The time from which the two ends of the picture are counted.
        reached: To when it goes on after the last poll, and the state in which the job is then.
        width: Columns there are; where they are very few, more are used.
    """
    attempts = [attempt for poll in polls for attempt in poll.attempts]
    told = [(poll.begun, poll.told) for poll in polls if poll.succeeded]
    told += [reached] if reached and attempts else []
    times = [*(each.at for each in attempts), *(at for at, _ in told)]
    if not times or min(times) == max(times):
        return []
    room = len(told[-1][1]) if told else 0  # for a state that is told at the very end
    begun, ended = min(times), max(times)
    axis = _Axis(begun, (ended - begun).total_seconds(), max(width - room, _LEAST))
    begin, end = _counted(since, begun), _counted(since, ended)
    scale = begin + end.rjust(axis.width - len(begin))
    return [*filter(None, [_states(axis, told)]), _marks(axis, attempts, sleeps), scale]


def _counted(since: datetime.datetime, at: datetime.datetime) -> str:
    return f"{'+' * (at > since)}{in_seconds((at - since).total_seconds())} s"


def _states(axis: _Axis, told: Iterable[Told]) -> str:
    """Each state from where it was first told, as far as there is room for its name."""
    line = ""
    for state, group in itertools.groupby(told, operator.itemgetter(1)):
        column = axis.column(next(group)[0])
        if 0 < column <= len(line):
            line = f"{line[: column - 1]}|{state}"
        else:
            line = line[:column].ljust(column, "-" if line else " ") + state
    return line


def _marks(axis: _Axis, attempts: Sequence[Attempt], sleeps: Iterable[Sleep]) -> str:
    slept = ((each.at, each.seconds) for each in sleeps)
    backed_off = ((each.at, each.backoff) for each in attempts)
    marks: dict[int, str] = {}
    for mark, spans in (".", slept), ("~", backed_off):
        marks.update(dict.fromkeys(_covered(axis, spans), mark))
    answered = Counter(axis.column(each.at) for each in attempts if each.error_code is None)
    for column, number in answered.items():
        marks[column] = "o" if number == 1 else str(number) if number < 10 else "#"
    for each in attempts:
        if each.error_code is not None:
            marks[axis.column(each.at)] = "x"
    return "".join(marks.get(column, " ") for column in range(axis.width))


def _covered(axis: _Axis, spans: Iterable[tuple[datetime.datetime, float]]) -> Iterator[int]:
    """The columns during which something lasted."""
    for at, seconds in spans:
        if seconds:
            yield from range(axis.column(max(at, axis.begun)), axis.column(at, seconds) + 1)
