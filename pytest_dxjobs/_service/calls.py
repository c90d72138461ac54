"""The log of calls, and a call of it as the test sees it.

botocore numbers its calls in a header that stays the same for all attempts, so that nobody has to count along
on the client.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pytest_dxjobs._core.constants import TERMINAL_STATES
from pytest_dxjobs._wire.http import Request, Stamp
from pytest_dxjobs._wire.parse import parameters, reads_headers, route
from pytest_dxjobs._wire.serialize import error_code, parse_response

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from pytest_dxjobs._model.service_model import Model
    from pytest_dxjobs._wire.http import Response


@dataclass(frozen=True, slots=True)
class Attempt:
    """One HTTP request of a call.

    Attributes:
        at: When it was sent: an aware datetime, in UTC.
        status: The HTTP status of the answer; None where there was none.
        error_code: The service's code for an error, such as ``"ThrottlingException"``; without an answer the
            name of the exception, such as ``"ReadTimeoutError"``; None for a success.
        backoff: How long botocore waited afterwards before it tried again, in seconds; 0 for the last one.
    """

    at: datetime.datetime
    status: int | None = None
    error_code: str | None = None
    backoff: float = 0.0


_NO_METADATA: Final[Mapping[str, Any]] = {}
Respond = Callable[["CallRecord"], "Response"]


class CallRecord:
    """A call while it is made. The backend writes it; users see it as a ``Call``."""

    __slots__ = (
        "attempt_rows",
        "failure",
        "garbled",
        "installed",
        "job_id",
        "metadata",
        "operation",
        "reported",
        "request",
        "respond",
        "response",
        "stamp",
        "started_at",
        "thread",
        "uri",
    )

    def __init__(self, installed: Model, request: Request, stamp: Stamp) -> None:
        found = route(installed, request.method, request.path)
        self.operation: str | None
        self.uri: dict[str, str]
        self.operation, self.uri = found or (None, {})
        self.installed: Model = installed
        # Headers are most of a request, and mostly nobody will ask for them.
        kept = self.operation is not None and reads_headers(installed, self.operation)
        self.request: Request = request if kept else _without_headers(request)
        self.started_at: datetime.datetime = stamp.at
        self.stamp: Stamp = stamp  # that of the last attempt
        self.thread: int = threading.get_ident()
        # The attributes of each attempt: there may be very many, and tuples of them are light.
        self.attempt_rows: tuple[tuple[datetime.datetime, int | None, str | None, float], ...] = ()
        self.response: Response | None = None
        self.failure: BaseException | None = None
        self.job_id: str | None = self.uri.get("JobId")
        # What the test has laid down for it, and for all its attempts.
        self.respond: Respond | None = None
        # What botocore adds to that of the response.
        self.metadata: Mapping[str, Any] = _NO_METADATA
        self.garbled: bool = False  # a success that tells nothing
        self.reported: str = ""  # the job's state, or the code of the error

    @property
    def name(self) -> str:
        """The operation as a client calls it; what was asked where there is no such operation."""
        from botocore import xform_name

        if self.operation is None:
            return f"{self.request.method} {self.request.path}"
        return str(xform_name(self.operation))

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The attempts that are over."""
        return tuple(Attempt(*each) for each in self.attempt_rows)

    @property
    def earlier(self) -> tuple[Attempt, ...]:
        """The attempts before the one that ``outcome`` tells of."""
        is_over = self.response is not None or self.failure is not None
        return self.attempts[:-1] if is_over else self.attempts

    @property
    def succeeded(self) -> bool:
        """Whether the last attempt was answered with a success."""
        return self.response is not None and not self.response.is_error and not self.garbled

    @property
    def outcome(self) -> str:
        """What its last attempt came to: status and what was told, or what was raised."""
        if self.response is not None:
            return " ".join(filter(None, (str(self.response.status), self.reported)))
        return "is being answered" if self.failure is None else type(self.failure).__name__

    def params(self) -> dict[str, Any]:
        """The parameters of the call."""
        if self.operation is None:
            return {}
        return parameters(self.installed, self.operation, self.uri, self.request)

    def begin(self, stamp: Stamp) -> None:
        """Note that another attempt is made."""
        self.stamp = stamp
        self.response = self.failure = None
        self.garbled = False

    def answer(self, response: Response) -> Response:
        """Note what the attempt was answered with."""
        code = error_code(response) if response.is_error else None
        self.attempt_rows += ((self.stamp.at, response.status, code, 0.0),)
        self.response = response
        if code is not None:
            self.reported = code if code != str(response.status) else ""
        return response

    def fail(self, failure: BaseException) -> None:
        """Note that the attempt was not answered."""
        self.attempt_rows += ((self.stamp.at, None, type(failure).__name__, 0.0),)
        self.failure = failure


