"""``assert_*``: checks of the calls of the code under test; a failed check shows their timeline."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from pytest_dxjobs._core import arguments
from pytest_dxjobs._core.arguments import one_of, span, text
from pytest_dxjobs._core.constants import JOB_ERROR_CODES
from pytest_dxjobs._core.errors import UsageError
from pytest_dxjobs._core.messages import listing, show
from pytest_dxjobs._core.timeutils import now
from pytest_dxjobs._core.values import plain_copy
from pytest_dxjobs._fake.job import Job, id_of
from pytest_dxjobs._model import documented
from pytest_dxjobs._model.service_model import enum_of, model
from pytest_dxjobs._service.calls import Call, first_end_index
from pytest_dxjobs._service.timeline import draw_timeline

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from pytest_dxjobs._core.constants import JobErrorCode
    from pytest_dxjobs._service.backend import Backend
    from pytest_dxjobs._service.calls import CallRecord


_MAX_SHOWN: Final = 5


class Assertions:
    """The part of ``FakeDataExchange`` that checks the calls of the code under test."""

    __slots__ = ()
    _backend: Backend

    @property
    def calls(self) -> list[Call]:
        """All calls that reached the fake, in their order, including those that got an error."""
        with self._backend.lock:
            return [Call(record) for record in self._backend.calls.records]

    def timeline(self) -> str:
        """Return all calls as text: when, how often, which operation, which response; equal ones share a line."""
        with self._backend.lock:
            return draw_timeline("calls", self._backend.calls.records)

    def assert_polled(
        self,
        job: Job | str,
        times: int | None = None,
        *,
        at_least: int | None = None,
        at_most: int | None = None,
    ) -> None:
        """Check how many ``get_job`` calls for a job succeeded; without a number, at least one.

        Args:
            job: The job, or its id.
            times: The exact number; 0 is never.
            at_least: The smallest number.
            at_most: The largest number.

        Raises:
            AssertionError: The number is another one; shows the timeline of the job.
            UsageError: An argument is ill-typed, ``times`` is given with a bound, or this fake has no such
                job and no call was about it.
        """
        __tracebackhide__ = True
        expected = arguments.times("assert_polled", times, at_least, at_most)
        job_id = self._id_of("assert_polled", job)
        polls = sum(call.succeeded for call in self._polls(job_id))
        if wanted := expected.violated_by(polls):
            self._fail(job_id, f"was polled {_count_times(polls)}, expected {wanted}")

    def assert_retried(
        self,
        times: int | None = None,
        *,
        job: Job | str | None = None,
        at_least: int | None = None,
        at_most: int | None = None,
    ) -> None:
        """Check how many retries botocore made, over all calls; without a number, at least one.

        Args:
            times: The exact number; 0 is never.
            job: Only calls about this job: the job, or its id. None is all calls.
            at_least: The smallest number.
            at_most: The largest number.

        Raises:
            AssertionError: The number is another one; shows the timeline.
            UsageError: An argument is ill-typed, ``times`` is given with a bound, or this fake has no such
                job and no call was about it.
        """
        __tracebackhide__ = True
        expected = arguments.times("assert_retried", times, at_least, at_most)
        log = self._backend.calls
        if job is not None:
            job_id = self._id_of("assert_retried", job)
        with self._backend.lock:
            records = list(log.records) if job is None else log.about(job_id)
        retries = sum(len(call.attempt_rows[1:]) for call in records)
        if wanted := expected.violated_by(retries):
            title = "calls" if job is None else f"calls about job {job_id}"
            headline = f"botocore retried {_count_times(retries)}, expected {wanted}."
            raise AssertionError(f"{headline}\n{draw_timeline(title, records)}")

    def assert_not_polled_after_end(self, job: Job | str | None = None) -> None:
        """Check that ``get_job`` was not called again for a job after it returned an end state.

        Args:
            job: The job, or its id. None is every job.

        Raises:
            AssertionError: It was called again; shows the timeline of the job.
            UsageError: ``job`` is neither a job nor an id, or this fake has no such job and no call was about it.
        """
        __tracebackhide__ = True
        with self._backend.lock:
            by_id = self._backend.calls.polls()
        if job is not None:
            job_id = self._id_of("assert_not_polled_after_end", job)
            by_id = {job_id: by_id.get(job_id, [])}
        for job_id, polls in by_id.items():
            end = first_end_index(polls)
            if end is not None and (after := len(polls) - end - 1):
                more = f"{after} more time{'s' * (after != 1)}"
                finding = f"was polled {more} after {polls[end].reported}"
                self._fail(job_id, finding, polls[end : end + 2])

    def assert_all_started_jobs_polled_to_end(self) -> None:
        """Check that ``get_job`` returned an end state for each started job that the code did not cancel.

        Raises:
            AssertionError: It did not for one; shows the timelines of up to five such jobs.
        """
        __tracebackhide__ = True
        with self._backend.lock:
            polls = self._backend.calls.polls()
            unfinished = [
                stored.id
                for stored in self._backend.jobs.all(now())
                if stored.started and not stored.cancelled and first_end_index(polls.get(stored.id, ())) is None
            ]
        if unfinished:
            timelines = [self._timeline_of(job_id) for job_id in unfinished[:_MAX_SHOWN]]
            if len(unfinished) > _MAX_SHOWN:
                timelines.append(f"and {len(unfinished) - _MAX_SHOWN} more")
            were = "job was" if len(unfinished) == 1 else "jobs were"
            headline = f"{len(unfinished)} started {were} not polled to the end:"
            raise AssertionError("\n".join([headline, *timelines]))

    def assert_poll_interval(
        self,
        job: Job | str,
        *,
        min: float | datetime.timedelta | None = None,
        max: float | datetime.timedelta | None = None,
    ) -> None:
        """Check the interval between the ``get_job`` calls for a job.

        Args:
            job: The job, or its id.
            min: The shortest interval permitted: seconds or a ``timedelta``.
            max: The longest interval permitted: seconds or a ``timedelta``.

        Raises:
            AssertionError: An interval is shorter or longer, or there were fewer than two calls; shows the
                timeline of the job.
            UsageError: Neither bound is given, one is ill-typed, ``min`` is more than ``max``, or this fake
                has no such job and no call was about it.
        """
        __tracebackhide__ = True
        if min is None and max is None:
            raise UsageError("assert_poll_interval: min, max or both are needed")
        shortest = None if min is None else span("assert_poll_interval: min", min)
        longest = None if max is None else span("assert_poll_interval: max", max)
        if shortest is not None and longest is not None and shortest > longest:
            raise UsageError(f"assert_poll_interval: min={min} is more than max={max}")
        job_id = self._id_of("assert_poll_interval", job)
        for number, interval in enumerate(self._intervals(job_id), start=1):
            if shortest is not None and interval < shortest:
                expected = f"at least {shortest.total_seconds():g} s (min)"
                self._fail_interval(job_id, number, interval, expected)
            if longest is not None and interval > longest:
                expected = f"at most {longest.total_seconds():g} s (max)"
                self._fail_interval(job_id, number, interval, expected)

    def assert_intervals_grow(self, job: Job | str) -> None:
        """Check that the code backs off: the intervals between polls never shrink, and at least one grows.

        Use it with virtual time: real intervals vary a little, so equal ones may seem to shrink.

        Args:
            job: The job, or its id.

        Raises:
            AssertionError: An interval shrinks, or none grows; shows the timeline of the job.
            UsageError: ``job`` is neither a job nor an id, or this fake has no such job and no call was about it.
        """
        __tracebackhide__ = True
        job_id = self._id_of("assert_intervals_grow", job)
        intervals = self._intervals(job_id)
        for number, (before, after) in enumerate(itertools.pairwise(intervals), start=2):
            if after < before:
                expected = f"at least {before.total_seconds():g} s, the interval before"
                self._fail_interval(job_id, number, after, expected)
        if intervals[0] == intervals[-1]:
            self._fail(job_id, f"was polled {len(intervals) + 1} times, and the intervals never grow")

    def _polls(self, job_id: str) -> list[CallRecord]:
        with self._backend.lock:
            return self._backend.calls.polls().get(job_id, [])

    def _id_of(self, call: str, job: Job | str) -> str:
        """Return the id of a job; raise ``UsageError`` if it is unknown, as a misspelt id is never polled."""
        job_id = id_of(f"{call}: job", job)
        with self._backend.lock:
            if not self._backend.jobs.has_held(job_id) and not self._backend.calls.about(job_id):
                raise UsageError(f"{call}: job: {show(job)} is not in this fake, and no call was about it")
        return job_id

    def _intervals(self, job_id: str) -> list[datetime.timedelta]:
        __tracebackhide__ = True
        times = [call.started_at for call in self._polls(job_id)]
        if len(times) < 2:
            self._fail(job_id, f"was polled {_count_times(len(times))}; an interval needs two polls")
        return [after - before for before, after in itertools.pairwise(times)]

    def _fail_interval(self, job_id: str, number: int, interval: datetime.timedelta, expected: str) -> None:
        __tracebackhide__ = True
        seconds = f"{interval.total_seconds():g} s"
        finding = f"was polled again after {seconds} (interval {number}), expected {expected}"
        self._fail(job_id, finding, self._polls(job_id)[number - 1 : number + 1])

    def _fail(self, job_id: str, finding: str, separate: Sequence[CallRecord] = ()) -> None:
        __tracebackhide__ = True
        raise AssertionError(f"job {job_id} {finding}.\n{self._timeline_of(job_id, separate)}")

    def _timeline_of(self, job_id: str, separate: Sequence[CallRecord] = ()) -> str:
        with self._backend.lock:
            records = self._backend.calls.about(job_id)
            return draw_timeline(f"calls about job {job_id}", records, separate)


def _count_times(count: int) -> str:
    return f"{count} time{'s' * (count != 1)}"


def assert_job_error(
    response: Mapping[str, Any],
    code: JobErrorCode | str | None = None,
    *,
    resource_id: str | None = None,
    limit_name: str | None = None,
) -> None:
    """Check that a job failed, and that one of its ``Errors`` has everything that is given.

    Args:
        response: What ``get_job`` returned.
        code: One of ``dx.JOB_ERROR_CODES``, or a code that the installed botocore knows.
        resource_id: The ``ResourceId``.
        limit_name: The ``LimitName``, as the service writes it: ``"Assets per revision"``.

    Raises:
        AssertionError: The job did not fail, or has no such error; shows its state or errors.
        UsageError: ``response`` is not a response, or there is no such code or limit.

    See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
    """
    __tracebackhide__ = True
    installed = model()
    if not isinstance(response, Mapping):
        raise UsageError(f"assert_job_error: the response of get_job is needed, not {show(response)}")
    response = plain_copy(response)
    wanted = {}
    if code is not None:
        known = installed.error_codes
        wanted["Code"] = one_of("assert_job_error: code", code, known, JOB_ERROR_CODES)
    if resource_id is not None:
        wanted["ResourceId"] = text("assert_job_error: resource_id", resource_id)
    if limit_name is not None:
        limits = enum_of(installed.error.members["LimitName"])
        wanted["LimitName"] = one_of("assert_job_error: limit_name", limit_name, limits)
    members = " and ".join(f"{name} {value!r}" for name, value in wanted.items())
    expected = f"expected an error{f' with {members}' if members else ''}"
    state, errors = response.get("State"), response.get("Errors")
    if not isinstance(state, str) or state != documented.FAILED:
        raise AssertionError(f"the job's State is {show(state)}, {expected}")
    if not isinstance(errors, list) or not errors:
        shown = "absent" if errors is None else show(errors)
        raise AssertionError(f"the job's Errors are {shown}, {expected}")
    if not any(_has(error, wanted) for error in errors):
        headline = f"the job's Errors do not match, {expected}. They are:"
        raise AssertionError(listing(headline, map(_show_error, errors)))


def _has(error: object, wanted: Mapping[str, str]) -> bool:
    return isinstance(error, Mapping) and all(error.get(name) == value for name, value in wanted.items())


_ERROR_MEMBERS: Final = ("Code", "ResourceType", "ResourceId", "LimitName", "LimitValue", "Message")


def _show_error(error: object) -> str:
    """Show an error with its distinguishing members first."""
    if not isinstance(error, Mapping):
        return show(error)
    return ", ".join(f"{name} {show(error[name])}" for name in _ERROR_MEMBERS if name in error)
