"""The budgets that end a polling loop which would never end by itself.

Counted for each job id, also unknown ones, over ``get_job`` calls whatever they answer, and for each request
that asks something else, since code waits for that as well. What is raised
first is an ``Exception``, since that gets out of the workers of every pool; code that swallows it and polls
or sleeps on meets something that is none.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn

from pytest_dxjobs._core import timeutils
from pytest_dxjobs._core.constants import PENDING_STATES, TERMINAL_STATES
from pytest_dxjobs._core.errors import PollingStopped, RunawayPolling
from pytest_dxjobs._core.running_test import current_test
from pytest_dxjobs._core.tracebacks import is_expected

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

_PATIENCE: Final = 25


@dataclass(frozen=True, slots=True)
class PollingLimits:
    """How far a loop may go; None is no bound.

    Attributes:
        max_polls: ``get_job`` calls for one job during which the answer does not change.
        max_polls_after_end: ``get_job`` calls for one job after it was answered with a terminal state.
        max_wait: virtual time that the code slept meanwhile. Without virtual time nothing is counted.
    """

    max_polls: int | None
    max_polls_after_end: int | None
    max_wait: datetime.timedelta | None

    def exceeded_by(self, polls_after_end: int, polls: int, slept: datetime.timedelta) -> str:
        """The first of them that is exceeded; empty for none."""
        if self.max_polls_after_end is not None and polls_after_end > self.max_polls_after_end:
            return "max_polls_after_end"
        if self.max_polls is not None and polls > self.max_polls:
            return "max_polls"
        if self.max_wait is not None and slept > self.max_wait:
            return "max_wait"
        return ""


class _Seen(NamedTuple):
    """What the code has seen of one job.

    Attributes:
        answer: What the last call was answered; None before the first.
        unchanged: How many calls before it were answered the same.
        end: The end state that it has been told; "" for none.
        after_end: How many calls there were since.
        slept: How long the code had slept when it was first answered so.
    """

    answer: str | None = None
    unchanged: int = 0
    end: str = ""
    after_end: int = 0
    slept: datetime.timedelta = datetime.timedelta()

    def then(self, answer: str, slept: datetime.timedelta) -> _Seen:
        """The same after one more call."""
        same = answer == self.answer
        return _Seen(
            answer,
            self.unchanged + 1 if same else 0,
            "" if answer in PENDING_STATES else answer if answer in TERMINAL_STATES else self.end,
            self.after_end + 1 if self.end else 0,
            self.slept if same else slept,
        )


_NOTHING: Final = (_Seen(), _Seen())


@dataclass(slots=True)
class PollingMonitor:
    """The polls of one fake, held against its budgets.

    Attributes:
        budgets: The budgets.
        story: Tells of the last so many polls of a job: their rhythm, why the job does not move, a timeline.
    """

    limits: PollingLimits
    polling_summary: Callable[[str, int], str]
    # Before the last call about a job, and after it.
    _seen: dict[str, tuple[_Seen, _Seen]] = field(default_factory=dict)
    _exceeded: dict[str, int] = field(default_factory=dict)
    _asked: dict[Hashable, int] = field(default_factory=dict)
    # What the code was told, if it has not been answered since.
    failure: RunawayPolling | PollingStopped | None = None
    _sleeps: int = 0  # how often it has slept since
    _test: str = ""  # the one in which all this was counted

    def poll(self, job_id: str, answer: str, *, again: bool) -> None:
        """Note one ``get_job`` call and its answer, a job's state or an error's name.

        Args:
            job_id: The id that was asked for.
            answer: What was answered.
            again: Whether the call has been noted: botocore has tried again, and this answer counts.

        Raises:
            RunawayPolling: The call is one too many.
            PollingStopped: The code was told so often enough, and goes on.
        """
        self._begin_anew_in_another_test()
        before, after = self._seen.get(job_id, _NOTHING)
        if not again:
            before = after
        slept = timeutils.total_slept
        after = before.then(answer, slept)
        self._seen[job_id] = before, after
        self.failure = None
        waited = slept - after.slept
        option = self.limits.exceeded_by(after.after_end, after.unchanged + 1, waited)
        if option:
            told = self._describe(option, after, job_id, waited)
            self._exceeded[job_id] = self._exceeded.get(job_id, 0) + 1
            self._tell(told, self._exceeded[job_id])

    def ask(self, request: Hashable, name: str) -> None:
        """Note a request other than a poll that asks for something: a loop may wait for that as well.

        Args:
            request: What is the same where the same is asked for again.
            name: What the client calls the operation.

        Raises:
            RunawayPolling: It is one too many.
            PollingStopped: The code was told so often enough, and goes on.
        """
        self._begin_anew_in_another_test()
        times = self._asked[request] = self._asked.get(request, 0) + 1
        self.failure = None
        most = self.limits.max_polls
        if most is not None and times > most:
            told = (
                f"{name} was called {times} times with the same parameters.\nSo does a loop that waits for "
                f"something else than a job and has no deadline; it was ended here. {_permits_it('max_polls')}"
            )
            self._tell(told, times - most)

    def _tell(self, told: str, times: int) -> NoReturn:
        self.failure, self._sleeps = _escalated(told, times), 0
        raise self.failure

    def sleep(self) -> None:
        """Note that the code sleeps, which was told that it polls too often and has not been answered since.

        Raises:
            PollingStopped: It has slept often enough.
        """
        self._begin_anew_in_another_test()
        self._sleeps += 1
        if self.failure is None or self._sleeps <= _PATIENCE:
            return
        if is_expected(self.failure):  # and the test goes on
            self.failure = None
            return
        told = f"{self.failure}\nThe code has slept {self._sleeps} times since, and was ended in a sleep."
        raise _escalated(told, self._sleeps)

    def _describe(self, option: str, seen: _Seen, job_id: str, slept: datetime.timedelta) -> str:
        polls = seen.unchanged + 1
        if option == "max_polls_after_end":
            polls = seen.after_end
            happened = (
                f"get_job was called {polls} times for job {job_id} after it had answered "
                f"{seen.end}, which is an end state"
            )
            cause = f"So does a loop that does not react to {seen.end}"
        elif option == "max_polls":
            happened = f"get_job was called {polls} times for job {job_id} and each time answered {seen.answer}"
            cause = "So does a loop that has no deadline"
        else:
            happened = (
                f"The code slept for {slept} while get_job was called {polls} times for job {job_id} and "
                f"each time answered {seen.answer}"
            )
            cause = "So does a loop that has no deadline, or a very late one"
        return f"{happened}{self.polling_summary(job_id, polls)}\n{cause}; it was ended here. {_permits_it(option)}"

    def reset(self) -> None:
        """Forget what was seen."""
        self._restart()

    def _begin_anew_in_another_test(self) -> None:
        """Count for each test, where the fake is there for several."""
        test = current_test()
        if test not in ("", self._test):
            self._test = test
            self._restart()

    def _restart(self) -> None:
        self._seen.clear()
        self._exceeded.clear()
        self._asked.clear()
        self.failure = None


_SWALLOWED: Final = "RunawayPolling has told so before, and the code swallowed it."


def permitting_option(told: str) -> str:
    """The option that permits what code was ended for, where it may be meant; polls after the end are not."""
    return next((each for each in ("max_polls", "max_wait") if _permits_it(each) in told), "")


def _permits_it(option: str) -> str:
    return (
        f"Where the calls are meant, the option {option} sets another bound, or None for no limit."
    )


def _escalated(told: str, times: int) -> RunawayPolling | PollingStopped:
    """What follows when the code has been told so often."""
    if times <= _PATIENCE:
        return RunawayPolling(told)
    return PollingStopped(f"{told}\n{_SWALLOWED}", times - _PATIENCE)
