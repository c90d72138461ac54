"""What happened, drawn as text: when, what was asked, what was answered."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Iterator

    from pytest_dxjobs._calls import Record


def draw(title: str, records: Iterable[Record]) -> str:
    """One line for each call, with the time since the first; repeated answers share a line."""
    calls = list(records)
    if not calls:
        return f"{title}: no call"
    begun = calls[0].begun
    lines = [f"{title}, from {begun:%Y-%m-%d %H:%M:%S} UTC:", *_lines(calls, begun)]
    return "\n  ".join(lines)


def _lines(calls: list[Record], begun: datetime.datetime) -> Iterator[str]:
    width = max(len(call.name) for call in calls)
    several = len({call.job_id for call in calls} - {None}) > 1
    for (job_id, asked, answered), group in itertools.groupby(calls, key=_what):
        same = list(group)
        times = [(call.begun - begun).total_seconds() for call in same]
        # The end of an id is where those of one test differ.
        about = f"  {'…' + job_id[-8:] if job_id else '':9}" if several else ""
        often = f"   {len(same)} times, last at +{times[-1]:.3f} s" if len(same) > 1 else ""
        yield f"+{times[0]:.3f} s".rjust(13) + f"{about}  {asked.ljust(width)}  {answered}{often}"


def _what(call: Record) -> tuple[str | None, str, str]:
    """What makes two calls the same to a reader."""
    attempts = [f"{each.status} {each.error_code or ''}".strip() for each in call.attempts[:-1]]
    return call.job_id, call.name, ", then ".join([*attempts, call.outcome])
