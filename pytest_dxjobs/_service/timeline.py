"""Calls drawn as text, one line each: when, which operation, which response."""

from __future__ import annotations

import bisect
import collections
import itertools
from typing import TYPE_CHECKING, Final

from pytest_dxjobs._core.timeutils import format_instant, format_seconds
from pytest_dxjobs._service.calls import Role

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_dxjobs._core.timeutils import Sleep
    from pytest_dxjobs._service.calls import Attempt, CallRecord


def draw_timeline(
    title: str,
    records: Iterable[CallRecord],
    separate: Iterable[CallRecord] = (),
    sleeps: Sequence[Sleep] = (),
) -> str:
    """Draw one line for each call, with the time since the first; repeated responses share a line.

    Calls in ``separate`` get a line of their own. Each sleep is shown with the call before it.
    """
    calls = list(records)
    if not calls:
        return f"{title}: no calls"
    started_at = calls[0].started_at
    pauses = _describe_pauses(calls, sleeps)
    lines = _lines(calls, started_at, {id(call) for call in separate}, pauses)
    return "\n  ".join([f"{title}, from {format_instant(started_at)}:", *lines])


def _lines(
    calls: Sequence[CallRecord],
    started_at: datetime.datetime,
    separate: set[int],
    pauses: dict[int, str],
) -> Iterator[str]:
    width = max(len(call.name) for call in calls)
    several_jobs = len({call.job_id for call in calls} - {None}) > 1
    groups = itertools.groupby(
        calls,
        lambda call: (_describe_call(call, pauses), id(call) if id(call) in separate else None),
    )
    for ((job_id, operation, outcome), _), group in groups:
        same = list(group)
        times = [(call.started_at - started_at).total_seconds() for call in same]
        # Ids within one test differ at their end.
        job = f"  {'..' + job_id[-8:] if job_id else '':10}" if several_jobs else ""
        backoff = sum(attempt.backoff for call in same for attempt in call.attempts)
        notes = [f"{len(same)} times, last at {_offset(times[-1])}"] if len(same) > 1 else []
        notes += [f"backoff {format_seconds(backoff)} s"] if backoff else []
        line = f"{_offset(times[0]):>13}{job}  {operation.ljust(width)}  {outcome}"
        yield "   ".join([line, *([", ".join(notes)] if notes else [])])


def _offset(seconds: float) -> str:
    return f"{seconds:+,.3f} s"


def _describe_call(call: CallRecord, pauses: dict[int, str]) -> tuple[str | None, str, str]:
    """Return job id, operation and outcome; calls with equal ones share a line."""
    outcomes = []
    attempts = [*map(_describe_attempt, call.earlier_attempts), call.outcome]
    for attempt, group in itertools.groupby(attempts):
        times = len(list(group))
        outcomes.append(f"{attempt} ({times} times)" if times > 1 else attempt)
    return call.job_id, call.name, ", then ".join(outcomes) + pauses.get(id(call), "")


def _describe_attempt(attempt: Attempt) -> str:
    status, code = str(attempt.status or ""), attempt.error_code or ""
    return f"{status} {code}".strip() if code != status else status


def sleeps_of_callers(calls: Iterable[CallRecord], sleeps: Iterable[Sleep]) -> list[Sleep]:
    """Return the sleeps of the threads that call; if they never sleep, those of all threads.

    A loop may sleep in one thread and call in others. Backoff is left out.
    """
    callers = {call.thread for call in calls}
    by_the_code = [sleep for sleep in sleeps if not sleep.is_backoff]
    return [sleep for sleep in by_the_code if sleep.thread in callers] or by_the_code


def _describe_pauses(calls: Sequence[CallRecord], sleeps: Iterable[Sleep]) -> dict[int, str]:
    """Return the text about the sleeps after each call, by the identity of the call.

    Leave out threads whose sleeps overlap, as in a loop with many tasks: which task called is unknown.
    """
    calls_by_thread: dict[int | None, list[CallRecord]] = collections.defaultdict(list)
    calls_by_thread[None] = [*calls]
    for call in calls:
        calls_by_thread[call.thread].append(call)
    sleeps_by_thread: dict[int | None, list[Sleep]] = collections.defaultdict(list)
    for sleep in sleeps_of_callers(calls, sleeps):
        sleeps_by_thread[sleep.thread if sleep.thread in calls_by_thread else None].append(sleep)
    pauses: dict[int, str] = {}
    for thread, slept in sleeps_by_thread.items():
        if not any(_overlap(*pair) for pair in itertools.pairwise(slept)):
            pauses.update(_pauses_after_calls(calls_by_thread[thread], slept))
    return pauses


def _overlap(earlier: Sleep, later: Sleep) -> bool:
    return (later.at - earlier.at).total_seconds() < earlier.seconds


def _pauses_after_calls(calls: Sequence[CallRecord], sleeps: Iterable[Sleep]) -> Iterator[tuple[int, str]]:
    times = [call.started_at for call in calls]
    groups = itertools.groupby(sleeps, lambda sleep: bisect.bisect_right(times, sleep.at))
    for calls_before, group in groups:
        if calls_before:
            seconds = [sleep.seconds for sleep in group]
            number, total = len(seconds), format_seconds(sum(seconds))
            slept = "a sleep" if number == 1 else f"{number} sleeps"
            pause = f", then {slept} of {total} s{' in all' * (number > 1)}"
            yield id(calls[calls_before - 1]), pause


_KEPT_LINES: Final = 3


def shorten(text: str, limit: int, omission: str = "...") -> list[str]:
    """Return the lines of a text, without those in the middle if there are more than ``limit``."""
    lines = text.splitlines()
    if len(lines) > limit:
        lines[_KEPT_LINES : _KEPT_LINES - limit] = [f"  {omission}"]
    return lines


_SUMMARY_LINES: Final = 8


def polling_summary(records: Sequence[CallRecord], polls: int, reason: str) -> str:
    """Return the end of the sentence on how often a job was polled, and the lines after it."""
    polled = [record for record in records if record.role is Role.POLL]
    finished = [record for record in records if record.attempt_rows]
    timeline = shorten(draw_timeline("Calls about this job", finished), _SUMMARY_LINES)
    return "\n".join([f"{_describe_interval(polled[-polls:])}.", *filter(None, [reason]), *timeline])


def _describe_interval(polls: Sequence[CallRecord]) -> str:
    times = [record.started_at for record in polls]
    pauses = [round((later - earlier).total_seconds(), 3) for earlier, later in itertools.pairwise(times)]
    if not any(pauses):
        return ": without a pause"
    shortest, longest = format_seconds(min(pauses)), format_seconds(max(pauses))
    interval = shortest if shortest == longest else f"{shortest} to {longest}"
    return f": every {interval} s, over {times[-1] - times[0]}"
