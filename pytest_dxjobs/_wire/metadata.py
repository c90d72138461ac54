"""``ResponseMetadata`` as a test gives it with an answer: what of it an HTTP response can carry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pytest_dxjobs._core.arguments import count, read
from pytest_dxjobs._core.errors import UsageError
from pytest_dxjobs._core.messages import not_one_of, show
from pytest_dxjobs._wire.http import Response, Stamp


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a test can say of the HTTP response."""

    status: int | None = None
    request_id: str | None = None
    headers: tuple[tuple[str, str], ...] = ()

    def applied_to(self, response: Response, stamp: Stamp) -> Response:
        """The response with what the test says of it."""
        headers = {
            **response.headers,
            **stamp.headers(),
            **({} if self.request_id is None else {"x-amzn-requestid": self.request_id}),
            **dict(self.headers),
        }
        return Response(self.status or response.status, headers, response.body)


def members_of(response: Mapping[str, Any]) -> dict[str, Any]:
    """The response without it, which is not in the body."""
    return {name: part for name, part in response.items() if name != "ResponseMetadata"}


def metadata_in(place: str, given: object, *, least: int) -> Metadata:
    """What of ``ResponseMetadata`` an HTTP response can carry; botocore fills in the rest."""
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
    parts: dict[str, Any] = read(place, given)
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
        None if request_id is None else read(f"{place}.RequestId", request_id, str),
        read(f"{place}.HTTPHeaders", headers, _as_sent),
    )


def _as_sent(headers: Mapping[Any, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((str(name).lower(), str(part)) for name, part in headers.items())


def check_status(place: str, status: object, *, least: int) -> int:
    """A status of a success (from 200) or of an error whose code botocore reads (from 301)."""
    most = 299 if least == 200 else 599
    return count(place, status, f", at most {most}", least=least, most=most)
