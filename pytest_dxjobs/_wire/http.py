"""HTTP requests and responses as values.

They are tuples, since each request makes a few of them, and a frozen dataclass takes three times as long.
"""

from __future__ import annotations

import datetime
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import format_datetime
from typing import Any, NamedTuple

from pytest_dxjobs._core.arguments import count
from pytest_dxjobs._core.errors import UsageError
from pytest_dxjobs._core.messages import not_one_of, show
from pytest_dxjobs._core.values import plain_copy


class Request(NamedTuple):
    """An HTTP request.

    Attributes:
        method: Such as ``GET``.
        path: The path as it was sent, from the service's root.
        query: The query as it was sent.
        headers: The headers; names in any case.
        body: The body, or None.
        region: The region of the client.
        url: The whole URL as it was sent.
        invocation: The client's id of the call, the same for each attempt; None if it sends none.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, Any]
    body: bytes | None
    region: str
    url: str = ""
    invocation: str | bytes | None = None


class Response(NamedTuple):
    """An HTTP response; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_error(self) -> bool:
        """Whether botocore raises an error for it."""
        return self.status >= 300


class Stamp(NamedTuple):
    """The request id and time in the headers of each response.

    Attributes:
        request_id: The service's id of the request.
        at: The time of the response: a plain datetime, in UTC.
    """

    request_id: str
    at: datetime.datetime

    def headers(self) -> dict[str, str]:
        """Return the two headers."""
        at = self.at
        return {
            "date": f"{_day(at.date())} {at.hour:02}:{at.minute:02}:{at.second:02} GMT",
            "x-amzn-requestid": self.request_id,
        }


@functools.lru_cache(maxsize=1)
def _day(date: datetime.date) -> str:
    midnight = datetime.datetime.combine(date, datetime.time())
    return format_datetime(midnight).partition(" 00:00:00 ")[0]


@dataclass(frozen=True, slots=True)
class Metadata:
    """The parts of an HTTP response that a test can set."""

    status: int | None = None
    request_id: str | None = None
    headers: tuple[tuple[str, str], ...] = ()

    def apply_to(self, response: Response, stamp: Stamp) -> Response:
        """Return the response with the parts that the test has set."""
        headers = {
            **response.headers,
            **stamp.headers(),
            **({} if self.request_id is None else {"x-amzn-requestid": self.request_id}),
            **dict(self.headers),
        }
        return Response(self.status or response.status, headers, response.body)


def read_metadata(place: str, given: object, *, least: int) -> Metadata:
    """Return the parts of ``ResponseMetadata`` that an HTTP response can carry; botocore adds the rest."""
    if given is None:
        return Metadata()
    permitted = (
        "HTTPStatusCode",
        "RequestId",
        "HTTPHeaders",
        "RetryAttempts",
        "MaxAttemptsReached",
        "HostId",
    )
    if not isinstance(given, Mapping):
        raise UsageError(f"{place}: a dict is needed, not {show(given)}")
    parts: dict[str, Any] = plain_copy(given)
    for name in parts:
        if name not in permitted:
            raise UsageError(f"{place}: {not_one_of(name, permitted)}")
    status = parts.get("HTTPStatusCode")
    if status is not None:
        check_status(f"{place}.HTTPStatusCode", status, least=least)
    headers, request_id = parts.get("HTTPHeaders", {}), parts.get("RequestId")
    if not isinstance(headers, Mapping):
        raise UsageError(f"{place}.HTTPHeaders: a dict is needed, not {show(headers)}")
    return Metadata(
        status,
        None if request_id is None else str(request_id),
        _header_pairs(headers),
    )


def _header_pairs(headers: Mapping[Any, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((str(name).lower(), str(part)) for name, part in headers.items())


def check_status(place: str, status: object, *, least: int) -> int:
    """Return a status of a success (from 200) or of an error whose code botocore reads (from 301)."""
    return count(place, status, least=least, most=299 if least == 200 else 599)
