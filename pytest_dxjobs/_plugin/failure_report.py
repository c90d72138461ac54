"""What the report of a failed test shows of the fake: how each job went, and what was asked and answered."""

from __future__ import annotations

import itertools
import operator
import textwrap
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_dxjobs._core.timeutils import format_seconds
from pytest_dxjobs._service.calls import first_end
from pytest_dxjobs._service.timeline import draw_timeline, shorten, sleeps_between

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_dxjobs._clock.virtual_clock import VirtualClock
    from pytest_dxjobs._core.timeutils import Sleep
    from pytest_dxjobs._fake.fake import FakeDataExchange
    from pytest_dxjobs._service.calls import Attempt, CallRecord
    from pytest_dxjobs._service.jobs import JobStore

    Told = tuple[datetime.datetime, str]


_JOBS: Final = 5
_CALLS: Final = 12
_INDENT: Final = "  "


def build_report(
    fake: FakeDataExchange,
    clock: VirtualClock | None,
    until: datetime.datetime,
    width: int,
    *,
    everything: bool,
) -> str:
    """The text.

    Args:
        fake: Where it happened.
        clock: What tells of the sleeps; None without virtual time.
        until: When the test failed, or ended.
        width: The columns of the terminal.
        everything: Whether to tell of all jobs, and of each call in a line of its own.
    """
    jobs = fake._backend.jobs  # noqa: SLF001
    with jobs.lock:
        stories = _JobReports(jobs, clock, until)
        shown = stories.ids if everything else stories.ids[:_JOBS]
        pictures = {each: stories.draw_job(each, width - len(_INDENT)) for each in shown}
        told = [
            line
            for each, drawn in pictures.items()
            for line in (*stories.headlines(each), *(f"{_INDENT}{line}" for line in drawn))
        ]
        records = jobs.log.records
        calls = draw_timeline("Calls", records, records if everything else (), stories.sleeps)
    if any(pictures.values()):
        told += textwrap.wrap(LEGEND, width)
    left_out = len(stories.ids) - len(shown)
    if left_out:
        told.append(f"... and {left_out} more; -vv tells of all.")
    most = len(records) + 1 if everything else _CALLS
    return "\n".join([*told, *shorten(calls, most, "... (-vv tells of all)")])


class _JobReports:
    """How each job went. Whoever uses it holds the lock of the jobs."""

    def __init__(
        self, jobs: JobStore, clock: VirtualClock | None, until: datetime.datetime
    ) -> None:
        self.sleeps = [] if clock is None else clock.sleeps
        self._until, self._in_virtual_time = until, clock is not None
        self._stored_jobs = {stored.id: stored for stored in jobs.all(until)}
        self._knew = jobs.has_held
        self._polls = jobs.log.polls()
        self._started_at = jobs.log.records[0].started_at if jobs.log.records else until
        # Those that were polled first, and ids among them that are none.
        self.ids = [*dict.fromkeys((*self._polls, *self._stored_jobs))]

    def headlines(self, job_id: str) -> Iterator[str]:
        """What it is, and why it is where it is."""
        polls, stored = self._polls.get(job_id, []), self._stored_jobs.get(job_id)
        answered = sum(poll.succeeded for poll in polls)
        counts = {"poll": answered, "failed call": len(polls) - answered}
        often = ", ".join(_counted(*each) for each in counts.items() if each[1]) or "0 polls"
        if stored is None:
            no = "no longer" if self._knew(job_id) else "not"
            yield f"Job {job_id}, which is {no} in the fake, {often}"
        else:
            yield f"Job {job_id}, {stored.type}, {stored.state_for_poll(self._until)}, {often}"
            virtual = self._in_virtual_time
            yield f"{_INDENT}{stored.explanation(self._until, in_virtual_time=virtual)}"

    def draw_job(self, job_id: str, width: int) -> list[str]:
        """How it went along virtual time: until the code was told its end, or the test failed."""
        polls, stored = self._polls.get(job_id, []), self._stored_jobs.get(job_id)
        reached = None
        if self._in_virtual_time and stored is not None and first_end(polls) is None:
            reached = self._until, stored.state_for_poll(self._until)
        return draw_job(polls, sleeps_between(polls, self.sleeps), self._started_at, reached, width)


def _counted(noun: str, number: int) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


LEGEND: Final = "o poll, 2-9 # several, x failed, ~ backoff, . sleep"
_LEAST: Final = 20


@dataclass(frozen=True, slots=True)
class _Axis:
    """Time, from left to right.

    Attributes:
        started_at: The time at the left.
        seconds: How much of it there is.
        width: The columns.
    """

    started_at: datetime.datetime
    seconds: float
    width: int

    def column(self, at: datetime.datetime, after: float = 0) -> int:
        """Where a time is, or so many seconds after it; at the right what is later than all."""
        seconds = min((at - self.started_at).total_seconds() + after, self.seconds)
        return round(seconds / self.seconds * (self.width - 1))


def draw_job(
    polls: Sequence[CallRecord],
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
    told = [(poll.started_at, poll.reported) for poll in polls if poll.succeeded]
    told += [reached] if reached and attempts else []
    times = [*(each.at for each in attempts), *(at for at, _ in told)]
    if not times or min(times) == max(times):
        return []
    room = len(told[-1][1]) if told else 0  # for a state that is told at the very end
    started_at, ended = min(times), max(times)
    axis = _Axis(started_at, (ended - started_at).total_seconds(), max(width - room, _LEAST))
    begin, end = _offset(since, started_at), _offset(since, ended)
    scale = begin + end.rjust(axis.width - len(begin))
    return [*filter(None, [_states(axis, told)]), _marks(axis, attempts, sleeps), scale]


def _offset(since: datetime.datetime, at: datetime.datetime) -> str:
    return f"{'+' * (at > since)}{format_seconds((at - since).total_seconds())} s"


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
            yield from range(axis.column(max(at, axis.started_at)), axis.column(at, seconds) + 1)
