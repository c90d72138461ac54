"""Limits that end a polling loop which would never end by itself.

Polls are counted for each job id, also an unknown one, whatever ``get_job`` returns. Any other request that reads
something is counted as well, since code may wait for that. What is raised first is an ``Exception``, so that it gets
out of the workers of every pool. Code that swallows it and goes on polling or sleeping is ended by a ``BaseException``.
"""

from __future__ import annotations

import datetime
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_dxjobs._core import timeutils
from pytest_dxjobs._core.constants import PENDING_STATES, TERMINAL_STATES
from pytest_dxjobs._core.errors import PollingStopped, RunawayPolling
from pytest_dxjobs._core.running_test import current_test
from pytest_dxjobs._core.tracebacks import is_expected
from pytest_dxjobs._service.calls import Role

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_dxjobs._service.calls import CallRecord

_MAX_SWALLOWED: Final = 25
_SWALLOWED: Final = "The code swallowed RunawayPolling and went on."


@dataclass(frozen=True, slots=True)
class PollingLimits:
    """How far a loop may go; None is no limit.

    Attributes:
        max_polls: ``get_job`` calls for one job while it reports the same.
        max_polls_after_end: ``get_job`` calls for one job after it was seen in an end state.
        max_wait: Virtual time that the code slept meanwhile. Real time is not counted.
    """

    max_polls: int | None
    max_polls_after_end: int | None
    max_wait: datetime.timedelta | None

    def exceeded_by(self, polls_after_end: int, polls: int, slept: datetime.timedelta) -> str:
        """Return the name of the first limit that is exceeded, or ""."""
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
        reported: The state or error that the last call reported; None before the first.
        unchanged: How many calls before it reported the same.
        end: The end state that the code has seen; "" for none.
        after_end: How many calls there were since.
        slept: How long the code had slept when this was first reported.
    """

    reported: str | None = None
    unchanged: int = 0
    end: str = ""
    after_end: int = 0
    slept: datetime.timedelta = datetime.timedelta()

    def then(self, reported: str, slept: datetime.timedelta) -> _Seen:
        """Return what the code has seen after one more call."""
        same = reported == self.reported
        end = reported if reported in TERMINAL_STATES else self.end
        return _Seen(
            reported,
            self.unchanged + 1 if same else 0,
            "" if reported in PENDING_STATES else end,
            self.after_end + 1 if self.end else 0,
            self.slept if same else slept,
        )


_NOTHING: Final = (_Seen(), _Seen())


@dataclass(slots=True)
class PollingMonitor:
    """Counts the calls of one fake and holds them to its limits.

    Attributes:
        limits: The limits.
        summary: Returns a summary of the last so many polls of a job: interval, reason, timeline.
        failure: What was raised last; None if a later call was within the limits.
    """

    limits: PollingLimits
    summary: Callable[[str, int], str]
    failure: RunawayPolling | PollingStopped | None = None
    # Before the last call about a job, and after it.
    _seen: dict[str, tuple[_Seen, _Seen]] = field(default_factory=dict)
    _times_exceeded: dict[str, int] = field(default_factory=dict)
    _requests: dict[tuple[str, str], int] = field(default_factory=dict)
    _sleeps: int = 0  # since the last failure
    _phase: str | None = None  # of the test in which all this was counted, as pytest names it
    _test: str = ""

    def check(self, call: CallRecord) -> RunawayPolling | PollingStopped | None:
        """Count a call whose outcome is known; return what to raise if it is one too many."""
        self._reset_in_another_test()
        is_retry = bool(call.attempt_rows)
        if call.role is Role.POLL:
            self.failure = self._check_poll(call.path_params["JobId"], call.reported, is_retry=is_retry)
        elif call.request.method == "GET" and not is_retry:
            self.failure = self._check_request(call)
        else:
            return None
        self._sleeps = 0
        return self.failure

    def check_sleep(self) -> None:
        """Count a sleep of code that goes on after a failure.

        Raises:
            PollingStopped: It has slept too often.
        """
        self._reset_in_another_test()
        self._sleeps += 1
        if self.failure is None or self._sleeps <= _MAX_SWALLOWED:
            return
        if is_expected(self.failure):
            self.failure = None
            return
        message = f"{self.failure}\nThe code then slept {self._sleeps} times and was stopped in a sleep."
        raise PollingStopped(f"{message}\n{_SWALLOWED}", self._sleeps - _MAX_SWALLOWED)

    def reset(self) -> None:
        """Start counting from zero."""
        self._seen.clear()
        self._times_exceeded.clear()
        self._requests.clear()
        self.failure = None

    def _check_poll(self, job_id: str, reported: str, *, is_retry: bool) -> RunawayPolling | PollingStopped | None:
        before, after = self._seen.get(job_id, _NOTHING)
        if not is_retry:  # else this outcome of the same call replaces the one before
            before = after
        slept = timeutils.total_slept
        after = before.then(reported, slept)
        self._seen[job_id] = before, after
        waited = slept - after.slept
        limit = self.limits.exceeded_by(after.after_end, after.unchanged + 1, waited)
        if not limit:
            return None
        times = self._times_exceeded[job_id] = self._times_exceeded.get(job_id, 0) + 1
        return _failure(self._describe(limit, after, job_id, waited), times)

    def _check_request(self, call: CallRecord) -> RunawayPolling | PollingStopped | None:
        """Count a request other than a poll: a loop may wait for its response as well."""
        request = call.request.path, call.request.query
        times = self._requests[request] = self._requests.get(request, 0) + 1
        limit = self.limits.max_polls
        if limit is None or times <= limit:
            return None
        return _failure(
            f"{call.name} was called {times} times with the same parameters.\n"
            f"The loop has no deadline, so it was stopped here. {_how_to_permit('max_polls')}",
            times - limit,
        )

    def _describe(self, limit: str, seen: _Seen, job_id: str, slept: datetime.timedelta) -> str:
        polls = seen.unchanged + 1
        cause = "The loop has no deadline, so it was stopped here."
        if limit == "max_polls_after_end":
            polls = seen.after_end
            finding = f"get_job was called {polls} times for job {job_id} after it reported {seen.end}, an end state"
            cause = f"The loop does not handle {seen.end}, so it was stopped here."
        elif limit == "max_polls":
            finding = f"get_job was called {polls} times for job {job_id} and each time reported {seen.reported}"
        else:
            finding = (
                f"The code slept for {slept} while get_job was called {polls} times for job {job_id} and "
                f"each time reported {seen.reported}"
            )
            cause = "The loop has no deadline, or a very late one, so it was stopped here."
        return f"{finding}{self.summary(job_id, polls)}\n{cause} {_how_to_permit(limit)}"

    def _reset_in_another_test(self) -> None:
        """Count for each test by itself, if several use the fake."""
        phase = os.environ.get("PYTEST_CURRENT_TEST")
        if phase == self._phase:
            return
        self._phase, test = phase, current_test()
        if test not in ("", self._test):
            self._test = test
            self.reset()


def permitting_option(message: str) -> str:
    """Return the limit that a failure advises to raise; "" after an end state, where more polls are always a mistake."""
    return next((each for each in ("max_polls", "max_wait") if _how_to_permit(each) in message), "")


def _how_to_permit(option: str) -> str:
    return f"If the calls are meant, raise the option {option}, or set it to None."


def _failure(message: str, times: int) -> RunawayPolling | PollingStopped:
    """Return what to raise when a limit is exceeded for the n-th time."""
    if times <= _MAX_SWALLOWED:
        return RunawayPolling(message)
    return PollingStopped(f"{message}\n{_SWALLOWED}", times - _MAX_SWALLOWED)
