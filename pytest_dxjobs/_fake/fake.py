"""``FakeDataExchange``: the service, the clients that reach it, and the jobs that a test puts in.

It knows no pytest, so that a script, a ``unittest`` case or a REPL uses the same object as a test.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, overload

from pytest_dxjobs._botocore.intercept import activate, deactivate
from pytest_dxjobs._core import watchdog
from pytest_dxjobs._core.arguments import bound, duration, flag, is_function, one_of, text
from pytest_dxjobs._core.constants import JOB_TYPES
from pytest_dxjobs._core.errors import UsageError
from pytest_dxjobs._core.ids import next_id
from pytest_dxjobs._core.messages import show
from pytest_dxjobs._core.timeutils import now
from pytest_dxjobs._fake.assertions import Assertions
from pytest_dxjobs._fake.fault_injection import FaultInjection
from pytest_dxjobs._fake.job import Job
from pytest_dxjobs._fake.stubbing import Stubs
from pytest_dxjobs._fake.teardown_checks import find_failure
from pytest_dxjobs._jobs.creation import job_from_response, job_of_type
from pytest_dxjobs._jobs.histories import AT_ONCE, check_history, stays
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


class FakeDataExchange(Stubs, FaultInjection, Assertions):
    """A Data Exchange that lives in this process and answers every dataexchange client in it.

    Active between ``activate()`` and ``deactivate()``, or as a context manager. Fakes nest: the one that
    was activated last answers. Other services are left alone.

    Args:
        region: The region of jobs whose test names none, and of clients that have none.
        account_id: The account in their ARNs: 12 digits.
        strict: Whether leaving the ``with`` block, or the end of the test, fails when a call met nothing
            that answers it, although the code swallowed the exception, and when something that was laid
            down was not used: a response, a fault, or a history for a job to be created.
        max_polls: ``get_job`` calls for one job during which the answer does not change, or calls of another
            operation that ask for the same; one more raises ``dx.RunawayPolling``. None is no bound.
        max_polls_after_end: The same for calls after the job was seen in a terminal state.
        max_wait: The same for virtual time that the code slept while it polled one job: seconds or a
            ``timedelta``. Without virtual time nothing is counted.

    Raises:
        UsageError: An option is ill-typed or out of its range.

    See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html and
    https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs.html
    """

    # Closed, so that a misspelt default_history is no new attribute.
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
            max_polls=bound("max_polls", max_polls),
            max_polls_after_end=bound("max_polls_after_end", max_polls_after_end),
            max_wait=duration("max_wait", max_wait),
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
        """The region of jobs whose test names none, and of clients that have none."""
        return self._backend.region

    @property
    def account_id(self) -> str:
        """The account in the ARNs of this fake's jobs."""
        return self._backend.account_id

    def activate(self) -> None:
        """Answer every dataexchange client of the process from now on.

        Raises:
            UsageError: It does already.
        """
        if self._active:
            raise UsageError("activate: this fake is active already; deactivate() ends that")
        activate(self._backend)
        self._active = True

    def deactivate(self) -> None:
        """Answer no more; does nothing where the fake is not active. Its jobs stay in it."""
        deactivate(self._backend)
        self._active = False

    def reset(self) -> None:
        """Forget every job, call, response and history; options, and whether the fake is active, stay."""
        self._backend.reset()
        watchdog.forget()

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
        """Fail with all that is left over, as the fixture does at the end of its test."""
        __tracebackhide__ = True
        if (failure := find_failure(self._backend, strict=self._strict)) is not None:
            raise failure

    def _check_late_calls(self) -> None:
        """The same for calls that were made since; what was not used has been told."""
        if (failure := find_failure(self._backend, strict=self._strict, unused=False)) is not None:
            raise failure

    def _take_failures(self) -> list[AssertionError | UsageError]:
        """What there was to be judged, of which nothing is left."""
        watchdog.forget()
        return self._backend.take_failures()

    def _is_unused(self) -> bool:
        """Whether nothing has been put in or asked."""
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
    def add_job(
        self, job: Mapping[str, Any], history: History | None = ..., /, *, check: bool = ...
    ) -> Job: ...

    def add_job(
        self,
        type: str | Mapping[str, Any] = "EXPORT_ASSETS_TO_S3",
        history: History | None = None,
        /,
        *,
        check: bool = True,
        **members: object,
    ) -> Job:
        """Put a job into the fake. It counts as started at this moment.

        Args:
            type: One of ``dx.JOB_TYPES``, for a complete job of that type; or a whole response, from
                ``make_job`` or captured.
            history: How the job moves from now on, such as ``dx.completes(polls=3)``. Without one a type
                has completed, and a response stays in its own ``State``.
            check: Whether the job must be one that the service could have sent. With False it is taken
                as it is, and ``get_job`` tells exactly its members.
            **members: With a type: members of the response instead of the default ones, as in ``make_job``.
                ``Errors`` and the signed URL may be given for a state that the job reaches only later.

        Returns:
            The job in the fake; ``job.id`` is what the code under test polls for.

        Raises:
            UsageError: The response is not coherent (every problem is listed), a name or a value is not
                permitted, or there is a job with this id already.

        See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
        """
        check = flag("add_job: check", check)
        if history is not None:
            check_history("add_job", history)
        if isinstance(type, Mapping):
            newcomer = job_from_response(type, history, members)
        else:
            newcomer = job_of_type(type, history or AT_ONCE, members, self.region, self.account_id)
        if check:
            newcomer.check()
        response = newcomer.response
        identifier = response.get("Id")
        with self._backend.jobs.lock:
            try:
                stored = self._backend.jobs.enter(
                    identifier if isinstance(identifier, str) else next_id(),
                    response,
                    newcomer.history,
                    now(),
                    newcomer.deferred,
                    started=True,
                )
            except KeyError:
                raise UsageError(
                    f"add_job: there is a job with the id {identifier} already"
                ) from None
            except ValueError as error:
                raise UsageError(f"add_job: the response cannot be sent: {error}") from None
        return Job(stored, self._backend.jobs)

    def _add_unstarted(self, type: str, history: History) -> Job:
        """Put a job in that somebody has created and not started."""
        newcomer = job_of_type(type, stays("WAITING"), {}, self.region, self.account_id)
        jobs, identifier = self._backend.jobs, newcomer.response["Id"]
        with jobs.lock:
            stored = jobs.enter(identifier, newcomer.response, history, now(), started=False)
        return Job(stored, jobs)

    @property
    def jobs(self) -> list[Job]:
        """The jobs in the fake, those that the code under test created among them, in order of entry."""
        with self._backend.jobs.lock:
            return [Job(stored, self._backend.jobs) for stored in self._backend.jobs.all(now())]

    def next_job(
        self,
        history: History,
        *,
        type: JobType | str | None = None,
        where: Callable[[dict[str, Any]], object] | None = None,
    ) -> None:
        """Say what becomes of the next job that the code under test creates.

        Several are used first in first out, each by the first job that it is meant for. It is ``where``
        that gives jobs which are created at the same time, in any order, their own fates.

        Args:
            history: How the job moves once it is started, such as ``dx.fails("MALWARE_DETECTED", after=60)``.
            type: Only for a job of this type, one of ``dx.JOB_TYPES``; None is any.
            where: Only for a job for which this is true; it is given what the request says in the one
                member of ``Details``, such as ``{"DataSetId": ..., "RevisionId": ...}``. None is any.

        Raises:
            UsageError: This is no history, there is no such type, or ``where`` cannot be called.

        See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs.html
        """
        check_history("next_job", history)
        if type is not None:
            type = one_of("next_job: type", type, self._backend.installed.types, JOB_TYPES)
        if where is not None and not is_function(where):
            raise UsageError(
                f"next_job: where is a function of the request's Details member, not {show(where)}"
            )
        with self._backend.jobs.lock:
            self._backend.planned_histories.waiting.append(PlannedHistory(history, type, where))

    @property
    def default_history(self) -> History:
        """The history of jobs that the code creates and that no ``next_job`` was said about: completed.

        Raises:
            UsageError: What is set is no history.
        """
        return self._backend.planned_histories.default

    @default_history.setter
    def default_history(self, history: History) -> None:
        self._backend.planned_histories.default = check_history("default_history", history)

    def __repr__(self) -> str:
        state = "active" if self._active else "not active"
        count = len(self.jobs)
        return f"<FakeDataExchange {self.region}, {count} job{'' if count == 1 else 's'}, {state}>"
