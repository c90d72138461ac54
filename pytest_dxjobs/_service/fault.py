"""Faults as values, and the HTTP response or connection error that each kind produces.

``pytest_dxjobs.faults`` registers the kinds with ``sends``.
"""

from __future__ import annotations

import html
import http
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pytest_dxjobs._core.arguments import count, one_of, text
from pytest_dxjobs._core.errors import UsageError
from pytest_dxjobs._core.messages import show
from pytest_dxjobs._core.values import find_values, plain_str
from pytest_dxjobs._model import documented
from pytest_dxjobs._wire.http import Response
from pytest_dxjobs._wire.serialize import error_response, json_response

if TYPE_CHECKING:
    from pytest_dxjobs._service.calls import CallRecord


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which a request fails. Made by the functions of ``pytest_dxjobs.faults``.

    Attributes:
        kind: The name of the function, such as ``"throttling"``.
        message: The message of the error; None for the default one.
        request_id: The ``RequestId`` in ``ResponseMetadata``; None for one that the fake numbers.
        headers: Headers of the response, by name; they are added to the default ones or replace them.
        cause: The ``ExceptionCause`` of a validation error.
        body: The body of a garbled response.
        status: The status of a garbled response.
    """

    kind: str
    message: str | None = None
    request_id: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    cause: str | None = None
    body: bytes | None = None
    status: int | None = None

    def __post_init__(self) -> None:
        # Checked here, so that Fault(...) and dataclasses.replace(...) are checked, too.
        for name, value in _validated(self).items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        values = {field.name: getattr(self, field.name) for field in fields(self)[1:]}
        values["headers"] = dict(self.headers) or None
        given = [f"{name}={value!r}" for name, value in values.items() if value is not None]
        return f"faults.{self.kind}({', '.join(given)})"

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """Make Hypothesis print the repr, not every field."""
        printer.text(repr(self))


def _validated(fault: Fault) -> dict[str, Any]:
    """Return the given fields, converted; raise ``UsageError`` if one cannot be sent."""
    kind = one_of("Fault: kind", fault.kind, tuple(SENT))
    place = f"faults.{kind}"
    given: dict[str, Any] = {"kind": kind}
    if fault.message is not None:
        given["message"] = text(f"{place}: message", fault.message)
    if fault.request_id is not None:
        given["request_id"] = _header_text(f"{place}: request_id", fault.request_id)
    headers: Any = fault.headers
    if isinstance(headers, Mapping):
        headers = tuple(headers.items())
    if not isinstance(headers, tuple) or not all(map(_is_pair, headers)):
        raise UsageError(f"{place}: headers: a dict is needed, not {show(fault.headers)}")
    given["headers"] = tuple(
        sorted(
            (
                _header_text(f"{place}: headers: the name {show(name)}", name),
                _header_text(f"{place}: headers[{show(name)}]", value),
            )
            for name, value in headers
        )
    )
    if fault.cause is not None:
        from pytest_dxjobs._model.service_model import enum_of, model

        known = model().error_shapes["ValidationException"].members["ExceptionCause"]
        given["cause"] = one_of(f"{place}: cause", fault.cause, enum_of(known))
    if fault.body is not None and not isinstance(fault.body, bytes):
        raise UsageError(f"{place}: body: bytes are needed, not {show(fault.body)}")
    if fault.status is not None:
        given["status"] = count(f"{place}: status", fault.status, least=200, most=599)
    return given


def _is_pair(value: object) -> bool:
    return isinstance(value, tuple) and len(value) == 2


def _header_text(place: str, given: object) -> str:
    found = plain_str(given)
    if not isinstance(found, str) or not found.isascii() or not found.isprintable() or not found:
        raise UsageError(f"{place}: printable ASCII text is needed, not {show(given)}")
    return found


@dataclass(frozen=True, slots=True)
class ServiceError:
    """An error response of the service.

    Attributes:
        code: The error code.
        message: The default message, in which {} is the resource.
        status: The HTTP status; None for the one in the service model, which knows the code.
    """

    code: str
    message: str
    status: int | None = None


@dataclass(frozen=True, slots=True)
class FailedConnection:
    """A botocore exception by name, and the default text of the error that caused it."""

    exception: str
    message: str


@dataclass(frozen=True, slots=True)
class HtmlPage:
    """The error page of a load balancer."""

    status: int


class Garbled:
    """The fault's own status and body."""


Sent = ServiceError | FailedConnection | HtmlPage | Garbled
SENT: Final[dict[str, Sent]] = {}  # by kind
_Make = TypeVar("_Make", bound=Callable[..., Fault])


def sends(sent: Sent) -> Callable[[_Make], _Make]:
    """Register the decorated function as a kind of fault, and what such faults send."""

    def register(make: _Make) -> _Make:
        SENT[make.__name__] = sent
        return make

    return register


def deliver(fault: Fault, call: CallRecord) -> Response:
    """Return the response that a fault sends, or raise its connection error.

    Raises:
        BotoCoreError: The connection failed; botocore retries, as after a real failure.
    """
    match SENT[fault.kind]:
        case FailedConnection() as sent:
            raise _connection_error(sent, fault, call.request.url)
        case ServiceError() as sent:
            response = _error_response(sent, fault, call)
        case HtmlPage(status):
            response = _html_response(status, fault.message)
        case _:
            response = json_response(fault.status or 200, fault.body or b"", call.stamp)
    headers = dict(response.headers)
    if fault.request_id is not None:
        headers["x-amzn-requestid"] = fault.request_id
    headers |= {name.lower(): value for name, value in fault.headers}
    return response._replace(headers=headers)


def _connection_error(sent: FailedConnection, fault: Fault, url: str) -> Exception:
    import botocore.exceptions

    kind = getattr(botocore.exceptions, sent.exception)
    error: Exception = kind(endpoint_url=url, error=OSError(fault.message or sent.message))
    return error


def _error_response(sent: ServiceError, fault: Fault, call: CallRecord) -> Response:
    resource_type, resource_id = _resource(call)
    resource = f"{resource_type.replace('_', ' ').capitalize()} {resource_id}"
    default = sent.message.format(resource if resource_id else "The resource")
    members = {
        "ResourceType": resource_type,
        "ResourceId": resource_id,
        "ExceptionCause": fault.cause,
    }
    shape = call.installed.error_shapes.get(sent.code)
    known = shape.members if shape is not None else ()
    known_members = {name: value for name, value in members.items() if value and name in known}
    message = default if fault.message is None else fault.message
    body = {"Message": message, **known_members}
    return error_response(call.installed, sent.code, call.stamp, body, sent.status)


def _resource(call: CallRecord) -> tuple[str, str]:
    """Return type and id of the resource of the request: the job, or the first one in its parameters."""
    if "JobId" in call.path_params:
        return "JOB", call.path_params["JobId"]
    params = call.params()
    for resource_type, member in reversed(documented.RESOURCE_MEMBERS.items()):
        found = next(find_values(member, params), None)
        if isinstance(found, str):
            return resource_type, found
    return "", ""


def _html_response(status: int, message: str | None) -> Response:
    """Return what a load balancer sends; it has no request id of the service."""
    title = html.escape(message or f"{status} {http.HTTPStatus(status).phrase}")
    body = (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n"
        f"<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
    ).encode()
    headers = {
        "server": "awselb/2.0",
        "content-type": "text/html",
        "content-length": str(len(body)),
        "connection": "keep-alive",
    }
    return Response(status, headers, body)
