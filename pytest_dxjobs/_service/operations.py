"""The operations on jobs, as the service's pages describe them: create, start, cancel, get, list."""

from __future__ import annotations

import functools
import hashlib
import json
from typing import TYPE_CHECKING, Any

from pytest_dxjobs._core.arguments import raise_problems
from pytest_dxjobs._core.errors import ServiceRefusal
from pytest_dxjobs._core.messages import show
from pytest_dxjobs._core.values import find_values
from pytest_dxjobs._jobs.creation import job_from_request
from pytest_dxjobs._jobs.transitions import find_history_problems
from pytest_dxjobs._model import documented
from pytest_dxjobs._model.formats import validate_job_id
from pytest_dxjobs._model.validation import violations
from pytest_dxjobs._wire.serialize import error_response, json_response, success_status

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable

    from pytest_dxjobs._jobs.histories import History
    from pytest_dxjobs._model.service_model import Model
    from pytest_dxjobs._service.calls import CallRecord
    from pytest_dxjobs._service.jobs import JobStore, StoredJob
    from pytest_dxjobs._service.polling_limits import PollingMonitor
    from pytest_dxjobs._service.stubs import PlannedHistories
    from pytest_dxjobs._wire.http import Response


class JobOperations:
    """What answers the five operations on jobs; whoever asks holds the lock, but for CreateJob."""

    def __init__(
        self,
        installed: Model,
        account_id: str,
        jobs: JobStore,
        planned_histories: PlannedHistories,
        watch: PollingMonitor,
    ) -> None:
        self._installed, self._account_id = installed, account_id
        self._jobs, self._planned_histories, self._watch = jobs, planned_histories, watch
        operate: dict[str, Callable[[CallRecord, datetime.datetime], bytes]] = {
            "CancelJob": self._cancel,
            "CreateJob": self._create,
            "GetJob": self._get,
            "ListJobs": self._list,
            "StartJob": self._start,
        }
        self._by_name = {
            name: (each, success_status(installed, name)) for name, each in operate.items()
        }
        self.reset()

    def reset(self) -> None:
        """Forget the pages that were handed out, and how answers are adapted."""
        self._pages: dict[str, tuple[datetime.datetime, int]] = {}
        # Makes the body that get_job answers with of a job, as JSON has it.
        self.adapt: Callable[[dict[str, Any]], bytes] | None = None

    def implements(self, operation: str) -> bool:
        """Whether it is one of them."""
        return operation in self._by_name

    def respond(self, call: CallRecord) -> Response | None:
        """Answer one of them; None where it is none."""
        known = self._by_name.get(call.operation or "")
        if known is None:
            return None
        operate, status = known
        try:
            return json_response(status, operate(call, call.stamp.at), call.stamp)
        except ServiceRefusal as refused:
            return error_response(self._installed, refused.code, call.stamp, refused.members)

    def _create(self, call: CallRecord, moment: datetime.datetime) -> bytes:
        params = call.params()
        create = functools.partial(
            job_from_request,
            self._installed,
            params,
            call.request.region,
            self._account_id,
            moment,
        )
        response = create()
        (details,) = params["Details"].values()
        history = self._planned_histories.take(params["Type"], details)
        _check_errors(self._installed, response, history)
        with self._jobs.lock:
            while self._jobs.has_held(response["Id"]):  # which a test has given to a job of its own
                response = create()
            stored = self._jobs.enter(response["Id"], response, history, moment, started=False)
        call.job_id, call.reported = stored.id, "WAITING"
        return stored.body

    def _start(self, call: CallRecord, moment: datetime.datetime) -> bytes:
        stored = self._find(call, moment)
        state = stored.state_at(moment)
        if state != "WAITING":  # documented; that it cannot be started twice is a guess
            raise self._conflict(stored, f"is {state}; only a job that is WAITING can be started")
        if stored.started:
            raise self._conflict(stored, "has been started already")
        stored.start(moment)
        return b""

    def _cancel(self, call: CallRecord, moment: datetime.datetime) -> bytes:
        stored = self._find(call, moment)
        state = stored.state_at(moment)
        if state != "WAITING":  # documented; which error it answers is a guess
            raise self._conflict(stored, f"is {state}; only a job that is WAITING can be cancelled")
        stored.move(stored.response_set_by_hand("CANCELLED", moment), "CANCELLED", moment)
        stored.cancelled = True
        return b""

    def _get(self, call: CallRecord, moment: datetime.datetime) -> bytes:
        try:
            stored = self._find(call, moment)
        except ServiceRefusal as refused:
            self._watch.poll(call.path_params["JobId"], refused.code, again=bool(call.attempt_rows))
            raise
        state, body = stored.response_for_poll(moment)
        if self.adapt is not None:
            body = self.adapt(json.loads(body))
            state = str(json.loads(body).get("State", "no State"))
        self._watch.poll(stored.id, state, again=bool(call.attempt_rows))
        stored.count_poll(moment)
        call.reported = state
        return body

    def _list(self, call: CallRecord, moment: datetime.datetime) -> bytes:
        params = call.params()
        shape = self._installed.operation("ListJobs").input_shape
        if problems := list(violations(shape, params, "")):
            raise ServiceRefusal("ValidationException", "; ".join(problems))
        token = params.get("NextToken")
        if token is not None and token not in self._pages:
            raise ServiceRefusal(
                "ValidationException", f"NextToken: {show(token)} was not given by this service"
            )
        size = params.get("MaxResults", documented.PAGE_SIZE)
        page: list[bytes] = []
        end = b"]}"
        after = self._pages[token] if token is not None else None
        last = after
        for key, stored in self._jobs.newest_first(moment, after):
            if not _is_about(stored, params):
                continue
            if len(page) == size and last is not None:
                end = b'],"NextToken":"%s"}' % self._token(last).encode()
                break
            page.append(stored.body_at(moment))
            last = key
        return b'{"Jobs":[' + b",".join(page) + end

    def _token(self, position: tuple[datetime.datetime, int]) -> str:
        token = hashlib.sha256(repr(position).encode()).hexdigest()
        self._pages[token] = position
        return token

    def _find(self, call: CallRecord, moment: datetime.datetime) -> StoredJob:
        job_id = call.path_params["JobId"]
        stored = self._jobs.find(job_id, moment)
        if stored is not None:  # also one that a test gave an id which is none
            return stored
        if problem := validate_job_id(job_id):
            raise ServiceRefusal("ValidationException", f"JobId {show(job_id)} {problem}")
        gone = self._jobs.has_held(job_id)
        why = ": it entered the fake 90 days ago, and jobs are deleted then" if gone else ""
        raise ServiceRefusal(
            "ResourceNotFoundException",
            f"Job {job_id} was not found{why}.",
            ResourceId=job_id,
            ResourceType="JOB",
        )

    @staticmethod
    def _conflict(stored: StoredJob, told: str) -> ServiceRefusal:
        return ServiceRefusal(
            "ConflictException",
            f"Job {stored.id} {told}.",
            ResourceId=stored.id,
            ResourceType="JOB",
        )


def _is_about(stored: StoredJob, params: dict[str, Any]) -> bool:
    """Whether the job is about the data set and the revision that a caller of ListJobs asks for."""
    wanted = {name: params[name] for name in ("DataSetId", "RevisionId") if name in params}
    if not all(json.dumps(value).encode() in stored.body for value in wanted.values()):
        return False  # most jobs, seen without decoding
    details = stored.response().get("Details") if wanted else {}
    return all(value in find_values(name, details) for name, value in wanted.items())


def _check_errors(installed: Model, response: dict[str, Any], history: History) -> None:
    """Refuse errors that the test has written and that do not fit the job for which they are used."""
    if isinstance(history.errors, tuple):
        raise_problems(
            f"{history!r}: the service could not have sent this of the job that was created "
            '(job.become("ERROR", check=False, Errors=...) takes it as it is):',
            find_history_problems(installed, response, history, {}),
        )
