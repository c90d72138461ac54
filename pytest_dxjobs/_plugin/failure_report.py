"""The section ``dxjobs`` in the report of a failed test: a chart for each job, and the calls."""

from __future__ import annotations

import itertools
import operator
import textwrap
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_dxjobs._core.timeutils import format_seconds
from pytest_dxjobs._service.calls import first_end_index
from pytest_dxjobs._service.timeline import draw_timeline, shorten, sleeps_of_callers

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_dxjobs._clock.virtual_clock import VirtualClock
    from pytest_dxjobs._core.timeutils import Sleep
    from pytest_dxjobs._fake.fake import FakeDataExchange
    from pytest_dxjobs._service.backend import Backend
    from pytest_dxjobs._service.calls import Attempt, CallRecord

    StateAt = tuple[datetime.datetime, str]


_MAX_JOBS: Final = 5
_MAX_CALL_LINES: Final = 12
_MIN_CHART_WIDTH: Final = 20
_INDENT: Final = "  "
_LEGEND: Final = "o poll, 2-9 # several, x failed, ~ backoff, . sleep"


def build_report(
    fake: FakeDataExchange,
    clock: VirtualClock | None,
    until: datetime.datetime,
    width: int,
    *,
    everything: bool,
) -> str:
    """Return the text of the section; empty if the fake has no jobs and met no calls."""
    backend = fake._backend  # noqa: SLF001
    with backend.lock:
        reports = _JobReports(backend, clock, until)
        shown = reports.ids if everything else reports.ids[:_MAX_JOBS]
        charts = {job_id: reports.draw_chart(job_id, width - len(_INDENT)) for job_id in shown}
        lines = [
            line
            for job_id, chart in charts.items()
            for line in (*reports.headlines(job_id), *(f"{_INDENT}{row}" for row in chart))
        ]
        records = backend.calls.records
        calls = draw_timeline("Calls", records, records if everything else (), reports.sleeps)
    if any(charts.values()):
        lines += textwrap.wrap(_LEGEND, width)
    hidden = len(reports.ids) - len(shown)
    if hidden:
        lines.append(f"... and {hidden} more (-vv shows all jobs)")
    if records:
        limit = len(records) + 1 if everything else _MAX_CALL_LINES
        lines += shorten(calls, limit, "... (-vv shows all calls)")
    return "\n".join(lines)


class _JobReports:
    """The headlines and the chart of each job. Use it only while the lock of the jobs is held."""

    def __init__(self, backend: Backend, clock: VirtualClock | None, until: datetime.datetime) -> None:
        self.sleeps = [] if clock is None else clock.sleeps
        self._until, self._in_virtual_time = until, clock is not None
        self._stored_jobs = {stored.id: stored for stored in backend.jobs.all(until)}
        self._has_held = backend.jobs.has_held
        self._polls = backend.calls.polls()
        self._started_at = backend.calls.records[0].started_at if backend.calls.records else until
        # Polled ids first, including those of no job.
        self.ids = [*dict.fromkeys((*self._polls, *self._stored_jobs))]

    def headlines(self, job_id: str) -> Iterator[str]:
        """Yield the job's type, state and number of polls, and then why it is in that state."""
        polls, stored = self._polls.get(job_id, []), self._stored_jobs.get(job_id)
        succeeded = sum(poll.succeeded for poll in polls)
        counts = {"poll": succeeded, "failed call": len(polls) - succeeded}
        shown = [f"{number} {noun}{'s' * (number != 1)}" for noun, number in counts.items() if number]
        total = ", ".join(shown) or "0 polls"
        if stored is None:
            missing = "no longer" if self._has_held(job_id) else "not"
            yield f"Job {job_id}, {missing} in the fake, {total}"
        else:
            yield f"Job {job_id}, {stored.type}, {stored.state_for_poll(self._until)}, {total}"
            virtual = self._in_virtual_time
            yield f"{_INDENT}{stored.explanation(self._until, in_virtual_time=virtual)}"

    def draw_chart(self, job_id: str, width: int) -> list[str]:
        """Return the chart, which ends when the code polled an end state, or else when the test failed."""
        polls, stored = self._polls.get(job_id, []), self._stored_jobs.get(job_id)
        final = None
        if self._in_virtual_time and stored is not None and first_end_index(polls) is None:
            final = self._until, stored.state_for_poll(self._until)
        sleeps = sleeps_of_callers(polls, self.sleeps)
        return _draw_chart(polls, sleeps, self._started_at, final, width)


