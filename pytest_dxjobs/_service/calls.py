"""The log of calls: what a test sees of each call, and what the backend records of it.

botocore numbers its calls in a header that all attempts of a call share, so a request names its call.
"""

from __future__ import annotations

import contextlib
import enum
import itertools
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pytest_dxjobs._core.constants import TERMINAL_STATES
from pytest_dxjobs._wire.http import Request, Stamp
from pytest_dxjobs._wire.parse import parse_parameters, route, takes_headers
from pytest_dxjobs._wire.serialize import error_code, parse_response

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator, Sequence

    from pytest_dxjobs._model.service_model import Model
    from pytest_dxjobs._wire.http import Response


@dataclass(frozen=True, slots=True)
class Attempt:
    """One HTTP request of a call.

    Attributes:
        at: When it was sent: an aware datetime, in UTC.
        status: The HTTP status of the response; None without a response.
        error_code: The service's error code, such as ``"ThrottlingException"``; without a response the
            name of the exception, such as ``"ReadTimeoutError"``; None for a success.
        backoff: How long botocore waited before the next attempt, in seconds; 0 for the last one.
    """

    at: datetime.datetime
    status: int | None = None
    error_code: str | None = None
    backoff: float = 0.0


class Call:
    """One call of the code under test, with all its attempts. Its values are copies."""

    __slots__ = ("_record",)

    def __init__(self, record: CallRecord) -> None:
        self._record = record

    @property
    def operation(self) -> str:
        """The operation as a client calls it, such as ``"get_job"``."""
        return self._record.name

    @property
    def params(self) -> dict[str, Any]:
        """The parameters, as they reached the service: ``{"JobId": ...}``."""
        return self._record.params()

    @property
    def started_at(self) -> datetime.datetime:
        """When its first attempt was made: an aware datetime, in UTC."""
        return self._record.started_at

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """Its finished HTTP requests: more than one if botocore retried."""
        return self._record.attempts

    @property
    def response(self) -> dict[str, Any] | None:
        """What the client returned, with ``ResponseMetadata``; None if it raised."""
        result = self._result()
        return None if isinstance(result, BaseException) else result

    @property
    def error(self) -> BaseException | None:
        """What the client raised; None if it returned.

        A service error is a plain ``ClientError`` with the same response, not the client's own class
        for its code.
        """
        result = self._result()
        return result if isinstance(result, BaseException) else None

    def _result(self) -> dict[str, Any] | BaseException | None:
        from botocore.exceptions import ClientError

        record = self._record
        if record.response is None:
            return record.failure
        try:
            parsed = parse_response(record.installed, record.operation or "", record.response)
        except Exception as failure:  # botocore's parser meets a garbled body
            return failure
        parsed["ResponseMetadata"] |= {
            "RetryAttempts": len(record.attempt_rows) - 1,
            **record.metadata,
        }
        failed = record.response.is_error
        return ClientError(parsed, record.operation or "") if failed else parsed  # type: ignore[arg-type]

    def __eq__(self, other: object) -> bool:
        return self._record is other._record if isinstance(other, Call) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._record)

    def __repr__(self) -> str:
        return f"<Call {self.operation} {self._record.outcome}>"


_NO_METADATA: Final[Mapping[str, Any]] = {}
Respond = Callable[["CallRecord"], "Response"]


class Role(enum.Enum):
    """What an operation does with a job, as far as the log, the limits and the verdict need to know."""

    CREATE = enum.auto()
    START = enum.auto()
    POLL = enum.auto()


