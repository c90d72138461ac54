"""What the report of a failed test shows of the fake: how each job went, and what was asked and answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_dxjobs._instants import now
from pytest_dxjobs._picture import picture
from pytest_dxjobs._timeline import draw, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_dxjobs._calls import Record
    from pytest_dxjobs._clock import VirtualClock
    from pytest_dxjobs._fake import FakeDataExchange
    from pytest_dxjobs._life import Life
    from pytest_dxjobs._picture import Span

_JOBS: Final = 5
_CALLS: Final = 12
_INDENT: Final = "  "


def what_happened(
    fake: FakeDataExchange, clock: VirtualClock | None, width: int, *, everything: bool
) -> str:
    """The text.

    Args:
        fake: Where it happened.
        clock: What tells of the sleeps; None without virtual time.
        width: The columns of the terminal.
        everything: Whether to tell of all jobs, and of each call in a line of its own.
    """
    jobs = fake._backend.jobs  # noqa: SLF001
    sleeps = [] if clock is None else clock.sleeps
    slept = [(each.at, each.seconds) for each in sleeps if not each.is_backoff]
    with jobs.lock:
        lives = {life.id: life for life in jobs.all(now())}
        polls = jobs.log.polls()
        ids = [*dict.fromkeys((*polls, *lives))]  # those that were polled first
        shown = ids if everything else ids[:_JOBS]
        told = [
            line
            for each in shown
            for line in _job(each, lives.get(each), polls.get(each, []), slept, width)
        ]
        records = jobs.log.records
        calls = draw("Calls", records, records if everything else (), slept)
    if len(shown) < len(ids):
        told.append(f"... and {len(ids) - len(shown)} more jobs; -vv tells of all.")
    most = len(records) + 1 if everything else _CALLS
    return "\n".join([*told, *shortened(calls, most, "... (-vv tells of all)")])


def _job(
    job_id: str, life: Life | None, polls: Sequence[Record], slept: Sequence[Span], width: int
) -> Iterator[str]:
    """One job, or an id that is none."""
    often = f"{len(polls)} poll{'s' * (len(polls) != 1)}"
    if life is None:
        yield f"Job {job_id}, which is not in the fake, {often}"
    else:
        yield f"Job {job_id}, {life.type}, {life.told_at(now())}, {often}"
        yield f"{_INDENT}{life.explanation(now())}"
    for line in picture(polls, slept, width - len(_INDENT)):
        yield f"{_INDENT}{line}"
