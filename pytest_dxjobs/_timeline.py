"""What happened, drawn as text: when, what was asked, what was answered."""

from __future__ import annotations

import bisect
import itertools
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_dxjobs._calls import Attempt, Record

_FIRST: Final = 3  # lines that are told in any case


def draw(
    title: str,
    records: Iterable[Record],
    apart: Iterable[Record] = (),
    slept: Sequence[tuple[datetime.datetime, float]] = (),
) -> str:
    """One line for each call, with the time since the first; repeated answers share a line.

    Args:
        title: What the calls have in common.
        records: The calls.
        apart: Those that have a line of their own, since it is their times that matter.
        slept: When the code slept, in order, and for how many seconds: told with the call before, if there is one.
    """
    calls = list(records)
    if not calls:
        return f"{title}: no call"
    begun = calls[0].begun
    lines = [
        f"{title}, from {begun:%Y-%m-%d %H:%M:%S} UTC:",
        *_lines(calls, begun, list(apart), _pauses(calls, slept)),
    ]
    return "\n  ".join(lines)


def shortened(drawn: str, most: int, told: str = "...") -> list[str]:
    """The lines, of which the middle is left out where there are more than so many."""
    lines = drawn.splitlines()
    if len(lines) > most:
        lines[_FIRST : _FIRST - most] = [f"  {told}"]
    return lines


def _pauses(
    calls: list[Record], slept: Sequence[tuple[datetime.datetime, float]]
) -> dict[int, str]:
    """What to tell of the sleeps after each call, by the identity of the call."""
    begun = [call.begun for call in calls]
    between = [each for each in slept if each[0] >= begun[0]]
    pauses: dict[int, str] = {}
    for call, sleeps in itertools.groupby(
        between, lambda each: calls[bisect.bisect_right(begun, each[0]) - 1]
    ):
        longest: dict[datetime.datetime, float] = {}  # of those that several threads began at once
        for at, seconds in sleeps:
            longest[at] = max(seconds, longest.get(at, 0))
        pauses[id(call)] = f", then a sleep of {sum(longest.values()):g} s"
    return pauses


def _lines(
    calls: list[Record], begun: datetime.datetime, apart: list[Record], pauses: dict[int, str]
) -> Iterator[str]:
    width = max(len(call.name) for call in calls)
    several = len({call.job_id for call in calls} - {None}) > 1
    groups = itertools.groupby(
        calls, lambda call: (_what(call, pauses), id(call) * (call in apart))
    )
    for ((job_id, asked, answered), _), group in groups:
        same = list(group)
        times = [(call.begun - begun).total_seconds() for call in same]
        # The end of an id is where those of one test differ.
        about = f"  {'…' + job_id[-8:] if job_id else '':9}" if several else ""
        often = f"   {len(same)} times, last at +{times[-1]:.3f} s" if len(same) > 1 else ""
        yield f"+{times[0]:.3f} s".rjust(13) + f"{about}  {asked.ljust(width)}  {answered}{often}"


def _what(call: Record, pauses: dict[int, str]) -> tuple[str | None, str, str]:
    """What makes two calls the same to a reader."""
    attempts = [*map(_attempt, call.attempts[:-1]), call.outcome]
    told = []
    for attempt, group in itertools.groupby(attempts):
        same = len(list(group))
        told.append(f"{attempt} ({same} times)" if same > 1 else attempt)
    return call.job_id, call.name, ", then ".join(told) + pauses.get(id(call), "")


def _attempt(attempt: Attempt) -> str:
    status, code = str(attempt.status or ""), attempt.error_code or ""
    return f"{status} {code}".strip() if code != status else status