class CallRecord:
    """A call as the backend records it; users see it as a ``Call``."""

    __slots__ = (
        "attempt_rows",
        "count_poll",
        "failure",
        "garbled",
        "installed",
        "job_id",
        "metadata",
        "operation",
        "path_params",
        "reported",
        "request",
        "respond",
        "response",
        "role",
        "stamp",
        "started_at",
        "thread",
    )

    def __init__(self, installed: Model, roles: Mapping[str, Role | None], request: Request, stamp: Stamp) -> None:
        found = route(installed, request.method, request.path)
        self.operation: str | None
        self.path_params: dict[str, str]
        self.operation, self.path_params = found or (None, {})
        self.role: Role | None = roles.get(self.operation or "")
        self.installed: Model = installed
        # Headers are most of a request, and few operations have parameters in them.
        keep_headers = self.operation is not None and takes_headers(installed, self.operation)
        self.request: Request = request if keep_headers else _without_headers(request)
        self.started_at: datetime.datetime = stamp.at
        self.stamp: Stamp = stamp  # of the last attempt
        self.thread: int = threading.get_ident()
        # The fields of each Attempt, as tuples: a log may hold very many.
        self.attempt_rows: tuple[tuple[datetime.datetime, int | None, str | None, float], ...] = ()
        self.response: Response | None = None
        self.failure: BaseException | None = None
        # Counts the attempt as a poll of its job; None if it returns no job.
        self.count_poll: Callable[[], None] | None = None
        self.job_id: str | None = self.path_params.get("JobId")
        # The queued response or fault for all attempts of this call.
        self.respond: Respond | None = None
        # What botocore adds to the metadata of the response.
        self.metadata: Mapping[str, Any] = _NO_METADATA
        self.garbled: bool = False  # a success whose body botocore reads no job from
        self.reported: str = ""  # the job's state, or the error code

    @property
    def name(self) -> str:
        """The operation as a client calls it; method and path if there is no such operation."""
        from botocore import xform_name

        if self.operation is None:
            return f"{self.request.method} {self.request.path}"
        return str(xform_name(self.operation))

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The finished attempts."""
        return tuple(Attempt(*row) for row in self.attempt_rows)

    @property
    def earlier_attempts(self) -> tuple[Attempt, ...]:
        """The attempts before the one that ``outcome`` describes."""
        is_over = self.response is not None or self.failure is not None
        return self.attempts[:-1] if is_over else self.attempts

    @property
    def succeeded(self) -> bool:
        """Whether the last attempt got a readable success."""
        return self.response is not None and not self.response.is_error and not self.garbled

    @property
    def outcome(self) -> str:
        """The result of the last attempt: status and state or error code, or the exception's name."""
        if self.response is not None:
            return " ".join(filter(None, (str(self.response.status), self.reported)))
        return "no response yet" if self.failure is None else type(self.failure).__name__

    def params(self) -> dict[str, Any]:
        """Return the parameters of the call."""
        if self.operation is None:
            return {}
        return parse_parameters(self.installed, self.operation, self.path_params, self.request)

    def start_attempt(self, stamp: Stamp) -> None:
        """Record that botocore retries the call."""
        self.stamp = stamp
        self.response = self.failure = self.count_poll = None
        self.garbled, self.reported = False, ""

    def finish(self, outcome: Response | BaseException) -> None:
        """Record the outcome of the attempt: a response, or what is raised instead."""
        if isinstance(outcome, BaseException):
            self.attempt_rows += ((self.stamp.at, None, type(outcome).__name__, 0.0),)
            self.failure = outcome
            return
        response = outcome
        code = error_code(response) if response.is_error else None
        self.attempt_rows += ((self.stamp.at, response.status, code, 0.0),)
        self.response = response
        if code is not None:
            self.reported = code if code != str(response.status) else ""
        elif self.count_poll is not None:
            self.count_poll()


def _without_headers(request: Request) -> Request:
    method, path, query, _, body, region, url, _ = request
    return Request(method, path, query, {}, body, region, url)


class CallLog:
    """The calls that reached one fake, in the order of their first attempts."""

    def __init__(self, installed: Model, roles: Mapping[str, Role | None]) -> None:
        self._installed, self._roles = installed, roles
        self.reset()

    def reset(self) -> None:
        """Forget all calls."""
        self.records: list[CallRecord] = []
        self._by_invocation: dict[str | bytes | int, CallRecord] = {}
        self._unnumbered = itertools.count()
        self._request_numbers = itertools.count(1)

    def begin(self, request: Request, now: datetime.datetime) -> CallRecord:
        """Record a new attempt, and return the record of its call."""
        number = next(self._request_numbers)
        stamp = Stamp(f"00000000-0000-4000-8000-{number:012x}", now)
        given = request.invocation
        invocation = next(self._unnumbered) if given is None else given
        record = self._by_invocation.get(invocation)
        if record is None:
            record = CallRecord(self._installed, self._roles, request, stamp)
            self._by_invocation[invocation] = record
            self.records.append(record)
        else:
            record.start_attempt(stamp)
        return record

    def note_backoff(self, invocation: str | bytes, seconds: float) -> None:
        """Record that botocore waits before the next attempt of the call."""
        record = self._by_invocation.get(invocation)
        if record is not None:  # the log may have been reset meanwhile
            *before, (at, status, code, waited) = record.attempt_rows
            record.attempt_rows = (*before, (at, status, code, waited + seconds))

    def note_end(self, invocation: str | bytes, metadata: dict[str, Any]) -> None:
        """Record the metadata that botocore adds when the call ends, such as ``MaxAttemptsReached``."""
        record = self._by_invocation.get(invocation)
        if record is not None:
            record.metadata = metadata

    def about(self, job_id: str) -> list[CallRecord]:
        """Return the calls about one job, including the one that created it."""
        return [record for record in self.records if record.job_id == job_id]

    def polls(self) -> dict[str, list[CallRecord]]:
        """Return the ``get_job`` calls by job id."""
        by_id: dict[str, list[CallRecord]] = {}
        for record in self.records:
            if record.role is Role.POLL:
                by_id.setdefault(record.path_params["JobId"], []).append(record)
        return by_id


def first_end_index(polls: Sequence[CallRecord]) -> int | None:
    """Return the index of the first poll that reported an end state, or None."""
    return next((at for at, poll in enumerate(polls) if poll.reported in TERMINAL_STATES), None)


@contextlib.contextmanager
def released(lock: threading.RLock) -> Iterator[None]:
    """Release a lock that this thread holds once, while a function of the test runs."""
    lock.release()
    try:
        yield
    finally:
        lock.acquire()
