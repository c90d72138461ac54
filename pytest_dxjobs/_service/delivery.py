"""A fault as it reaches botocore: an HTTP response, or the exception of a connection that failed."""

from __future__ import annotations

import html
import http
from typing import TYPE_CHECKING

from pytest_dxjobs._core.values import values_of
from pytest_dxjobs._model import documented
from pytest_dxjobs._service.fault import SENT, FailedConnection, Page, ServiceError
from pytest_dxjobs._wire.http import Response
from pytest_dxjobs._wire.serialize import answer, error

if TYPE_CHECKING:
    from pytest_dxjobs._service.fault import Fault
    from pytest_dxjobs._service.record import Record


def deliver(fault: Fault, call: Record) -> Response:
    """What comes back instead of an answer.

    Raises:
        BotoCoreError: The connection failed; botocore tries again, as with a real one.
    """
    match SENT[fault.kind]:
        case FailedConnection() as sent:
            raise _failed_connection(sent, fault, call.request.url)
        case ServiceError() as sent:
            response = _service_error(sent, fault, call)
        case Page(status):
            response = _page(status, fault.message)
        case _:
            response = answer(fault.status or 200, fault.body or b"", call.stamp)
    headers = dict(response.headers)
    if fault.request_id is not None:
        headers["x-amzn-requestid"] = fault.request_id
    headers |= {name.lower(): text for name, text in fault.headers}
    return response._replace(headers=headers)


def _failed_connection(sent: FailedConnection, fault: Fault, url: str) -> Exception:
    import botocore.exceptions

    kind = getattr(botocore.exceptions, sent.exception)
    failure: Exception = kind(endpoint_url=url, error=OSError(fault.message or sent.beneath))
    return failure


def _service_error(sent: ServiceError, fault: Fault, call: Record) -> Response:
    resource_type, resource_id = _resource(call)
    resource = f"{resource_type.replace('_', ' ').capitalize()} {resource_id}"
    members: dict[str, object] = {
        "ResourceType": resource_type,
        "ResourceId": resource_id,
        "ExceptionCause": fault.cause,
    }
    usual = sent.message.format(resource if resource_id else "The resource")
    shape = call.installed.error_shapes.get(sent.code)
    known = shape.members if shape is not None else ()
    told = {name: value for name, value in members.items() if value and name in known}
    message = usual if fault.message is None else fault.message
    return error(call.installed, sent.code, call.stamp, {"Message": message, **told}, sent.status)


def _resource(call: Record) -> tuple[str, str]:
    """The resource that the request is about: the job, or else what is found first in its parameters."""
    if "JobId" in call.uri:
        return "JOB", call.uri["JobId"]
    params = call.params()
    for kind, member in reversed(documented.RESOURCE_MEMBERS.items()):
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
