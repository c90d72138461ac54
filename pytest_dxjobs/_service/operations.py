"""The operations on jobs, as the service's pages describe them.

``_OPERATIONS`` is the one table of them: another operation on jobs is a row there, with its method and its ``Role``
for the log, the limits and the verdict (None if these need not know it).
"""

from __future__ import annotations

import functools
import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

from pytest_dxjobs._core.arguments import raise_problems
from pytest_dxjobs._core.errors import ServiceRefusal
from pytest_dxjobs._core.messages import show
from pytest_dxjobs._core.values import find_values
from pytest_dxjobs._jobs.creation import job_from_request
from pytest_dxjobs._jobs.transitions import find_history_problems
from pytest_dxjobs._model import documented
from pytest_dxjobs._model.formats import validate_job_id
from pytest_dxjobs._model.validation import violations
from pytest_dxjobs._service.calls import Role, released
from pytest_dxjobs._wire.serialize import error_response, json_response, success_status

if TYPE_CHECKING:
    import datetime
    import threading
    from collections.abc import Callable

    from pytest_dxjobs._jobs.histories import History
    from pytest_dxjobs._model.service_model import Model
    from pytest_dxjobs._service.calls import CallRecord
    from pytest_dxjobs._service.jobs import JobStore, StoredJob
    from pytest_dxjobs._service.stubs import PlannedHistories
    from pytest_dxjobs._wire.http import Response

    Operate = Callable[["JobOperations", CallRecord, datetime.datetime], bytes]


class JobOperations:
    """The operations on jobs. Callers hold the lock."""

    def __init__(
        self,
        installed: Model,
        account_id: str,
        jobs: JobStore,
        planned_histories: PlannedHistories,
        lock: threading.RLock,
    ) -> None:
        self._installed, self._account_id = installed, account_id
        self._jobs, self._planned_histories, self._lock = jobs, planned_histories, lock
        self._statuses = {name: success_status(installed, name) for name in _OPERATIONS}
        self.reset()

    def reset(self) -> None:
        """Forget the page tokens, and stop adapting responses."""
        self._pages: dict[str, tuple[datetime.datetime, int]] = {}
        # Makes the body of a get_job response from the members of the job, as JSON has them.
        self.adapt: Callable[[dict[str, Any]], bytes] | None = None

    def respond(self, call: CallRecord) -> Response | None:
        """Return the response to a call; None if it is of another operation."""
        known = _OPERATIONS.get(call.operation or "")
        if known is None:
            return None
        _, operate = known
        try:
            body = operate(self, call, call.stamp.at)
        except ServiceRefusal as refused:
            call.reported = refused.code
            return error_response(self._installed, refused.code, call.stamp, refused.members)
        return json_response(self._statuses[call.operation or ""], body, call.stamp)

    def create_job(self, call: CallRecord, now: datetime.datetime) -> bytes:
        """Create a job from the request."""
        params = call.params()
        create = functools.partial(
            job_from_request, self._installed, params, call.request.region, self._account_id, now
        )
        response = create()
        (details,) = params["Details"].values()
        with released(self._lock):  # where= of next_job is a function of the test
            history = self._planned_histories.take(params["Type"], details)
        _check_errors(self._installed, response, history)
        while self._jobs.has_held(response["Id"]):  # a test gave this id to a job of its own
            response = create()
        stored = self._jobs.add(response["Id"], response, history, now, started=False)
        call.job_id, call.reported = stored.id, "WAITING"
        return stored.body

    def start_job(self, call: CallRecord, now: datetime.datetime) -> bytes:
        """Start a job that is WAITING."""
        stored = self._find(call, now)
        state = stored.state_at(now)
        if state != "WAITING":  # documented; that a job cannot be started twice is a guess
            raise _conflict(stored, f"is {state}; only a job that is WAITING can be started")
        if stored.started:
            raise _conflict(stored, "has been started already")
        stored.start(now)
        return b""

    def cancel_job(self, call: CallRecord, now: datetime.datetime) -> bytes:
        """Cancel a job that is WAITING."""
        stored = self._find(call, now)
        state = stored.state_at(now)
        if state != "WAITING":  # documented; which error it is, is a guess
            raise _conflict(stored, f"is {state}; only a job that is WAITING can be cancelled")
        stored.cancel(now)
        return b""

    def get_job(self, call: CallRecord, now: datetime.datetime) -> bytes:
        """Return the body of a job, and prepare to count the poll."""
        stored = self._find(call, now)
        position = stored.position_at(now, polling=True)
        call.count_poll = functools.partial(stored.count_poll, position, now)
        call.reported, body = stored.state_in(position), stored.body_in(position)
        if self.adapt is not None:
            body = self.adapt(json.loads(body))
            call.reported = str(json.loads(body).get("State", "no State"))
        return body

    def list_jobs(self, call: CallRecord, now: datetime.datetime) -> bytes:
        """Return a page of jobs, newest first."""
        params = call.params()
        shape = self._installed.operation(call.operation or "").input_shape
        if problems := list(violations(shape, params, "")):
            raise ServiceRefusal("ValidationException", "; ".join(problems))
        token = params.get("NextToken")
        if token is not None and token not in self._pages:
            raise ServiceRefusal("ValidationException", f"NextToken: {show(token)} is not from this service")
        size = params.get("MaxResults", documented.PAGE_SIZE)
        page: list[bytes] = []
        end = b"]}"
        after = self._pages[token] if token is not None else None
        last = after
        for key, stored in self._jobs.newest_first(now, after):
            if not _matches(stored, params):
                continue
            if len(page) == size and last is not None:
                end = b'],"NextToken":"%s"}' % self._token(last).encode()
                break
            page.append(stored.body_at(now))
            last = key
        return b'{"Jobs":[' + b",".join(page) + end

    def _token(self, position: tuple[datetime.datetime, int]) -> str:
        token = hashlib.sha256(repr(position).encode()).hexdigest()
        self._pages[token] = position
        return token

    def _find(self, call: CallRecord, now: datetime.datetime) -> StoredJob:
        job_id = call.path_params["JobId"]
        stored = self._jobs.find(job_id, now)
        if stored is not None:  # even if a test gave it a malformed id
            return stored
        if problem := validate_job_id(job_id):
            raise ServiceRefusal("ValidationException", f"JobId {show(job_id)} {problem}")
        expired = self._jobs.has_held(job_id)
        why = ": it entered the fake 90 days ago, when jobs are deleted" if expired else ""
        raise ServiceRefusal(
            "ResourceNotFoundException",
            f"Job {job_id} was not found{why}.",
            ResourceId=job_id,
            ResourceType="JOB",
        )


