"""The service: it answers HTTP requests, and knows nothing of clients.

Because it speaks HTTP values, it can stand behind any client, or behind a port. An answer comes from the
faults and the responses that the test has laid down, or else from the jobs; a call that nothing answers
fails the test.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from pytest_dxjobs._core import timeutils
from pytest_dxjobs._core.errors import UnexpectedCall, UsageError
from pytest_dxjobs._core.messages import listing, show
from pytest_dxjobs._core.timeutils import now
from pytest_dxjobs._jobs.histories import COMPLETES_AT_ONCE, completes
from pytest_dxjobs._service.fault_plan import FaultPlan
from pytest_dxjobs._service.jobs import JobStore
from pytest_dxjobs._service.operations import JobOperations
from pytest_dxjobs._service.polling_limits import PollingMonitor
from pytest_dxjobs._service.stubs import PlannedHistories, StubQueue
from pytest_dxjobs._service.timeline import polling_summary
from pytest_dxjobs._wire.serialize import error_code, parse_response

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_dxjobs._core.errors import RunawayPolling
    from pytest_dxjobs._jobs.histories import History
    from pytest_dxjobs._model.service_model import Model
    from pytest_dxjobs._service.calls import CallRecord, Respond
    from pytest_dxjobs._service.fault_plan import PlannedFault
    from pytest_dxjobs._service.polling_limits import PollingLimits
    from pytest_dxjobs._service.stubs import StubbedResponse
    from pytest_dxjobs._wire.http import Request, Response


class _Epoch:
    """Stands for a fake since it was made or reset."""


class Backend:
    """One fake service, behind one lock."""

    def __init__(
        self, installed: Model, region: str, account_id: str, limits: PollingLimits
    ) -> None:
        self.installed, self.region, self.account_id = installed, region, account_id
        self.jobs = JobStore(installed)
        self.planned_histories = PlannedHistories()
        self._injections = FaultPlan()
        self._responses = StubQueue()
        self._watch = PollingMonitor(limits, self._polling_summary)
        self._operations = JobOperations(
            installed, account_id, self.jobs, self.planned_histories, self._watch
        )
        self.reset()

    def reset(self) -> None:
        """Forget everything that was added and asked."""
        with self.jobs.lock:
            self.remembered: list[AssertionError | UsageError] = []
            self.epoch: object = _Epoch()
            for part in (
                self.jobs,
                self.planned_histories,
                self._injections,
                self._responses,
                self._watch,
                self._operations,
            ):
                part.reset()

    def handle(self, request: Request) -> Response:
        """Answer a request.

        Raises:
            UnexpectedCall: Nothing answers this operation.
            RunawayPolling: This poll is one too many.
            PollingStopped: The code was told so often enough, and goes on.
            UsageError: What the test has laid down for it cannot be.
            BotoCoreError: The connection fails, as a fault has it.
        """
        with self.jobs.lock:
            call = self.jobs.log.begin(request, now())
            epoch = self.epoch
            try:
                if request.method == "GET" and call.operation != "GetJob" and not call.attempt_rows:
                    asked = request.path, request.query
                    self._watch.ask(asked, call.name)
                planned = self._planned(call)
                if planned is None and call.operation != "CreateJob":
                    return call.finish(self._answer(call))
            except BaseException as failure:
                self._note(failure, call, epoch)
                raise
        # Without the lock: it may be a function of the test that computes the answer, or that chooses a
        # history for the job, and waits for other calls.
        try:
            if planned is None:
                return call.finish(self._answer(call))
            return call.finish(self._respond_as_planned(planned, call))
        except BaseException as failure:
            self._note(failure, call, epoch)
            raise

    def _note(self, failure: BaseException, call: CallRecord, epoch: object) -> None:
        """Note that a call is not answered, and remember what is to fail the test."""
        with self.jobs.lock:
            call.fail(failure)
            if isinstance(failure, (AssertionError, UsageError)) and self.epoch is epoch:
                self.remembered.append(failure)

    def _planned(self, call: CallRecord) -> Respond | None:
        """What the test has said of this attempt: as for the one before, a fault, or a response."""
        found = call.respond or self._injections.take(call, self.jobs.ordinal_of)
        if found is None:
            found = call.respond = self._responses.take(call)
        return found

    def _answer(self, call: CallRecord) -> Response:
        response = self._operations.respond(call)
        if response is None:
            raise UnexpectedCall(self._nothing_answers(call))
        return response

    def _respond_as_planned(self, respond: Respond, call: CallRecord) -> Response:
        """Answer as the test says, and see what that tells of a job."""
        try:
            response = respond(call)
        except (AssertionError, UsageError):
            raise
        except Exception as failure:
            self._watch_poll(call, type(failure).__name__)
            raise
        with self.jobs.lock:
            if response.is_error:
                self._watch_poll(call, error_code(response))
            elif call.operation in ("CreateJob", "GetJob"):
                self._note_job(call, response)
        return response

    def _note_job(self, call: CallRecord, response: Response) -> None:
        job = self._as_parsed(call, response)
        call.garbled = job is None
        state = "garbled" if job is None else job.get("State", "no State")
        call.reported = state if isinstance(state, str) else show(state)
        if job is not None and isinstance(job.get("Id"), str):
            call.job_id = call.job_id or job["Id"]
        self._watch_poll(call, call.reported)
        if call.operation == "GetJob" and job is not None:
            moment = now()  # a function may have taken its time, and other polls have been answered
            stored = self.jobs.find(call.path_params["JobId"], moment)
            if stored is not None:
                stored.count_poll(moment)  # it was answered with a job, if not with its own words

    def _as_parsed(self, call: CallRecord, response: Response) -> dict[str, Any] | None:
        """What the client will see of a job; None for nothing."""
        try:
            parsed = parse_response(self.installed, call.operation or "", response)
        except Exception:  # what botocore's parser makes of a garbled body
            return None
        del parsed["ResponseMetadata"]
        return parsed if parsed or response.body.strip() == b"{}" else None

    def _watch_poll(self, call: CallRecord, answer: str) -> None:
        if call.operation == "GetJob":
            with self.jobs.lock:
                self._watch.poll(call.path_params["JobId"], answer, again=bool(call.attempt_rows))

    def back_off(self, invocation: str | bytes, seconds: float) -> None:
        """Note that botocore waits before it tries a call again."""
        with self.jobs.lock:
            self.jobs.log.note_backoff(invocation, seconds)

    def sleep(self) -> None:
        """Note that the code under test sleeps.

        Raises:
            PollingStopped: It was told that it polls too often, and sleeps on.
        """
        if self._watch.failure is not None:
            with self.jobs.lock:
                self._watch.sleep()

    def remember(self, failure: RunawayPolling) -> None:
        """Let a failure be told at the end of the test, unless the test expects it."""
        with self.jobs.lock:
            self.remembered.append(failure)

    def note_end(self, invocation: str | bytes, metadata: dict[str, Any]) -> None:
        """Note that a call is over, and what botocore says of it."""
        with self.jobs.lock:
            self.jobs.log.note_end(invocation, metadata)

    def implements(self, operation: str) -> bool:
        """Whether it knows how the service answers this one."""
        return self._operations.implements(operation)

    def adapt(self, answer: Callable[[dict[str, Any]], bytes]) -> None:
        """Let ``get_job`` answer with the body that a function makes of a job, until the next reset."""
        with self.jobs.lock:
            self._operations.adapt = answer

    def let_hang(self, history: History, jobs: int) -> None:
        """Let only the first so many jobs have this history and meet faults, until the next reset; others complete."""
        with self.jobs.lock:
            self.planned_histories.first = itertools.repeat(history, jobs)
            self.planned_histories.default = completes(polls=3)
            self._injections.max_jobs = jobs

    def queue(self, entry: StubbedResponse) -> None:
        """Lay down an answer."""
        with self.jobs.lock:
            self._responses.add(entry)

    def inject(self, injection: PlannedFault) -> None:
        """Lay down a fault."""
        with self.jobs.lock:
            self._injections.add(injection)

    def is_unused(self) -> bool:
        """Whether nothing has been laid down or asked."""
        with self.jobs.lock:
            return not (
                self.jobs.all(now())
                or self.jobs.log.records
                or self.pending_responses()
                or self.pending_faults()
                or self.pending_histories()
                or self.planned_histories.default is not COMPLETES_AT_ONCE
            )

    def take_failures(self) -> list[AssertionError | UsageError]:
        """What the code under test has been told that should fail its test; told once."""
        with self.jobs.lock:
            remembered, self.remembered = self.remembered, []
            return remembered

    def pending_responses(self) -> list[str]:
        """The answers that were laid down and not used."""
        with self.jobs.lock:
            return self._responses.pending()

    def pending_faults(self) -> list[str]:
        """The faults that were laid down and did not happen."""
        with self.jobs.lock:
            return self._injections.pending()

    def pending_histories(self) -> list[str]:
        """The histories that were laid down and not used."""
        with self.jobs.lock:
            return [repr(script) for script in self.planned_histories.queued]

    def _polling_summary(self, job_id: str, polls: int) -> str:
        stored = self.jobs.find(job_id, now())
        in_virtual_time = timeutils.running_clock is not None
        why = "" if stored is None else stored.explanation(now(), in_virtual_time=in_virtual_time)
        return polling_summary(self.jobs.log.about(job_id), polls, why)

    def _nothing_answers(self, call: CallRecord) -> str:
        asked = ", ".join(f"{name}={show(value)}" for name, value in call.params().items())
        given = f" with {asked}" if asked else ""
        headline = (
            f"{call.name} of dataexchange was called{given}, and nothing in the test answers it"
        )
        if call.operation is None:
            return f"{headline}: there is no such operation. Nothing was sent."
        why_not = self._responses.mismatches(call)
        told = listing(f"{headline}. These were added:", why_not) if why_not else f"{headline}."
        return (
            f"{told}\nNothing was sent. add_response({call.name!r}) on the fake answers one such call with "
            "a valid response, times=dx.ALWAYS all of them; a dict as second argument says what it answers."
        )