def _without_headers(request: Request) -> Request:
    method, path, query, _, body, region, url, _ = request
    return Request(method, path, query, {}, body, region, url)


class Call:
    """One call of the code under test, with all its attempts. What it gives are copies."""

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
        """Its HTTP requests, when they were answered: more than one where botocore tried again."""
        return self._record.attempts

    @property
    def response(self) -> dict[str, Any] | None:
        """What the client returned, with ``ResponseMetadata``; None where it raised."""
        returned = self._came_to()
        return None if isinstance(returned, BaseException) else returned

    @property
    def error(self) -> BaseException | None:
        """What the client raised; None where it returned.

        What the service answered is a plain ``ClientError`` with the same response, not the client's own
        class for its code.
        """
        raised = self._came_to()
        return raised if isinstance(raised, BaseException) else None

    def _came_to(self) -> dict[str, Any] | BaseException | None:
        from botocore.exceptions import ClientError

        record = self._record
        if record.response is None:
            return record.failure
        try:
            parsed = parse_response(record.installed, record.operation or "", record.response)
        except Exception as failure:  # what botocore's parser makes of a garbled body
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


def first_end(polls: Sequence[CallRecord]) -> int | None:
    """The place of the first poll that was answered with an end state; None where there is none."""
    return next((at for at, poll in enumerate(polls) if poll.reported in TERMINAL_STATES), None)


class CallLog:
    """The calls that reached one fake, in the order of their first attempts."""

    def __init__(self, installed: Model) -> None:
        self._installed = installed
        self.reset()

    def reset(self) -> None:
        """Forget all of them."""
        self.records: list[CallRecord] = []
        self._by_invocation: dict[str | bytes | int, CallRecord] = {}
        self._unnumbered = itertools.count()
        self._request_numbers = itertools.count(1)

    def of(self, request: Request, moment: datetime.datetime) -> CallRecord:
        """The record of the call that this request is an attempt of."""
        number = next(self._request_numbers)
        stamp = Stamp(f"00000000-0000-4000-8000-{number:012x}", moment)
        given = request.invocation
        invocation = next(self._unnumbered) if given is None else given
        record = self._by_invocation.get(invocation)
        if record is None:
            record = CallRecord(self._installed, request, stamp)
            self._by_invocation[invocation] = record
            self.records.append(record)
        else:
            record.begin(stamp)
        return record

    def back_off(self, invocation: str | bytes, seconds: float) -> None:
        """Note that the call waits before its next attempt."""
        record = self._by_invocation.get(invocation)
        if record is not None:  # the log may have been reset meanwhile
            *before, (at, status, code, waited) = record.attempt_rows
            record.attempt_rows = (*before, (at, status, code, waited + seconds))

    def note_end(self, invocation: str | bytes, metadata: dict[str, Any]) -> None:
        """Note what botocore says of the end of a call, such as ``MaxAttemptsReached``."""
        record = self._by_invocation.get(invocation)
        if record is not None:
            record.metadata = metadata

    def about(self, job_id: str) -> list[CallRecord]:
        """The calls that were about one job, the one that created it among them."""
        return [record for record in self.records if record.job_id == job_id]

    def polls(self) -> dict[str, list[CallRecord]]:
        """The ``get_job`` calls for each id."""
        by_id: dict[str, list[CallRecord]] = {}
        for record in self.records:
            if record.operation == "GetJob":
                by_id.setdefault(record.uri["JobId"], []).append(record)
        return by_id
