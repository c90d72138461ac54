"""The service: it responds to HTTP requests and knows nothing of clients.

Because it speaks HTTP values, it can stand behind any client, or behind a port. A response comes from the faults
and the stubs that the test has queued, or else from the jobs. An unexpected call fails the test.
"""

from __future__ import annotations

import functools
import itertools
import threading
from typing import TYPE_CHECKING, Any

from pytest_dxjobs._core import timeutils
from pytest_dxjobs._core.errors import UnexpectedCall, UsageError
from pytest_dxjobs._core.messages import listing, show
from pytest_dxjobs._core.timeutils import now
from pytest_dxjobs._jobs.histories import COMPLETES_AT_ONCE, completes
from pytest_dxjobs._service.calls import CallLog, Role, released
from pytest_dxjobs._service.fault_plan import FaultPlan
from pytest_dxjobs._service.jobs import JobStore
from pytest_dxjobs._service.operations import ROLES, JobOperations
from pytest_dxjobs._service.polling_limits import PollingMonitor
from pytest_dxjobs._service.stubs import PlannedHistories, StubQueue
from pytest_dxjobs._service.timeline import polling_summary
from pytest_dxjobs._wire.serialize import error_code, parse_response

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_dxjobs._core.errors import RunawayPolling
    from pytest_dxjobs._jobs.histories import History
    from pytest_dxjobs._model.service_model import Model
    from pytest_dxjobs._service.calls import CallRecord
    from pytest_dxjobs._service.fault_plan import PlannedFault
    from pytest_dxjobs._service.polling_limits import PollingLimits
    from pytest_dxjobs._service.stubs import StubbedResponse
    from pytest_dxjobs._wire.http import Request, Response


_FAILURES = (AssertionError, UsageError)  # that fail the test even if the code swallows them


class _Epoch:
    """A token that ``reset`` replaces, by which calls that began before a reset are recognised."""


