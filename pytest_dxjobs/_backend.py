"""The service: it answers HTTP requests, and knows nothing of clients.

Because it speaks HTTP values, it can stand behind any client, or behind a port. An answer comes from what
the test has laid down for the operation, or else from the jobs; a call that neither answers fails the test.
"""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

from pytest_dxjobs._errors import UnexpectedCall, UsageError
from pytest_dxjobs._instants import now
from pytest_dxjobs._jobs import Jobs
from pytest_dxjobs._messages import listing, show
from pytest_dxjobs._operations import JobOperations
from pytest_dxjobs._queue import Queue
from pytest_dxjobs._runaway import Watch
from pytest_dxjobs._scripts import Scripts

if TYPE_CHECKING:
    from pytest_dxjobs._calls import Record, Respond
    from pytest_dxjobs._http import Request, Response
    from pytest_dxjobs._model import Model
    from pytest_dxjobs._queue import Entry
    from pytest_dxjobs._runaway import Budgets


class Backend:
    """One fake service, behind one lock."""

    def __init__(self, installed: Model, region: str, account_id: str, budgets: Budgets) -> None:
        self.installed, self.region, self.account_id = installed, region, account_id
        self.jobs = Jobs(installed)
        self.scripts = Scripts()
        self._responses = Queue()
        self._watch = Watch(budgets)
        self._operations = JobOperations(
            installed, account_id, self.jobs, self.scripts, self._watch
        )
        self.reset()

    def reset(self) -> None:
        """Forget everything that was added and asked."""
        with self.jobs.lock:
            self.remembered: list[AssertionError | UsageError] = []
            self._request_numbers = itertools.count(1)
            for part in (self.jobs, self.scripts, self._responses, self._watch, self._operations):
                part.reset()

    def handle(self, request: Request) -> Response:
        """Answer a request.

        Raises:
            UnexpectedCall: Nothing answers this operation.
            RunawayPolling: This poll is one too many.
            UsageError: What the test has laid down for it cannot be.
        """
        with self.jobs.lock:
            call = self.jobs.log.of(request, now())
            request_id = f"00000000-0000-4000-8000-{next(self._request_numbers):012x}"
            if call.respond is None:
                call.respond = self._responses.take(call)
            if call.respond is None:
                return self._complete(call, self._answer, request_id)
        # Without the lock, since it may be a function of the test that waits for other calls.
        return self._complete(call, call.respond, request_id)

    def _complete(self, call: Record, answer: Respond, request_id: str) -> Response:
        try:
            response = answer(call, request_id)
            with self.jobs.lock:
                if call.respond is not None:
                    self._note(call, response)
                call.answer(response)
                return response
        except BaseException as failure:
            with self.jobs.lock:
                call.fail(failure)
                if isinstance(failure, (AssertionError, UsageError)):
                    self.remembered.append(failure)
            raise

    def _answer(self, call: Record, request_id: str) -> Response:
        if call.operation is not None and call.operation in self._operations:
            return self._operations.answer(call, call.operation, request_id)
        raise UnexpectedCall(self._nothing_answers(call))

    def _note(self, call: Record, response: Response) -> None:
        """See what a response that the test has laid down says of a job; a retry says it again."""
        if call.attempts:
            return
        code = response.headers.get("x-amzn-ErrorType", "")
        if call.operation in ("CreateJob", "GetJob") and not code:
            sent = json.loads(response.body)
            call.told = sent.get("State", "no State")
            call.job_id = call.job_id or sent.get("Id")
        if call.operation == "GetJob":
            self._watch.poll(call.uri["JobId"], code or call.told)
            life = self.jobs.find(call.uri["JobId"], call.begun)
            if life is not None and not code:
                life.poll(call.begun)  # it was answered with a job, if not with its own words

    def back_off(self, invocation: str | bytes, seconds: float) -> None:
        """Note that botocore waits before it tries a call again."""
        with self.jobs.lock:
            self.jobs.log.back_off(invocation, seconds)

    def settle(self, invocation: str | bytes, metadata: dict[str, Any]) -> None:
        """Note that a call is over, and what botocore says of it."""
        self.jobs.log.settle(invocation, metadata)

    def queue(self, entry: Entry) -> None:
        """Lay down an answer."""
        with self.jobs.lock:
            self._responses.add(entry)

    def forget_failures(self) -> list[AssertionError | UsageError]:
        """What the code under test has been told that should fail its test; told once."""
        with self.jobs.lock:
            remembered, self.remembered = self.remembered, []
            return remembered

    def pending_responses(self) -> list[str]:
        """The answers that were laid down and not used."""
        with self.jobs.lock:
            return self._responses.pending()

    def pending_scripts(self) -> list[str]:
        """The histories that were laid down and not used."""
        with self.jobs.lock:
            return [repr(script) for script in self.scripts.waiting]

    def _nothing_answers(self, call: Record) -> str:
        asked = ", ".join(f"{name}={show(value)}" for name, value in call.params().items())
        given = f" with {asked}" if asked else ""
        headline = (
            f"{call.name} of dataexchange was called{given}, and nothing in the test answers it"
        )
        if call.operation is None:
            return f"{headline}: there is no such operation. Nothing was sent."
        why_not = self._responses.why_not(call)
        told = listing(f"{headline}. These were added:", why_not) if why_not else f"{headline}."
        return (
            f"{told}\nNothing was sent. add_response({call.name!r}) on the fake answers one such call with "
            "a valid response, times=dx.ALWAYS all of them; a dict as second argument says what it answers."
        )
