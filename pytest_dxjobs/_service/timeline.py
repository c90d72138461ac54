"""What happened, drawn as text: when, what was asked, what was answered."""

from __future__ import annotations

import bisect
import collections
import itertools
from typing import TYPE_CHECKING, Final

from pytest_dxjobs._core.timeutils import format_instant, format_seconds

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_dxjobs._core.timeutils import Sleep
    from pytest_dxjobs._service.calls import Attempt, CallRecord


_FIRST: Final = 3  # lines that are told in any case


def draw_timeline(
    title: str,
    records: Iterable[CallRecord],
    apart: Iterable[CallRecord] = (),
    sleeps: Sequence[Sleep] = (),
) -> str:
    """One line for each call, with the time since the first; repeated answers share a line.

    Args:
        title: What the calls have in common.
        records: The calls.
        apart: Those that have a line of their own, since it is their times that matter.
        sleeps: What the clock has noted: what the code slept is told with the call before, if there is one.
    """
    calls = list(records)
    if not calls:
        return f"{title}: no call"
    started_at = calls[0].started_at
    lines = [
        f"{title}, from {format_instant(started_at)}:",
        *_lines(calls, started_at, {id(each) for each in apart}, _pauses(calls, sleeps)),
    ]
    return "\n  ".join(lines)


def shorten(drawn: str, most: int, told: str = "...") -> list[str]:
    """The lines, of which the middle is left out where there are more than so many."""
    lines = drawn.splitlines()
    if len(lines) > most:
        lines[_FIRST : _FIRST - most] = [f"  {told}"]
    return lines


def sleeps_between(calls: Iterable[CallRecord], sleeps: Iterable[Sleep]) -> list[Sleep]:
    """What the code slept between the calls: those who call, or else all, as a loop has threads call for it."""
    callers = {call.thread for call in calls}
    by_the_code = [each for each in sleeps if not each.is_backoff]
    return [each for each in by_the_code if each.thread in callers] or by_the_code


def _pauses(calls: Sequence[CallRecord], sleeps: Iterable[Sleep]) -> dict[int, str]:
    """What to tell of the sleeps after each call, by the identity of the call.

    Nothing of one who sleeps several times at once, as a loop with many tasks: which of them called is not known.
    """
    called: dict[int | None, list[CallRecord]] = collections.defaultdict(list, {None: [*calls]})
    for call in calls:
        called[call.thread].append(call)
    slept: dict[int | None, list[Sleep]] = collections.defaultdict(list)
    for each in sleeps_between(calls, sleeps):
        slept[each.thread if each.thread in called else None].append(each)
    pauses: dict[int, str] = {}
    for thread, own in slept.items():
        if not any(_overlap(*pair) for pair in itertools.pairwise(own)):
            pauses.update(_following(called[thread], own))
    return pauses


def _overlap(earlier: Sleep, later: Sleep) -> bool:
    return (later.at - earlier.at).total_seconds() < earlier.seconds


def _following(calls: Sequence[CallRecord], sleeps: Iterable[Sleep]) -> Iterator[tuple[int, str]]:
    started_at = [call.started_at for call in calls]
    for place, group in itertools.groupby(
        sleeps, lambda each: bisect.bisect_right(started_at, each.at)
    ):
        if place:
            yield id(calls[place - 1]), f", then {_told([each.seconds for each in group])}"


def _told(seconds: Sequence[float]) -> str:
    total = format_seconds(sum(seconds))
    return (
        f"a sleep of {total} s"
        if len(seconds) == 1
        else f"{len(seconds)} sleeps of {total} s in all"
    )


def _lines(
    calls: Sequence[CallRecord],
    started_at: datetime.datetime,
    apart: set[int],
    pauses: dict[int, str],
) -> Iterator[str]:
    width = max(len(call.name) for call in calls)
    several = len({call.job_id for call in calls} - {None}) > 1
    groups = itertools.groupby(
        calls, lambda call: (_what(call, pauses), id(call) if id(call) in apart else None)
    )
    for ((job_id, asked, answered), _), group in groups:
        same = list(group)
        times = [(call.started_at - started_at).total_seconds() for call in same]
        # The end of an id is where those of one test differ.
        about = f"  {'..' + job_id[-8:] if job_id else '':10}" if several else ""
        backoff = sum(attempt.backoff for call in same for attempt in call.attempts)
        more = [f"{len(same)} times, last at {_after(times[-1])}"] if len(same) > 1 else []
        more += [f"backoff {format_seconds(backoff)} s"] if backoff else []
        line = f"{_after(times[0]):>13}{about}  {asked.ljust(width)}  {answered}"
        yield "   ".join([line, *([", ".join(more)] if more else [])])


def _after(seconds: float) -> str:
    return f"{seconds:+,.3f} s"


def _what(call: CallRecord, pauses: dict[int, str]) -> tuple[str | None, str, str]:
    """What makes two calls the same to a reader."""
    attempts = [*map(_attempt, call.earlier), call.outcome]
    told = []
    for attempt, group in itertools.groupby(attempts):
        same = len(list(group))
        told.append(f"{attempt} ({same} times)" if same > 1 else attempt)
    return call.job_id, call.name, ", then ".join(told) + pauses.get(id(call), "")


def _attempt(attempt: Attempt) -> str:
    status, code = str(attempt.status or ""), attempt.error_code or ""
    return f"{status} {code}".strip() if code != status else status


_LINES: Final = 8


def polling_summary(records: Sequence[CallRecord], polls: int, why: str) -> str:
    """What follows on the sentence that says how often a job was polled.

    Args:
        records: The calls about the job, the one that was one too many among them.
        polls: How many of the last ones are meant.
        why: Why the job does not move.
    """
    asked = [record for record in records if record.operation == "GetJob"]
    answered = [record for record in records if record.attempt_rows]
    told = shorten(draw_timeline("What was asked and answered", answered), _LINES)
    return "\n".join([f"{_interval(asked[-polls:])}.", *filter(None, [why]), *told])


def _interval(polls: Sequence[CallRecord]) -> str:
    times = [record.started_at for record in polls]
    pauses = [
        round((later - earlier).total_seconds(), 3) for earlier, later in itertools.pairwise(times)
    ]
    if not any(pauses):
        return ": without a pause"
    shortest, longest = format_seconds(min(pauses)), format_seconds(max(pauses))
    every = shortest if shortest == longest else f"{shortest} to {longest}"
    return f": every {every} s, over {times[-1] - times[0]}"