@dataclass(frozen=True, slots=True)
class _Axis:
    """The time axis of a chart.

    Attributes:
        started_at: The time of the first column.
        seconds: The time between the first column and the last.
        width: The number of columns.
    """

    started_at: datetime.datetime
    seconds: float
    width: int

    def column(self, at: datetime.datetime, after: float = 0) -> int:
        """Return the column of a time, or of some seconds after it; at most the last one."""
        seconds = min((at - self.started_at).total_seconds() + after, self.seconds)
        return round(seconds / self.seconds * (self.width - 1))

    def columns(self, at: datetime.datetime, seconds: float) -> Iterable[int]:
        """Return the columns of a period; none if it takes no time."""
        return range(self.column(max(at, self.started_at)), self.column(at, seconds) + bool(seconds))


def _draw_chart(
    polls: Sequence[CallRecord],
    sleeps: Sequence[Sleep],
    origin: datetime.datetime,
    final: StateAt | None,
    width: int,
) -> list[str]:
    """Return the lines of a chart: states, marks and a scale from ``origin``. Return none if no time has passed.

    ``final`` is the end of the chart and the job's state then, if it goes on after the last poll.
    """
    attempts = [attempt for poll in polls for attempt in poll.attempts]
    states = [(poll.started_at, poll.reported) for poll in polls if poll.succeeded]
    states += [final] if final and attempts else []
    times = [*(attempt.at for attempt in attempts), *(at for at, _ in states)]
    if not times or min(times) == max(times):
        return []
    started_at, ended_at = min(times), max(times)
    last_name = len(states[-1][1]) if states else 0  # it may begin in the last column
    seconds = (ended_at - started_at).total_seconds()
    axis = _Axis(started_at, seconds, max(width - last_name, _MIN_CHART_WIDTH))
    start, end = _format_offset(origin, started_at), _format_offset(origin, ended_at)
    scale = start + end.rjust(axis.width - len(start))
    return [*filter(None, [_draw_states(axis, states)]), _draw_marks(axis, attempts, sleeps), scale]


def _format_offset(origin: datetime.datetime, at: datetime.datetime) -> str:
    return f"{'+' * (at > origin)}{format_seconds((at - origin).total_seconds())} s"


def _draw_states(axis: _Axis, states: Iterable[StateAt]) -> str:
    """Return the line of states: each name begins where the state was first seen, and may be cut."""
    line = ""
    for state, group in itertools.groupby(states, operator.itemgetter(1)):
        column = axis.column(next(group)[0])
        if 0 < column <= len(line):
            line = f"{line[: column - 1]}|{state}"
        else:
            line = line[:column].ljust(column, "-" if line else " ") + state
    return line


def _draw_marks(axis: _Axis, attempts: Sequence[Attempt], sleeps: Iterable[Sleep]) -> str:
    """Return the line of marks; where several fall into one column, the last kind drawn wins."""
    marks: dict[int, str] = {}
    for sleep in sleeps:
        marks.update(dict.fromkeys(axis.columns(sleep.at, sleep.seconds), "."))
    for attempt in attempts:
        marks.update(dict.fromkeys(axis.columns(attempt.at, attempt.backoff), "~"))
    succeeded = Counter(axis.column(each.at) for each in attempts if each.error_code is None)
    for column, number in succeeded.items():
        marks[column] = "o" if number == 1 else str(number) if number < 10 else "#"
    for attempt in attempts:
        if attempt.error_code is not None:
            marks[axis.column(attempt.at)] = "x"
    return "".join(marks.get(column, " ") for column in range(axis.width))
