"""How a loop polled, in a few lines: its rhythm, why the job does not move, a timeline."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

from pytest_dxjobs._core.timeutils import in_seconds
from pytest_dxjobs._service.timeline import draw, shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_dxjobs._service.record import Record

_LINES: Final = 8


def story(records: Sequence[Record], polls: int, why: str) -> str:
    """What follows on the sentence that says how often a job was polled.

    Args:
        records: The calls about the job, the one that was one too many among them.
        polls: How many of the last ones are meant.
        why: Why the job does not move.
    """
    asked = [record for record in records if record.operation == "GetJob"]
    answered = [record for record in records if record.tried]
    told = shortened(draw("What was asked and answered", answered), _LINES)
    return "\n".join([f"{_rhythm(asked[-polls:])}.", *filter(None, [why]), *told])


def _rhythm(polls: Sequence[Record]) -> str:
    times = [record.begun for record in polls]
    pauses = [
        round((later - earlier).total_seconds(), 3) for earlier, later in itertools.pairwise(times)
    ]
    if not any(pauses):
        return ": without a pause"
    shortest, longest = in_seconds(min(pauses)), in_seconds(max(pauses))
    every = shortest if shortest == longest else f"{shortest} to {longest}"
    return f": every {every} s, over {times[-1] - times[0]}"
