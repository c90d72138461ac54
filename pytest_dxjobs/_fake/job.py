"""A job in the fake as the test sees it: looked at, and moved by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_dxjobs._core.arguments import flag, text
from pytest_dxjobs._core.errors import UsageError
from pytest_dxjobs._core.messages import show
from pytest_dxjobs._core.timeutils import now
from pytest_dxjobs._service.calls import Call

if TYPE_CHECKING:
    from pytest_dxjobs._core.constants import JobState
    from pytest_dxjobs._service.jobs import JobStore, StoredJob


class Job:
    """A job in the fake, as ``add_job`` returns it; two of the same job are equal.

    See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
    """

    __slots__ = ("_home", "_life")

    def __init__(self, stored: StoredJob, home: JobStore) -> None:
        self._life, self._home = stored, home

    @property
    def id(self) -> str:
        """The id to poll for."""
        return self._life.id

    @property
    def arn(self) -> str:
        """The ARN, with the region of the client that created the job, or of the fake."""
        return self._life.arn

    @property
    def type(self) -> str:
        """The type, one of ``dx.JOB_TYPES`` for any that the service documents."""
        return self._life.type

    @property
    def state(self) -> str:
        """The state that the next ``get_job`` would tell, one of ``dx.JOB_STATES`` for any that the service documents.

        Looking at it counts as no poll.
        """
        with self._home.lock:
            return self._life.state_for_poll(now())

    @property
    def polls(self) -> int:
        """How many ``get_job`` calls were answered with this job."""
        return self._life.polls

    @property
    def started(self) -> bool:
        """Whether it was started: by StartJob, or, from ``add_job``, when it entered the fake."""
        return self._life.started

    @property
    def cancelled(self) -> bool:
        """Whether the code under test has cancelled it, by CancelJob."""
        return self._life.cancelled

    @property
    def calls(self) -> list[Call]:
        """The calls that were about this job, the one that created it among them."""
        with self._home.lock:
            return [Call(record) for record in self._home.log.about(self.id)]

    def become(self, state: JobState | str, /, *, check: bool = True, **members: object) -> None:
        """Put the job into a state by hand; from now on it stays there.

        Args:
            state: One of ``dx.JOB_STATES``, or a state that the installed botocore knows.
            check: Whether the job must not have ended yet, and the response must be one that the service
                could have sent.
            **members: Members of the response, by name, such as ``Errors=[...]`` or ``UpdatedAt``;
                ``dx.ABSENT`` leaves one out.

        Raises:
            UsageError: There is no such state or member, the job has ended, or the response is not coherent.

        See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
        """
        check = flag("become: check", check)
        with self._home.lock:
            self._home.set_state(self._life, state, members, check=check)

    def __eq__(self, other: object) -> bool:
        return self._life is other._life if isinstance(other, Job) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._life)

    def __repr__(self) -> str:
        return f"<Job {self.id} {self.type} {self.state}>"


def id_of(place: str, job: object) -> str:
    """The id of a job that is given itself, or by its id.

    Raises:
        UsageError: It is neither.
    """
    if not isinstance(job, (Job, str)):
        raise UsageError(f"{place}: a job or its id is needed, not {show(job)}")
    return job.id if isinstance(job, Job) else text(place, job)
