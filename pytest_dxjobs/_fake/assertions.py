"""Checks on what the code under test has asked; each tells the timeline when it fails."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from pytest_dxjobs._core import arguments
from pytest_dxjobs._core.arguments import one_of, read, span, text
from pytest_dxjobs._core.constants import JOB_ERROR_CODES
from pytest_dxjobs._core.errors import UsageError
from pytest_dxjobs._core.messages import listing, show
from pytest_dxjobs._core.timeutils import now
from pytest_dxjobs._fake.job import Job, id_of
from pytest_dxjobs._model import documented
from pytest_dxjobs._model.service_model import enum_of, model
from pytest_dxjobs._service.calls import Call, first_end
from pytest_dxjobs._service.timeline import draw_timeline

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from pytest_dxjobs._core.constants import JobErrorCode
    from pytest_dxjobs._service.backend import Backend
    from pytest_dxjobs._service.calls import CallRecord


_MOST_TOLD: Final = 5


class Assertions:
    """The part of ``FakeDataExchange`` that looks at what happened."""

    __slots__ = ()
    _backend: Backend

    @property
    def calls(self) -> list[Call]:
        """All calls that reached the fake, in their order, also those that it answered with an error."""
        with self._backend.jobs.lock:
            return [Call(record) for record in self._backend.jobs.log.records]

    def timeline(self) -> str:
        """All calls as text, equal ones in one line: when, how often, what was asked, what was answered."""
        with self._backend.jobs.lock:
            return draw_timeline("calls", self._backend.jobs.log.records)

    def assert_polled(
        self,
        job: Job | str,
        times: int | None = None,
        *,
        at_least: int | None = None,
        at_most: int | None = None,
    ) -> None:
        """Check how often ``get_job`` was called for a job and answered with it; without a number: ever.

        Args:
            job: The job, or its id.
            times: Exactly so often; 0 is never.
            at_least: So often or more.
            at_most: So often or less.

        Raises:
            AssertionError: It was called more or less often; tells the timeline of the job.
            UsageError: An argument is ill-typed, ``times`` comes with a bound, or this fake has no such job and no call was about it.
        """
        __tracebackhide__ = True
        expected = arguments.times("assert_polled", times, at_least, at_most)
        job_id = self._id_of("assert_polled", job)
        polls = sum(call.succeeded for call in self._polls(job_id))
        if wanted := expected.missed_by(polls):
            self._fail(job_id, f"was polled {_often(polls)}, expected {wanted}")

    def assert_retried(
        self,
        times: int | None = None,
        *,
        job: Job | str | None = None,
        at_least: int | None = None,
        at_most: int | None = None,
    ) -> None:
        """Check how often botocore has tried a call again, over all calls; without a number: ever.

        Args:
            times: Exactly so often; 0 is never.
            job: Only calls about this job, or about the one with this id.
            at_least: So often or more.
            at_most: So often or less.

        Raises:
            AssertionError: It was more or less often; tells the timeline.
            UsageError: An argument is ill-typed, ``times`` comes with a bound, or this fake has no such job and no call was about it.
        """
        __tracebackhide__ = True
        expected = arguments.times("assert_retried", times, at_least, at_most)
        log = self._backend.jobs.log
        if job is not None:
            job_id = self._id_of("assert_retried", job)
        with self._backend.jobs.lock:
            records = list(log.records) if job is None else log.about(job_id)
        retries = sum(len(call.attempt_rows[1:]) for call in records)
        if wanted := expected.missed_by(retries):
            about = "" if job is None else f" about job {job_id}"
            told = f"botocore retried {_often(retries)}, expected {wanted}."
            raise AssertionError(f"{told}\n{draw_timeline(f'calls{about}', records)}")

    def assert_not_polled_after_end(self, job: Job | str | None = None) -> None:
        """Check that ``get_job`` was not called again for a job that was seen in an end state.

        Args:
            job: The job, or its id; None is every job.

        Raises:
            AssertionError: It was; tells the timeline of the job.
            UsageError: This is neither a job nor an id, or this fake has no such job and no call was about it.
        """
        __tracebackhide__ = True
        with self._backend.jobs.lock:
            by_id = self._backend.jobs.log.polls()
        if job is not None:
            chosen = self._id_of("assert_not_polled_after_end", job)
            by_id = {chosen: by_id.get(chosen, [])}
        for job_id, polls in by_id.items():
            end = first_end(polls)
            if end is not None and (after := len(polls) - end - 1):
                told = (
                    f"was polled {after} more time{'s' * (after != 1)} after {polls[end].reported}"
                )
                self._fail(job_id, told, polls[end : end + 2])

    def assert_all_started_jobs_polled_to_end(self) -> None:
        """Check that each job that was started was polled until it was seen in an end state, or cancelled.

        Raises:
            AssertionError: One was not; tells the timelines of all such jobs.
        """
        __tracebackhide__ = True
        with self._backend.jobs.lock:
            polls = self._backend.jobs.log.polls()
            left = [
                stored.id
                for stored in self._backend.jobs.all(now())
                if stored.started
                and not stored.cancelled
                and first_end(polls.get(stored.id, ())) is None
            ]
        if left:
            told = [self._told(job_id) for job_id in left[:_MOST_TOLD]]
            if len(left) > _MOST_TOLD:
                told.append(f"and {len(left) - _MOST_TOLD} more")
            were = "job was" if len(left) == 1 else "jobs were"
            headline = f"{len(left)} started {were} not polled to the end:"
            raise AssertionError("\n".join([headline, *told]))

    def assert_poll_interval(
        self,
        job: Job | str,
        *,
        min: float | datetime.timedelta | None = None,
        max: float | datetime.timedelta | None = None,
    ) -> None:
        """Check the time from each ``get_job`` call for a job to the next one.

        Args:
            job: The job, or its id.
            min: The shortest time permitted: seconds or a ``timedelta``.
            max: The longest: seconds or a ``timedelta``.

        Raises:
            AssertionError: An interval is shorter or longer, or there is none, since it was polled only
                once; tells the timeline of the job.
            UsageError: Neither bound is given, or one is ill-typed, or ``min`` is more than ``max``, or this fake has no such job and no call was about it.
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
                bound = f"min={shortest.total_seconds():g}"
                self._fail_interval(job_id, number, interval, bound)
            if longest is not None and interval > longest:
                bound = f"max={longest.total_seconds():g}"
                self._fail_interval(job_id, number, interval, bound)

    def assert_intervals_grow(self, job: Job | str) -> None:
        """Check that the code backs off: no interval between polls is shorter than the one before, one is longer.

        For virtual time: real sleeps are never equal, so that intervals which should be may shrink a little.

        Args:
            job: The job, or its id.

        Raises:
            AssertionError: One is shorter, or all are equal, or there are fewer than two; tells the timeline.
            UsageError: This is neither a job nor an id, or this fake has no such job and no call was about it.
        """
        __tracebackhide__ = True
        job_id = self._id_of("assert_intervals_grow", job)
        intervals = self._intervals(job_id)
        for number, (before, after) in enumerate(itertools.pairwise(intervals), start=2):
            if after < before:
                bound = f"the one before: {before.total_seconds():g}"
                self._fail_interval(job_id, number, after, bound)
        if intervals[0] == intervals[-1]:
            self._fail(
                job_id, f"was polled {len(intervals) + 1} times, at intervals that never grow"
            )

    def _polls(self, job_id: str) -> list[CallRecord]:
        with self._backend.jobs.lock:
            return self._backend.jobs.log.polls().get(job_id, [])

    def _id_of(self, call: str, job: Job | str) -> str:
        """The id, if this fake has ever heard of it: a misspelt one would have no polls to complain of."""
        job_id = id_of(f"{call}: job", job)
        with self._backend.jobs.lock:
            if not self._backend.jobs.has_held(job_id) and not self._backend.jobs.log.about(job_id):
                raise UsageError(
                    f"{call}: job: {show(job)}: this fake has no such job, and no call was about it"
                )
        return job_id

    def _intervals(self, job_id: str) -> list[datetime.timedelta]:
        __tracebackhide__ = True
        times = [call.started_at for call in self._polls(job_id)]
        if len(times) < 2:
            self._fail(job_id, f"was polled {_often(len(times))}, which makes no interval")
        return [after - before for before, after in itertools.pairwise(times)]

    def _fail_interval(
        self, job_id: str, number: int, interval: datetime.timedelta, bound: str
    ) -> None:
        __tracebackhide__ = True
        told = (
            f"was polled again after {interval.total_seconds():g} s (interval {number}), which is against "
            f"{bound} s"
        )
        self._fail(job_id, told, self._polls(job_id)[number - 1 : number + 1])

    def _fail(self, job_id: str, told: str, apart: Sequence[CallRecord] = ()) -> None:
        __tracebackhide__ = True
        raise AssertionError(f"job {job_id} {told}.\n{self._told(job_id, apart)}")

    def _told(self, job_id: str, apart: Sequence[CallRecord] = ()) -> str:
        with self._backend.jobs.lock:
            return draw_timeline(
                f"calls about job {job_id}", self._backend.jobs.log.about(job_id), apart
            )


