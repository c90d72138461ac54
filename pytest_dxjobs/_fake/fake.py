"""``FakeDataExchange``: the fake service with its options, and ``add_job`` and ``next_job``.

It does not import pytest, so scripts, ``unittest`` cases and the REPL can use it.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, overload

from pytest_dxjobs._botocore.intercept import activate, deactivate
from pytest_dxjobs._core.arguments import (
    count_or_none,
    duration_or_none,
    flag,
    is_function,
    one_of,
    text,
)
from pytest_dxjobs._core.constants import JOB_TYPES
from pytest_dxjobs._core.errors import UsageError
from pytest_dxjobs._core.ids import next_id
from pytest_dxjobs._core.messages import show
from pytest_dxjobs._core.timeutils import now
from pytest_dxjobs._fake.assertions import Assertions
from pytest_dxjobs._fake.fault_injection import FaultInjection
from pytest_dxjobs._fake.job import Job
from pytest_dxjobs._fake.stubbing import Stubbing
from pytest_dxjobs._fake.teardown_checks import find_failure
from pytest_dxjobs._jobs.creation import job_from_response, job_from_type
from pytest_dxjobs._jobs.histories import COMPLETES_AT_ONCE, check_history, stays
from pytest_dxjobs._model import documented
from pytest_dxjobs._model.formats import validate_account_id, validate_region
from pytest_dxjobs._model.service_model import model
from pytest_dxjobs._service.backend import Backend
from pytest_dxjobs._service.polling_limits import PollingLimits
from pytest_dxjobs._service.stubs import PlannedHistory

if TYPE_CHECKING:
    from types import TracebackType

    from pytest_dxjobs._core.constants import JobType
    from pytest_dxjobs._jobs.histories import History

_DAY: Final = datetime.timedelta(hours=24)


class FakeDataExchange(Stubbing, FaultInjection, Assertions):
    """A fake AWS Data Exchange that responds to every dataexchange client of this process.

    It is active between ``activate()`` and ``deactivate()``, or in a ``with`` block. If several fakes are
    active, the one that was activated last responds. Other services are not affected.

    Args:
        region: The default region of jobs, and the region of clients that have none.
        account_id: The account in the ARNs of jobs: 12 digits.
        strict: Whether the end of the ``with`` block, or of the test, fails if the code swallowed a
            ``dx.UnexpectedCall``, or if a queued response, fault or history was not used.
        max_polls: How many ``get_job`` calls for one job in a row may get the same response, or how many
            requests of another operation may be equal; one more raises ``dx.RunawayPolling``. None is no limit.
        max_polls_after_end: The same for calls after the job was seen in a terminal state.
        max_wait: The same for virtual time that the code sleeps while it polls one job: seconds or a
            ``timedelta``. Without virtual time there is no limit.

    Raises:
        UsageError: An option is ill-typed or out of its range.

    See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html and
    https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs.html
    """

    # With slots, a misspelt default_history raises AttributeError.
    __slots__ = ("__weakref__", "_active", "_backend", "_strict")

    def __init__(
        self,
        *,
        region: str = documented.REGION,
        account_id: str = documented.ACCOUNT_ID,
        strict: bool = True,
        max_polls: int | None = 5000,
        max_polls_after_end: int | None = 25,
        max_wait: float | datetime.timedelta | None = _DAY,
    ) -> None:
        self._strict = flag("strict", strict)
        limits = PollingLimits(
            max_polls=count_or_none("max_polls", max_polls),
            max_polls_after_end=count_or_none("max_polls_after_end", max_polls_after_end),
            max_wait=duration_or_none("max_wait", max_wait),
        )
        self._backend = Backend(
            model(),
            text("region", region, validate_region),
            text("account_id", account_id, validate_account_id),
            limits,
        )
        self._active = False

    @property
    def region(self) -> str:
        """The default region of jobs, and the region of clients that have none."""
        return self._backend.region

    @property
    def account_id(self) -> str:
        """The account in the ARNs of this fake's jobs."""
        return self._backend.account_id

    def activate(self) -> None:
        """Respond to every dataexchange client of the process from now on.

        Raises:
            UsageError: This fake is already active.
        """
        if self._active:
            raise UsageError(
                "activate: this fake is already active. The fixture dxjobs activates its fake: leave out `with` "
                "and activate(). Otherwise call deactivate() first."
            )
        activate(self._backend)
        self._active = True

    def deactivate(self) -> None:
        """Stop responding; do nothing if the fake is not active. It keeps its jobs."""
        deactivate(self._backend)
        self._active = False

    def reset(self) -> None:
        """Remove every job, call, response, fault and history; keep the options, and stay active if active."""
        self._backend.reset()

    def __enter__(self) -> FakeDataExchange:
        self.activate()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        __tracebackhide__ = True
        self.deactivate()
        if kind is None:
            self._check_at_end()

    def _check_at_end(self) -> None:
        """Raise what the end of a test reports: swallowed failures, and what is unused."""
        __tracebackhide__ = True
        if (failure := find_failure(self._backend, strict=self._strict)) is not None:
            raise failure

    def _check_late_calls(self) -> None:
        """Raise failures of calls after ``_check_at_end``; unused items are not reported again."""
        if (failure := find_failure(self._backend, strict=self._strict, unused=False)) is not None:
            raise failure

    def _take_failures(self) -> list[AssertionError | UsageError]:
        """Return the failures that the end of the test would report, and forget them."""
        return self._backend.take_failures()

    def _is_unused(self) -> bool:
        """Return whether nothing has been added or called."""
        return self._backend.is_unused()

    @overload
    def add_job(
        self,
        type: JobType | str = ...,
        history: History | None = ...,
        /,
        *,
        check: bool = ...,
        **members: object,
    ) -> Job: ...
    @overload
    def add_job(self, job: Mapping[str, Any], history: History | None = ..., /, *, check: bool = ...) -> Job: ...

    def add_job(
        self,
        type: str | Mapping[str, Any] = "EXPORT_ASSETS_TO_S3",
        history: History | None = None,
        /,
        *,
        check: bool = True,
        **members: object,
    ) -> Job:
        """Add a job to the fake, started now.

        Args:
            type: One of ``dx.JOB_TYPES``, for a complete job of that type; or a whole response, from
                ``make_job`` or captured.
            history: The states of the job from now on, such as ``dx.completes(polls=3)``. Without one, a job
                of a type is already completed, and a response keeps its own ``State``.
            check: Whether to refuse a job that the service could not have sent. With False, ``get_job``
                returns exactly the given members.
            **members: With a type: members of the response instead of the default ones, as in ``make_job``.
                ``Errors`` and the signed URL may be given for a state that the job reaches only later.

        Returns:
            The job; the code under test polls for ``job.id``.

        Raises:
            UsageError: The response is not coherent (every problem is listed), a name or a value is not
                permitted, or the fake already has a job with this id.
        """
        check = flag("add_job: check", check)
        if history is not None:
            check_history("add_job", history)
        if isinstance(type, Mapping):
            new_job = job_from_response(type, history, members)
        else:
            new_job = job_from_type(type, history or COMPLETES_AT_ONCE, members, self.region, self.account_id)
        if check:
            new_job.check()
        response = new_job.response
        identifier = response.get("Id")
        with self._backend.lock:
            try:
                stored = self._backend.jobs.add(
                    identifier if isinstance(identifier, str) else next_id(),
                    response,
                    new_job.history,
                    now(),
                    new_job.deferred,
                    started=True,
                )
            except KeyError:
                raise UsageError(f"add_job: the fake already has a job with the id {identifier}") from None
            except ValueError as error:
                raise UsageError(f"add_job: the response cannot be sent: {error}") from None
        return Job(stored, self._backend)

    def _add_unstarted(self, type: str, history: History) -> Job:
        """Add a job that was created and not started."""
        new_job = job_from_type(type, stays("WAITING"), {}, self.region, self.account_id)
        response = new_job.response
        with self._backend.lock:
            stored = self._backend.jobs.add(response["Id"], response, history, now(), started=False)
        return Job(stored, self._backend)

    @property
    def jobs(self) -> list[Job]:
        """The jobs in the fake in the order in which they entered, including those that the code created."""
        with self._backend.lock:
            return [Job(stored, self._backend) for stored in self._backend.jobs.all(now())]

    def next_job(
        self,
        history: History,
        *,
        type: JobType | str | None = None,
        where: Callable[[dict[str, Any]], object] | None = None,
    ) -> None:
        """Queue a history for the next job that the code under test creates.

        Each job takes the first queued history that is meant for it. Use ``where`` for jobs that are
        created in any order, as by threads.

        Args:
            history: The states of the job once it is started, such as ``dx.fails("MALWARE_DETECTED", after=60)``.
            type: Only for a job of this type, one of ``dx.JOB_TYPES``. None is any.
            where: Only for a job for which this function returns true. It is called with the request's one
                member of ``Details``, such as ``{"DataSetId": ..., "RevisionId": ...}``. None is any.

        Raises:
            UsageError: ``history`` is not a history, there is no such type, or ``where`` cannot be called.
        """
        check_history("next_job", history)
        if type is not None:
            type = one_of("next_job: type", type, self._backend.installed.types, JOB_TYPES)
        if where is not None and not is_function(where):
            raise UsageError(
                f"next_job: where: a function of the request's Details member is needed, not {show(where)}"
            )
        with self._backend.lock:
            self._backend.planned_histories.queued.append(PlannedHistory(history, type, where))

    @property
    def default_history(self) -> History:
        """The history of created jobs for which no ``next_job`` is queued; the default is ``dx.completes()``.

        Raises:
            UsageError: The value that is set is not a history.
        """
        return self._backend.planned_histories.default

    @default_history.setter
    def default_history(self, history: History) -> None:
        self._backend.planned_histories.default = check_history("default_history", history)

    def __repr__(self) -> str:
        state = "active" if self._active else "not active"
        count = len(self.jobs)
        return f"<FakeDataExchange {self.region}, {count} job{'' if count == 1 else 's'}, {state}>"