class Backend:
    """One fake service, behind one lock."""

    def __init__(self, installed: Model, region: str, account_id: str, limits: PollingLimits) -> None:
        self.installed: Model = installed
        self.region: str = region
        self.account_id: str = account_id
        self.lock: threading.RLock = threading.RLock()
        self.calls: CallLog = CallLog(installed, ROLES)
        self.jobs: JobStore = JobStore(installed)
        self.planned_histories: PlannedHistories = PlannedHistories()
        self._faults = FaultPlan()
        self._stubs = StubQueue()
        self._limits = PollingMonitor(limits, self._polling_summary)
        self._operations = JobOperations(installed, account_id, self.jobs, self.planned_histories, self.lock)
        self.reset()

    def reset(self) -> None:
        """Forget everything that was added, queued and called."""
        with self.lock:
            self.remembered: list[AssertionError | UsageError] = []
            self.epoch: object = _Epoch()
            for part in (
                self.calls,
                self.jobs,
                self.planned_histories,
                self._faults,
                self._stubs,
                self._limits,
                self._operations,
            ):
                part.reset()

    def handle(self, request: Request) -> Response:
        """Return the response to a request.

        Raises:
            UnexpectedCall: Nothing in the test responds to this call.
            RunawayPolling: This call is one too many.
            PollingStopped: The code swallowed ``RunawayPolling`` and went on.
            UsageError: What the test has queued for the call is not possible.
            BotoCoreError: The connection fails, by a fault.
        """
        with self.lock:
            epoch = self.epoch
            call = self.calls.begin(request, now())
            outcome: Response | BaseException = self._respond(call)
            exceeded = self._limits.check(call)
            # A failure of the test itself matters more, until the code has swallowed too many.
            if exceeded and not (isinstance(outcome, _FAILURES) and isinstance(exceeded, Exception)):
                outcome = exceeded
            call.finish(outcome)
            if isinstance(outcome, BaseException):
                if isinstance(outcome, _FAILURES) and self.epoch is epoch:
                    self.remembered.append(outcome)
                try:
                    raise outcome
                finally:
                    del outcome  # its traceback refers to this frame
            return outcome

    def _respond(self, call: CallRecord) -> Response | Exception:
        """Return what the first of these makes of a call: a fault, a stub, an operation."""
        try:
            planned = call.respond or self._faults.take(call, self.jobs.ordinal_of)
            if planned is None:
                planned = call.respond = self._stubs.take(call)
            if planned is None:
                response = self._operations.respond(call)
                if response is None:
                    raise UnexpectedCall(self._describe_unexpected(call))
                return response
            with released(self.lock):  # a function of the test may wait for other calls
                response = planned(call)
            self._read(response, call)
            return response
        except Exception as failure:
            call.reported = type(failure).__name__
            return failure
        except BaseException as failure:  # such as pytest.fail in a function of the test
            call.finish(failure)
            raise

    def _read(self, response: Response, call: CallRecord) -> None:
        """Record what a planned response reports of a job."""
        if response.is_error:
            call.reported = error_code(response)
        elif call.role in (Role.CREATE, Role.POLL):
            job = self._parse(response, call)
            call.garbled = job is None
            state = "garbled" if job is None else job.get("State", "no State")
            call.reported = state if isinstance(state, str) else show(state)
            if job is not None and isinstance(job.get("Id"), str):
                call.job_id = call.job_id or job["Id"]
            if job is not None and call.role is Role.POLL:
                at = now()  # a function of the test may have taken its time
                stored = self.jobs.find(call.path_params["JobId"], at)
                if stored is not None:  # a poll of this job, although the members may be others
                    position = stored.position_at(at, polling=True)
                    call.count_poll = functools.partial(stored.count_poll, position, at)

    def _parse(self, response: Response, call: CallRecord) -> dict[str, Any] | None:
        """Return what the client will see of a job; None if botocore reads nothing."""
        try:
            parsed = parse_response(self.installed, call.operation or "", response)
        except Exception:  # of botocore's parser, for a garbled body
            return None
        del parsed["ResponseMetadata"]
        return parsed if parsed or response.body.strip() == b"{}" else None

    def note_backoff(self, invocation: str | bytes, seconds: float) -> None:
        """Record that botocore waits before it retries a call."""
        with self.lock:
            self.calls.note_backoff(invocation, seconds)

    def note_end(self, invocation: str | bytes, metadata: dict[str, Any]) -> None:
        """Record the metadata that botocore adds at the end of a call."""
        with self.lock:
            self.calls.note_end(invocation, metadata)

    def note_sleep(self) -> None:
        """Record that the code under test sleeps.

        Raises:
            PollingStopped: The code swallowed ``RunawayPolling`` and sleeps on.
        """
        if self._limits.failure is not None:
            with self.lock:
                self._limits.check_sleep()

    def remember(self, failure: RunawayPolling) -> None:
        """Fail the test at its end with a failure, unless the test expects it."""
        with self.lock:
            self.remembered.append(failure)

    def take_failures(self) -> list[AssertionError | UsageError]:
        """Return the failures that the code under test met, and forget them."""
        with self.lock:
            remembered, self.remembered = self.remembered, []
            return remembered

    def adapt(self, adapt: Callable[[dict[str, Any]], bytes]) -> None:
        """Let a function make the body of every get_job response from the job, until the next reset."""
        with self.lock:
            self._operations.adapt = adapt

    def limit_to_first_jobs(self, history: History, jobs: int) -> None:
        """Until the next reset, give this history and the faults to the first ``jobs`` jobs; later ones complete."""
        with self.lock:
            self.planned_histories.first = itertools.repeat(history, jobs)
            self.planned_histories.default = completes(polls=3)
            self._faults.max_jobs = jobs

    def queue(self, stub: StubbedResponse) -> None:
        """Queue a response."""
        with self.lock:
            self._stubs.add(stub)

    def inject(self, fault: PlannedFault) -> None:
        """Queue a fault."""
        with self.lock:
            self._faults.add(fault)

    def is_unused(self) -> bool:
        """Return whether nothing was added, queued or called."""
        with self.lock:
            return not (
                self.jobs.all(now())
                or self.calls.records
                or self.pending_responses()
                or self.pending_faults()
                or self.pending_histories()
                or self.planned_histories.default is not COMPLETES_AT_ONCE
            )

    def pending_responses(self) -> list[str]:
        """Return the queued responses that are not used up, as text."""
        with self.lock:
            return self._stubs.pending()

    def pending_faults(self) -> list[str]:
        """Return the injected faults that have not happened, as text."""
        with self.lock:
            return self._faults.pending()

    def pending_histories(self) -> list[str]:
        """Return the histories that no job was created for, as text."""
        with self.lock:
            return [repr(planned) for planned in self.planned_histories.queued]

    def _polling_summary(self, job_id: str, polls: int) -> str:
        stored = self.jobs.find(job_id, now())
        in_virtual_time = timeutils.running_clock is not None
        reason = "" if stored is None else stored.explanation(now(), in_virtual_time=in_virtual_time)
        return polling_summary(self.calls.about(job_id), polls, reason)

    def _describe_unexpected(self, call: CallRecord) -> str:
        given = ", ".join(f"{name}={show(value)}" for name, value in call.params().items())
        params = f" with {given}" if given else ""
        finding = f"{call.name} of dataexchange was called{params}, and nothing in the test responds to it"
        if call.operation is None:
            return f"{finding}: there is no such operation. Nothing was sent."
        mismatches = self._stubs.mismatches(call)
        queued = listing(f"{finding}. These were added:", mismatches) if mismatches else f"{finding}."
        return (
            f"{queued}\nNothing was sent. add_response({call.name!r}) on the fake queues a valid response to one "
            "such call; with times=dx.ALWAYS, to every one. A dict as second argument is the response."
        )
