"""HTTP as values: what goes in and what comes out, whoever carries it.

They are tuples, since a few are made for each request, and a frozen dataclass takes three times as long.
"""

from __future__ import annotations

import datetime
import functools
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Request(NamedTuple):
    """An HTTP request.

    Attributes:
        method: Such as ``GET``.
        path: As it was sent, from the service's root.
        query: As it was sent.
        headers: Names in any case.
        body: None where there is none.
        region: That of the client.
        url: All of it, as it was sent.
        invocation: What the client calls the call that this is an attempt of; None where it does not say.
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
    """An HTTP response; the names of its headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_error(self) -> bool:
        """Whether botocore takes it for one."""
        return self.status >= 300


class Stamp(NamedTuple):
    """What the service puts on each of its responses.

    Attributes:
        request_id: What it calls the request.
        at: When it answers: a plain datetime, in UTC.
    """

    request_id: str
    at: datetime.datetime

    def headers(self) -> dict[str, str]:
        """The headers that say so."""
        at = self.at
        return {
            "date": f"{_day(at.date())} {at.hour:02}:{at.minute:02}:{at.second:02} GMT",
            "x-amzn-requestid": self.request_id,
        }


@functools.lru_cache(maxsize=1)
def _day(date: datetime.date) -> str:
    midnight = datetime.datetime.combine(date, datetime.time())
    return format_datetime(midnight).partition(" 00:00:00 ")[0]
