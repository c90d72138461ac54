"""A fault as it reaches botocore: an HTTP response, or the exception of a connection that failed.

One row a fault, so that the next one has its place here and a function in ``faults``.
"""

from __future__ import annotations

import html
import http
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_dxjobs import _service
from pytest_dxjobs._http import Response
from pytest_dxjobs._values import values_of
from pytest_dxjobs._wire import answer, error

if TYPE_CHECKING:
    from pytest_dxjobs._record import Record
    from pytest_dxjobs.faults import Fault


@dataclass(frozen=True, slots=True)
class _Error:
    """An error that the service tells; the status is the service model's, where it knows the code."""

    code: str
    message: str
    status: int | None = None


# The codes of the service model are documented. Guesses: the wording, in which {} is the resource, and the
# codes of the errors that the service model does not know.
_ERRORS: Final = {
    "throttling": _Error("ThrottlingException", "Rate exceeded"),
    "not_found": _Error("ResourceNotFoundException", "{} was not found."),
    "validation": _Error("ValidationException", "The request is not valid."),
    "internal_error": _Error("InternalServerException", "An internal error occurred."),
    "access_denied": _Error("AccessDeniedException", "You may not perform this operation."),
    "conflict": _Error("ConflictException", "{} is in a state that does not permit this."),
    "service_unavailable": _Error("ServiceUnavailableException", "Service Unavailable", 503),
    "expired_token": _Error(
        "ExpiredTokenException", "The security token included in the request is expired", 403
    ),
}
# What botocore raises, and what it usually finds beneath.
_CONNECTIONS: Final = {
    "connection_refused": ("EndpointConnectionError", "[Errno 111] Connection refused"),
    "connection_closed": (
        "ConnectionClosedError",
        "Remote end closed connection without response",
    ),
    "connect_timeout": ("ConnectTimeoutError", "timed out"),
    "read_timeout": ("ReadTimeoutError", "Read timed out."),
}


def deliver(fault: Fault, call: Record) -> Response:
    """What comes back instead of an answer.

    Raises:
        BotoCoreError: The connection failed; botocore tries again, as with a real one.
    """
    if fault.kind in _CONNECTIONS:
        raise _failed_connection(fault, call.request.url)
    if fault.kind in _ERRORS:
        response = _service_error(fault, call)
    elif fault.kind == "bad_gateway":
        response = _page(502, fault.message)
    else:
        response = answer(fault.status or 200, fault.body or b"", call.stamp)
    headers = dict(response.headers)
    if fault.request_id is not None:
        headers["x-amzn-requestid"] = fault.request_id
    headers |= {name.lower(): text for name, text in fault.headers}
    return response._replace(headers=headers)


def _failed_connection(fault: Fault, url: str) -> Exception:
    import botocore.exceptions

    name, beneath = _CONNECTIONS[fault.kind]
    kind = getattr(botocore.exceptions, name)
    failure: Exception = kind(endpoint_url=url, error=OSError(fault.message or beneath))
    return failure


def _service_error(fault: Fault, call: Record) -> Response:
    row = _ERRORS[fault.kind]
    resource_type, resource_id = _resource(call)
    resource = f"{resource_type.replace('_', ' ').capitalize()} {resource_id}"
    members: dict[str, object] = {
        "ResourceType": resource_type,
        "ResourceId": resource_id,
        "ExceptionCause": fault.cause,
    }
    usual = row.message.format(resource if resource_id else "The resource")
    shape = call.installed.error_shapes.get(row.code)
    known = shape.members if shape is not None else ()
    told = {name: value for name, value in members.items() if value and name in known}
    message = usual if fault.message is None else fault.message
    return error(call.installed, row.code, call.stamp, {"Message": message, **told}, row.status)


def _resource(call: Record) -> tuple[str, str]:
    """The resource that the request is about: the job, or else what is found first in its parameters."""
    if "JobId" in call.uri:
        return "JOB", call.uri["JobId"]
    params = call.params()
    for kind, member in reversed(_service.RESOURCE_MEMBERS.items()):
        found = next(values_of(member, params), None)
        if isinstance(found, str):
            return kind, found
    return "", ""


def _page(status: int, message: str | None) -> Response:
    """What a load balancer sends; there is no request id of the service in it."""
    title = message or f"{status} {http.HTTPStatus(status).phrase}"
    text = (
        f"<html>\r\n<head><title>{html.escape(title)}</title></head>\r\n<body>\r\n"
        f"<center><h1>{html.escape(title)}</h1></center>\r\n</body>\r\n</html>\r\n"
    )
    body = text.encode()
    headers = {
        "server": "awselb/2.0",
        "content-type": "text/html",
        "content-length": str(len(body)),
        "connection": "keep-alive",
    }
    return Response(status, headers, body)
