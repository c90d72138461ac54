"""The budgets that end a polling loop which would never end by itself.

Counted for each job id, also unknown ones, over ``get_job`` calls whatever they answer.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pytest_dxjobs._constants import PENDING_STATES, TERMINAL_STATES
from pytest_dxjobs._errors import PollingStopped, RunawayPolling

if TYPE_CHECKING:
    from collections.abc import Callable

_PATIENCE: Final = 25


@dataclass(frozen=True, slots=True)
class Budgets:
    """How far a loop may go; None is no bound.

    Attributes:
        max_polls: ``get_job`` calls for one job during which the answer does not change.
        max_polls_after_end: ``get_job`` calls for one job after it was answered with a terminal state.
        max_wait: virtual time that the code slept meanwhile. Without virtual time nothing is counted.
    """

    max_polls: int | None = 5000
    max_polls_after_end: int | None = 25
    max_wait: datetime.timedelta | None = datetime.timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the code has seen of one job.

    Attributes:
        answer: What the last call was answered.
        unchanged: How many calls before it were answered the same.
        end: The end state that it has been told; "" for none.
        after_end: How many calls there were since.
    """

    answer: str = ""
    unchanged: int = 0
    end: str = ""
    after_end: int = 0

    def then(self, answer: str) -> _Seen:
        """The same after one more call."""
        return _Seen(
            answer,
            self.unchanged + 1 if answer == self.answer else 0,
            "" if answer in PENDING_STATES else answer if answer in TERMINAL_STATES else self.end,
            self.after_end + 1 if self.end else 0,
        )


_NOTHING: Final = (_Seen(), _Seen())


@dataclass(slots=True)
class Watch:
    """The polls of one fake, held against its budgets."""

    budgets: Budgets
    # Before the last call about a job, and after it.
    _seen: dict[str, tuple[_Seen, _Seen]] = field(default_factory=dict)
    _breaches: dict[str, int] = field(default_factory=dict)

    def poll(
        self, job_id: str, answer: str, why: Callable[[], str] = str, *, again: bool = False
    ) -> None:
        """Note one ``get_job`` call and its answer, a job's state or an error's name.

        Args:
            job_id: The id that was asked for.
            answer: What was answered.
            why: Says why the job does not move; asked only where the call is one too many.
            again: Whether the call has been noted: botocore has tried again, and this answer counts.

        Raises:
            RunawayPolling: The call is one too many.
            PollingStopped: The code was told so often enough, and goes on.
        """
        before, after = self._seen.get(job_id, _NOTHING)
        if not again:
            before = after
        after = before.then(answer)
        self._seen[job_id] = before, after
        told = self._breach(after, job_id, why)
        if told:
            self._breaches[job_id] = self._breaches.get(job_id, 0) + 1
            stubborn = self._breaches[job_id] > _PATIENCE
            raise (PollingStopped if stubborn else RunawayPolling)(told)

    def _breach(self, seen: _Seen, job_id: str, why: Callable[[], str]) -> str:
        if _exceeds(seen.after_end, self.budgets.max_polls_after_end):
            return (
                f"get_job was called {seen.after_end} times for job {job_id} after it had answered "
                f"{seen.end}, which is an end state. So does a loop that does not react to "
                f"{seen.end}; it was ended here. Where the calls are meant, the option "
                "max_polls_after_end sets another bound, or None for no bound."
            )
        if _exceeds(seen.unchanged + 1, self.budgets.max_polls):
            asked = (
                f"get_job was called {seen.unchanged + 1} times for job {job_id} and each time answered "
                f"{seen.answer}."
            )
            told = (
                "So does a loop that has no deadline; it was ended here. Where the calls are meant, "
                "the option max_polls sets another bound, or None for no bound."
            )
            return " ".join(filter(None, (asked, why(), told)))
        return ""

    def reset(self) -> None:
        """Begin anew."""
        self._seen.clear()
        self._breaches.clear()


def _exceeds(count: int, bound: int | None) -> bool:
    return bound is not None and count > bound