_OPERATIONS: Final[dict[str, tuple[Role | None, Operate]]] = {
    "CancelJob": (None, JobOperations.cancel_job),
    "CreateJob": (Role.CREATE, JobOperations.create_job),
    "GetJob": (Role.POLL, JobOperations.get_job),
    "ListJobs": (None, JobOperations.list_jobs),
    "StartJob": (Role.START, JobOperations.start_job),
}
ROLES: Final = {name: role for name, (role, _) in _OPERATIONS.items()}


def _conflict(stored: StoredJob, problem: str) -> ServiceRefusal:
    return ServiceRefusal(
        "ConflictException",
        f"Job {stored.id} {problem}.",
        ResourceId=stored.id,
        ResourceType="JOB",
    )


def _matches(stored: StoredJob, params: dict[str, Any]) -> bool:
    """Return whether a job concerns the data set and the revision that ``list_jobs`` filters by."""
    wanted = {name: params[name] for name in ("DataSetId", "RevisionId") if name in params}
    if not all(json.dumps(value).encode() in stored.body for value in wanted.values()):
        return False  # most jobs, without decoding
    details = stored.response().get("Details") if wanted else {}
    return all(value in find_values(name, details) for name, value in wanted.items())


def _check_errors(installed: Model, response: dict[str, Any], history: History) -> None:
    """Raise ``UsageError`` if the test's errors do not fit the job that was created."""
    if isinstance(history.errors, tuple):
        raise_problems(
            f"{history!r}: the service could not have sent this of the job that was created "
            '(job.become("ERROR", check=False, Errors=...) accepts it):',
            find_history_problems(installed, response, history, {}),
        )
