"""A fault as a value that can be sent, and what each kind of it sends.

What a kind sends is said where the function that makes it is defined, which is all that there is to a new one.
"""

from __future__ import annotations

import html
import http
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pytest_dxjobs._core.arguments import count, one_of, read, text
from pytest_dxjobs._core.errors import UsageError
from pytest_dxjobs._core.messages import show
from pytest_dxjobs._core.values import bare, is_text, values_of
from pytest_dxjobs._model import documented
from pytest_dxjobs._wire.http import Response
from pytest_dxjobs._wire.serialize import error_response, json_response

if TYPE_CHECKING:
    from pytest_dxjobs._service.calls import CallRecord


_Make = TypeVar("_Make", bound=Callable[..., "Fault"])


@dataclass(frozen=True, slots=True)
class ServiceError:
    """An error that the service tells.

    Attributes:
        code: Its code.
        message: The usual message, in which {} is the resource.
        status: The HTTP status; None for that of the service model, which knows the code.
    """

    code: str
    message: str
    status: int | None = None


@dataclass(frozen=True, slots=True)
class FailedConnection:
    """What botocore raises, and the text of what it usually finds beneath."""

    exception: str
    beneath: str


@dataclass(frozen=True, slots=True)
class Page:
    """What a load balancer sends."""

    status: int


class Garbled:
    """The bytes of the fault itself."""


Sent = ServiceError | FailedConnection | Page | Garbled
SENT: Final[dict[str, Sent]] = {}  # by the name of the function that makes such a fault


def sends(sent: Sent) -> Callable[[_Make], _Make]:
    """Say what the faults send that a function makes."""

    def note(make: _Make) -> _Make:
        SENT[make.__name__] = sent
        return make

    return note


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which a request fails. Made by the functions of ``pytest_dxjobs.faults``.

    Attributes:
        kind: The name of the function, such as ``"throttling"``.
        message: The message of the error; None for the usual one.
        request_id: What ``ResponseMetadata`` tells as ``RequestId``; None for one that the fake numbers.
        headers: Headers of the response, by name, beside the usual ones or instead of them.
        cause: The ``ExceptionCause`` of a validation error.
        body: What a garbled response has for a body.
        status: What a garbled response has for a status.
    """

    kind: str
    message: str | None = None
    request_id: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    cause: str | None = None
    body: bytes | None = None
    status: int | None = None

    def __post_init__(self) -> None:
        # Here and not where each is made, so that one made by hand, or by dataclasses.replace, can be sent, too.
        for name, value in _checked(self).items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        given = {part.name: getattr(self, part.name) for part in fields(self)[1:]}
        given["headers"] = dict(self.headers) or None
        told = ", ".join(f"{name}={value!r}" for name, value in given.items() if value is not None)
        return f"faults.{self.kind}({told})"

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """Let Hypothesis print it so, too; of itself it prints the fields of a dataclass."""
        printer.text(repr(self))


def _checked(fault: Fault) -> dict[str, Any]:
    """What was given of a fault, as it is kept."""
    kind = one_of("Fault: kind", fault.kind, tuple(SENT))
    place = f"faults.{kind}"
    given: dict[str, Any] = {"kind": kind}
    if fault.message is not None:
        given["message"] = text(f"{place}: message", fault.message, _unsendable)
    if fault.request_id is not None:
        given["request_id"] = _header(f"{place}: request_id", fault.request_id)
    if not isinstance(fault.headers, (Mapping, tuple)):
        raise UsageError(f"{place}: headers: a dict is needed, not {show(fault.headers)}")
    given["headers"] = tuple(
        sorted(
            (
                _header(f"{place}: headers: the name {show(name)}", name),
                _header(f"{place}: headers[{show(name)}]", value),
            )
            for name, value in read(f"{place}: headers", fault.headers, dict).items()
        )
    )
    if fault.cause is not None:
        from pytest_dxjobs._model.service_model import enum_of, model

        known = model().error_shapes["ValidationException"].members["ExceptionCause"]
        given["cause"] = one_of(f"{place}: cause", fault.cause, enum_of(known))
    if fault.body is not None and not isinstance(fault.body, bytes):
        raise UsageError(f"{place}: body: bytes are needed, not {show(fault.body)}")
    if fault.status is not None:
        given["status"] = count(
            f"{place}: status", fault.status, ", at most 599", least=200, most=599
        )
    return given


def _unsendable(message: str) -> str:
    return "" if is_text(message) else "has a lone surrogate, which no UTF-8 text can hold"


def _header(place: str, given: object) -> str:
    found = bare(given)
    if not isinstance(found, str) or not found.isascii() or not found.isprintable() or not found:
        raise UsageError(f"{place}: printable ASCII text is needed, not {show(given)}")
    return found


def deliver(fault: Fault, call: CallRecord) -> Response:
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
            response = json_response(fault.status or 200, fault.body or b"", call.stamp)
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


def _service_error(sent: ServiceError, fault: Fault, call: CallRecord) -> Response:
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
    return error_response(
        call.installed, sent.code, call.stamp, {"Message": message, **told}, sent.status
    )


def _resource(call: CallRecord) -> tuple[str, str]:
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