def _often(count: int) -> str:
    return f"{count} time{'s' * (count != 1)}"


def assert_job_error(
    response: Mapping[str, Any],
    code: JobErrorCode | str | None = None,
    *,
    resource_id: str | None = None,
    limit_name: str | None = None,
) -> None:
    """Check that a job failed, and with what: that one of its ``Errors`` has all that is named.

    Args:
        response: What ``get_job`` returned.
        code: One of ``dx.JOB_ERROR_CODES``, or a code that the installed botocore knows.
        resource_id: The ``ResourceId``.
        limit_name: The ``LimitName``, as the service writes it: ``"Assets per revision"``.

    Raises:
        AssertionError: It did not fail, or not so; tells the errors that there are.
        UsageError: This is no response, or there is no such code or limit.

    See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
    """
    __tracebackhide__ = True
    installed = model()
    if not isinstance(response, Mapping):
        raise UsageError(f"assert_job_error: what get_job returned is needed, not {show(response)}")
    response = read("assert_job_error", response)
    wanted = {}
    if code is not None:
        known = installed.error_codes
        wanted["Code"] = one_of("assert_job_error: code", code, known, JOB_ERROR_CODES)
    if resource_id is not None:
        wanted["ResourceId"] = text("assert_job_error: resource_id", resource_id)
    if limit_name is not None:
        limits = enum_of(installed.error.members["LimitName"])
        wanted["LimitName"] = one_of("assert_job_error: limit_name", limit_name, limits)
    told = " and ".join(f"{name} {value!r}" for name, value in wanted.items())
    headline = f"an error of the job{f' with {told}' if told else ''} was expected"
    state, errors = response.get("State"), response.get("Errors")
    if not isinstance(state, str) or state != documented.FAILED:
        raise AssertionError(f"{headline}, and its State is {show(state)}")
    if not isinstance(errors, list) or not errors:
        raise AssertionError(
            f"{headline}, and its Errors are {'absent' if errors is None else show(errors)}"
        )
    if not any(_has(error, wanted) for error in errors):
        raise AssertionError(listing(f"{headline}, and there is:", map(_shown, errors)))


def _shown(error: object) -> str:
    """What tells one error from another, first."""
    if not isinstance(error, Mapping):
        return show(error)
    return ", ".join(f"{name} {show(error[name])}" for name in _TELLING if name in error)


_TELLING: Final = ("Code", "ResourceType", "ResourceId", "LimitName", "LimitValue", "Message")


def _has(error: object, wanted: Mapping[str, str]) -> bool:
    return isinstance(error, Mapping) and all(
        error.get(name) == value for name, value in wanted.items()
    )
