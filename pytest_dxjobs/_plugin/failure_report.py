"""What the report of a failed test shows of the fake: how each job went, and what was asked and answered."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from pytest_dxjobs._plugin.picture import LEGEND, picture
from pytest_dxjobs._service.calls import first_end
from pytest_dxjobs._service.timeline import between, draw, shortened

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator

    from pytest_dxjobs._clock.virtual_clock import VirtualClock
    from pytest_dxjobs._fake.fake import FakeDataExchange
    from pytest_dxjobs._service.jobs import Jobs

_JOBS: Final = 5
_CALLS: Final = 12
_INDENT: Final = "  "


def what_happened(
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
        stories = _Stories(jobs, clock, until)
        shown = stories.ids if everything else stories.ids[:_JOBS]
        pictures = {each: stories.picture(each, width - len(_INDENT)) for each in shown}
        told = [
            line
            for each, drawn in pictures.items()
            for line in (*stories.headlines(each), *(f"{_INDENT}{line}" for line in drawn))
        ]
        records = jobs.log.records
        calls = draw("Calls", records, records if everything else (), stories.sleeps)
    if any(pictures.values()):
        told += textwrap.wrap(LEGEND, width)
    left_out = len(stories.ids) - len(shown)
    if left_out:
        told.append(f"... and {left_out} more; -vv tells of all.")
    most = len(records) + 1 if everything else _CALLS
    return "\n".join([*told, *shortened(calls, most, "... (-vv tells of all)")])


class _Stories:
    """How each job went. Whoever uses it holds the lock of the jobs."""

    def __init__(self, jobs: Jobs, clock: VirtualClock | None, until: datetime.datetime) -> None:
        self.sleeps = [] if clock is None else clock.sleeps
        self._until, self._in_virtual_time = until, clock is not None
        self._lives = {life.id: life for life in jobs.all(until)}
        self._knew = jobs.knows
        self._polls = jobs.log.polls()
        self._begun = jobs.log.records[0].begun if jobs.log.records else until
        # Those that were polled first, and ids among them that are none.
        self.ids = [*dict.fromkeys((*self._polls, *self._lives))]

    def headlines(self, job_id: str) -> Iterator[str]:
        """What it is, and why it is where it is."""
        polls, life = self._polls.get(job_id, []), self._lives.get(job_id)
        answered = sum(poll.succeeded for poll in polls)
        counts = {"poll": answered, "failed call": len(polls) - answered}
        often = ", ".join(_counted(*each) for each in counts.items() if each[1]) or "0 polls"
        if life is None:
            no = "no longer" if self._knew(job_id) else "not"
            yield f"Job {job_id}, which is {no} in the fake, {often}"
        else:
            yield f"Job {job_id}, {life.type}, {life.told_at(self._until)}, {often}"
            virtual = self._in_virtual_time
            yield f"{_INDENT}{life.explanation(self._until, in_virtual_time=virtual)}"

    def picture(self, job_id: str, width: int) -> list[str]:
        """How it went along virtual time: until the code was told its end, or the test failed."""
        polls, life = self._polls.get(job_id, []), self._lives.get(job_id)
        reached = None
        if self._in_virtual_time and life is not None and first_end(polls) is None:
            reached = self._until, life.told_at(self._until)
        return picture(polls, between(polls, self.sleeps), self._begun, reached, width)


def _counted(noun: str, number: int) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
