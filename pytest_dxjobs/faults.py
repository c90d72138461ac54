"""Faults as values, to inject into a fake: ``fake.inject(faults.throttling())``.

A fault is what the service or the network does with a request. botocore turns it into what the code under
test sees, through its own retries, parser and exceptions.

All functions take these keyword arguments. Connection errors have no response and ignore the last two;
``garbled`` ignores the message.

Args:
    message: The text of the error; the default is a guess. For ``bad_gateway`` it is the title of the page,
        which botocore does not read. For connection errors it is the text of the error in
        ``kwargs["error"]`` of botocore's exception.
    request_id: The ``RequestId`` in ``ResponseMetadata``.
    headers: Headers of the response, by name; they are added to the default ones or replace them.

Raises:
    UsageError: An argument has the wrong type, is not permitted, or cannot be sent.

See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html for the errors of the
service, and https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html for ``expired_token`` and
``service_unavailable``, whose codes are guesses.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from pytest_dxjobs._service.fault import (
    FailedConnection,
    Fault,
    Garbled,
    HtmlPage,
    ServiceError,
    sends,
)

Headers = Mapping[str, str]
Cause = Literal["InsufficientS3BucketPolicy", "S3AccessDenied"]

# In the order in which Hypothesis tries them: first what botocore retries.


@sends(ServiceError("ThrottlingException", "Rate exceeded"))
def throttling(*, message: str | None = None, request_id: str | None = None, headers: Headers | None = None) -> Fault:
    """Respond with ``ThrottlingException`` (429): too many requests. botocore retries.

    See ``pytest_dxjobs.faults`` for the arguments.
    """
    return _fault("throttling", message, request_id, headers)


@sends(ServiceError("InternalServerException", "An internal error occurred."))
def internal_error(
    *, message: str | None = None, request_id: str | None = None, headers: Headers | None = None
) -> Fault:
    """Respond with ``InternalServerException`` (500). botocore retries.

    See ``pytest_dxjobs.faults`` for the arguments.
    """
    return _fault("internal_error", message, request_id, headers)


@sends(ServiceError("ServiceUnavailableException", "Service Unavailable", 503))
def service_unavailable(
    *, message: str | None = None, request_id: str | None = None, headers: Headers | None = None
) -> Fault:
    """Respond with 503, which is not in the service model. botocore retries.

    See ``pytest_dxjobs.faults`` for the arguments.
    """
    return _fault("service_unavailable", message, request_id, headers)


@sends(HtmlPage(502))
def bad_gateway(*, message: str | None = None, request_id: str | None = None, headers: Headers | None = None) -> Fault:
    """Respond with the HTML page of a load balancer (502). botocore retries.

    See ``pytest_dxjobs.faults`` for the arguments.
    """
    return _fault("bad_gateway", message, request_id, headers)


@sends(FailedConnection("EndpointConnectionError", "[Errno 111] Connection refused"))
def connection_refused(
    *, message: str | None = None, request_id: str | None = None, headers: Headers | None = None
) -> Fault:
    """Refuse the connection: ``botocore.exceptions.EndpointConnectionError``. botocore retries.

    See ``pytest_dxjobs.faults`` for the arguments.
    """
    return _fault("connection_refused", message, request_id, headers)


@sends(FailedConnection("ConnectionClosedError", "Remote end closed connection without response"))
def connection_closed(
    *, message: str | None = None, request_id: str | None = None, headers: Headers | None = None
) -> Fault:
    """Close the connection before a response: ``ConnectionClosedError``. botocore retries.

    See ``pytest_dxjobs.faults`` for the arguments.
    """
    return _fault("connection_closed", message, request_id, headers)


@sends(FailedConnection("ConnectTimeoutError", "timed out"))
def connect_timeout(
    *, message: str | None = None, request_id: str | None = None, headers: Headers | None = None
) -> Fault:
    """Time out while connecting: ``ConnectTimeoutError``. botocore retries; no time passes.

    See ``pytest_dxjobs.faults`` for the arguments.
    """
    return _fault("connect_timeout", message, request_id, headers)


@sends(FailedConnection("ReadTimeoutError", "Read timed out."))
def read_timeout(*, message: str | None = None, request_id: str | None = None, headers: Headers | None = None) -> Fault:
    """Time out while reading: ``ReadTimeoutError``. botocore retries; no time passes.

    See ``pytest_dxjobs.faults`` for the arguments.
    """
    return _fault("read_timeout", message, request_id, headers)


@sends(ServiceError("ResourceNotFoundException", "{} was not found."))
def not_found(*, message: str | None = None, request_id: str | None = None, headers: Headers | None = None) -> Fault:
    """Respond with ``ResourceNotFoundException`` (404), which names the resource.

    See ``pytest_dxjobs.faults`` for the arguments.
    """
    return _fault("not_found", message, request_id, headers)


@sends(ServiceError("AccessDeniedException", "You may not perform this operation."))
def access_denied(
    *, message: str | None = None, request_id: str | None = None, headers: Headers | None = None
) -> Fault:
    """Respond with ``AccessDeniedException`` (403).

    See ``pytest_dxjobs.faults`` for the arguments.
    """
    return _fault("access_denied", message, request_id, headers)


@sends(ServiceError("ValidationException", "The request is not valid."))
def validation(
    cause: Cause | str | None = None,
    *,
    message: str | None = None,
    request_id: str | None = None,
    headers: Headers | None = None,
) -> Fault:
    """Respond with ``ValidationException`` (400).

    See ``pytest_dxjobs.faults`` for the other arguments.

    Args:
        cause: The ``ExceptionCause``: ``"InsufficientS3BucketPolicy"``, ``"S3AccessDenied"``, or one that the
            installed botocore knows; None for none.
    """
    return _fault("validation", message, request_id, headers, cause=cause)


@sends(ServiceError("ConflictException", "{} is in a state that does not permit this."))
def conflict(*, message: str | None = None, request_id: str | None = None, headers: Headers | None = None) -> Fault:
    """Respond with ``ConflictException`` (409), which names the resource.

    See ``pytest_dxjobs.faults`` for the arguments.
    """
    return _fault("conflict", message, request_id, headers)


@sends(ServiceError("ExpiredTokenException", "The security token included in the request is expired", 403))
def expired_token(
    *, message: str | None = None, request_id: str | None = None, headers: Headers | None = None
) -> Fault:
    """Respond with ``ExpiredTokenException`` (403), which is not in the service model.

    See ``pytest_dxjobs.faults`` for the arguments.
    """
    return _fault("expired_token", message, request_id, headers)


@sends(Garbled())
def garbled(
    body: bytes = b'{"Arn": "arn:aws:dataexch',
    *,
    status: int = 200,
    message: str | None = None,
    request_id: str | None = None,
    headers: Headers | None = None,
) -> Fault:
    r"""Respond with a body that is not the JSON of the operation.

    botocore parses it as in production. JSON that breaks off, with a status of success, becomes an empty
    response; ``b"[]"`` raises a bare ``AttributeError``, ``b"\xff"`` a bare ``UnicodeDecodeError``.
    See ``pytest_dxjobs.faults`` for the other arguments.

    Args:
        body: The bytes of the body, sent as they are.
        status: The HTTP status, 200 to 599.
    """
    return _fault("garbled", message, request_id, headers, body=body, status=status)


def _fault(kind: str, message: str | None, request_id: str | None, headers: Headers | None, **own: Any) -> Fault:
    given: Any = () if headers is None else headers
    return Fault(kind, message, request_id, given, **own)


__all__: Final = [
    "Fault",
    "access_denied",
    "bad_gateway",
    "conflict",
    "connect_timeout",
    "connection_closed",
    "connection_refused",
    "expired_token",
    "garbled",
    "internal_error",
    "not_found",
    "read_timeout",
    "service_unavailable",
    "throttling",
    "validation",
]
