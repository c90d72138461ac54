"""``Job``: a job in the fake, to inspect and to move by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_dxjobs._core.arguments import flag, text
from pytest_dxjobs._core.errors import UsageError
from pytest_dxjobs._core.messages import show
from pytest_dxjobs._core.timeutils import now
from pytest_dxjobs._service.calls import Call

if TYPE_CHECKING:
    from pytest_dxjobs._core.constants import JobState
    from pytest_dxjobs._service.backend import Backend
    from pytest_dxjobs._service.jobs import StoredJob


class Job:
    """A job in the fake, as ``add_job`` returns it. Objects for the same job are equal.

    See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
    """

    __slots__ = ("_backend", "_stored")

    def __init__(self, stored: StoredJob, backend: Backend) -> None:
        self._stored, self._backend = stored, backend

    @property
    def id(self) -> str:
        """The id to poll for."""
        return self._stored.id

    @property
    def arn(self) -> str:
        """The ARN, with the region of the client that created the job, or of the fake."""
        return self._stored.arn

    @property
    def type(self) -> str:
        """The type, one of ``dx.JOB_TYPES`` for all that the service documents."""
        return self._stored.type

    @property
    def state(self) -> str:
        """The state that the next ``get_job`` would return, one of ``dx.JOB_STATES`` for all that the service documents.

        Reading it does not count as a poll.
        """
        with self._backend.lock:
            return self._stored.state_for_poll(now())

    @property
    def polls(self) -> int:
        """How many ``get_job`` calls for this job succeeded."""
        return self._stored.polls

    @property
    def started(self) -> bool:
        """Whether StartJob was called for it; always true for a job that ``add_job`` added."""
        return self._stored.started

    @property
    def cancelled(self) -> bool:
        """Whether the code under test has cancelled it with CancelJob."""
        return self._stored.cancelled

    @property
    def calls(self) -> list[Call]:
        """The calls about this job, including the one that created it."""
        with self._backend.lock:
            return [Call(record) for record in self._backend.calls.about(self.id)]

    def become(self, state: JobState | str, /, *, check: bool = True, **members: object) -> None:
        """Put the job into a state, in which it stays.

        Args:
            state: One of ``dx.JOB_STATES``, or a state that the installed botocore knows.
            check: Whether to refuse a job that has ended, and a response that the service could not
                have sent.
            **members: Members of the response, such as ``Errors=[...]`` or ``UpdatedAt``; ``dx.ABSENT``
                leaves one out.

        Raises:
            UsageError: There is no such state or member, the job has ended, or the response is not coherent.
        """
        check = flag("become: check", check)
        with self._backend.lock:
            self._stored.become(state, members, check=check)

    def __eq__(self, other: object) -> bool:
        return self._stored is other._stored if isinstance(other, Job) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._stored)

    def __repr__(self) -> str:
        return f"<Job {self.id} {self.type} {self.state}>"


def id_of(place: str, job: object) -> str:
    """Return the id of a job that is given as ``Job`` or by its id; raise ``UsageError`` for anything else."""
    if not isinstance(job, (Job, str)):
        raise UsageError(f"{place}: a job or its id is needed, not {show(job)}")
    return job.id if isinstance(job, Job) else text(place, job)
