"""The budgets that end a polling loop which would never end by itself.

Counted for each job id, also unknown ones, over ``get_job`` calls whatever they answer.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pytest_dxjobs._constants import TERMINAL_STATES
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


@dataclass(slots=True)
class _Seen:
    answer: str
    unchanged: int = 0
    after_end: int = 0
    breaches: int = 0


@dataclass(slots=True)
class Watch:
    """The polls of one fake, held against its budgets."""

    budgets: Budgets
    _seen: dict[str, _Seen] = field(default_factory=dict)

    def poll(self, job_id: str, answer: str, why: Callable[[], str] = str) -> None:
        """Note one ``get_job`` call and its answer, a job's state or an error's code.

        Args:
            job_id: The id that was asked for.
            answer: What was answered.
            why: Says why the job does not move; asked only where the call is one too many.

        Raises:
            RunawayPolling: The call is one too many.
            PollingStopped: The code was told so often enough, and goes on.
        """
        seen = self._seen.get(job_id)
        if seen is None:
            self._seen[job_id] = _Seen(answer)
            return
        ended = seen.answer in TERMINAL_STATES
        seen.after_end = seen.after_end + 1 if ended else 0
        seen.unchanged = seen.unchanged + 1 if answer == seen.answer else 0
        seen.answer = answer
        told = self._breach(seen, job_id, why)
        if told:
            seen.breaches += 1
            raise (PollingStopped if seen.breaches > _PATIENCE else RunawayPolling)(told)

    def _breach(self, seen: _Seen, job_id: str, why: Callable[[], str]) -> str:
        if _exceeds(seen.after_end, self.budgets.max_polls_after_end):
            return (
                f"get_job was called {seen.after_end} times for job {job_id} after it had answered "
                f"{seen.answer}, which is an end state. So does a loop that does not react to "
                f"{seen.answer}; it was ended here. Where the calls are meant, the option "
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


def _exceeds(count: int, bound: int | None) -> bool:
    return bound is not None and count > bound
