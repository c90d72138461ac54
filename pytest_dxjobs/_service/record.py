"""A call of the code under test while it is made: what was asked, and what each attempt came to.

A call is one call of a client's method; an attempt is one HTTP request of it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pytest_dxjobs._wire.http import Request, Stamp
from pytest_dxjobs._wire.parse import parameters, reads_headers, route
from pytest_dxjobs._wire.serialize import error_code

if TYPE_CHECKING:
    import datetime

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
Respond = Callable[["Record"], "Response"]


class Record:
    """A call while it is made. The backend writes it; users see it as a ``Call``."""

    __slots__ = (
        "begun",
        "failure",
        "garbled",
        "installed",
        "job_id",
        "metadata",
        "operation",
        "request",
        "respond",
        "response",
        "stamp",
        "thread",
        "told",
        "tried",
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
        self.begun: datetime.datetime = stamp.at
        self.stamp: Stamp = stamp  # that of the last attempt
        self.thread: int = threading.get_ident()
        # The attributes of each attempt: there may be very many, and tuples of them are light.
        self.tried: tuple[tuple[datetime.datetime, int | None, str | None, float], ...] = ()
        self.response: Response | None = None
        self.failure: BaseException | None = None
        self.job_id: str | None = self.uri.get("JobId")
        # What the test has laid down for it, and for all its attempts.
        self.respond: Respond | None = None
        # What botocore adds to that of the response.
        self.metadata: Mapping[str, Any] = _NO_METADATA
        self.garbled: bool = False  # a success that tells nothing
        self.told: str = ""  # the job's state, or the code of the error

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
        return tuple(Attempt(*each) for each in self.tried)

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
            return " ".join(filter(None, (str(self.response.status), self.told)))
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
        self.tried += ((self.stamp.at, response.status, code, 0.0),)
        self.response = response
        if code is not None:
            self.told = code if code != str(response.status) else ""
        return response

    def fail(self, failure: BaseException) -> None:
        """Note that the attempt was not answered."""
        self.tried += ((self.stamp.at, None, type(failure).__name__, 0.0),)
        self.failure = failure


def _without_headers(request: Request) -> Request:
    method, path, query, _, body, region, url, _ = request
    return Request(method, path, query, {}, body, region, url)
